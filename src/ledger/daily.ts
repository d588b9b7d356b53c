import { sql } from 'kysely';
import { KEY_AGE_DAYS, type DailyFigures } from '../ports/ledger.ts';
import { OF_DRILL } from './drills.ts';
import { figures } from './figures.ts';
import { NOW, nowPlus, type Db } from './sql.ts';

interface DailyRow {
  begun: Date | null;
  done: number;
  aborted: number;
  rolled_back: number;
  blocked: string[] | null;
  due: string[] | null;
  ages: number[] | null;
  oldest: { credential: string; age: number } | null;
}

const CURRENT_KEYS = sql`select k.id, k.created_at, c.name as credential from keyturn.credentials c join keyturn.keys k on k.id = c.current_key_id where c.declared`;
/** Seconds, as `width_bucket` takes its thresholds. */
const BOUNDS = sql.raw(`array[${KEY_AGE_DAYS.map((days) => days * 86_400).join(', ')}]::float8[]`);

/** See `Ledger.daily`. */
export async function daily(db: Db, spanMs: number): Promise<DailyFigures> {
  const { rows } = await sql<DailyRow>`
    select (select at from keyturn.audit order by id limit 1) as begun,
           count(*) filter (where state = 'done')::int as done,
           count(*) filter (where state = 'aborted')::int as aborted,
           count(*) filter (where state = 'rolled_back')::int as rolled_back,
           (select jsonb_agg(credential order by credential) from keyturn.rotations where state = 'blocked' and not ${OF_DRILL}) as blocked,
           (select jsonb_agg(name order by due_at, name) from keyturn.credentials
             where declared and due_at > ${NOW} and due_at <= ${nowPlus(spanMs)}) as due,
           (select jsonb_agg(n order by bucket) from (
             select bucket, count(k.id)::int n from generate_series(0, ${KEY_AGE_DAYS.length}::int) bucket
             left join (${CURRENT_KEYS}) k on width_bucket(extract(epoch from ${NOW} - k.created_at)::float8, ${BOUNDS}) = bucket group by bucket) b) as ages,
           (select jsonb_build_object('credential', credential, 'age', extract(epoch from ${NOW} - created_at) * 1000) from (${CURRENT_KEYS}) k order by created_at, credential limit 1) as oldest
    from keyturn.rotations where finished_at > ${nowPlus(-spanMs)} and not ${OF_DRILL}`.execute(db);
  const row = rows[0];
  const { openDebts, oldestDebtAgeMs, deliveriesStuck } = await figures(db);
  return {
    begunAt: row?.begun ?? null,
    done: row?.done ?? 0, aborted: row?.aborted ?? 0, rolledBack: row?.rolled_back ?? 0,
    blocked: row?.blocked ?? [], due: row?.due ?? [],
    keyAges: row?.ages ?? [], oldestKey: row?.oldest == null ? null : { credential: row.oldest.credential, ageMs: row.oldest.age },
    openDebts, oldestDebtAgeMs, deliveriesStuck,
  };
}
