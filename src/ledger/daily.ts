import { sql } from 'kysely';
import type { DailyFigures } from '../ports/ledger.ts';
import { figures } from './figures.ts';
import { NOW, nowPlus, type Db } from './sql.ts';

interface DailyRow {
  begun: Date | null;
  done: number;
  aborted: number;
  rolled_back: number;
  blocked: string[] | null;
  due: string[] | null;
}

/** See `Ledger.daily`. */
export async function daily(db: Db, spanMs: number): Promise<DailyFigures> {
  const { rows } = await sql<DailyRow>`
    select (select at from keyturn.audit order by id limit 1) as begun,
           count(*) filter (where state = 'done')::int as done,
           count(*) filter (where state = 'aborted')::int as aborted,
           count(*) filter (where state = 'rolled_back')::int as rolled_back,
           (select jsonb_agg(credential order by credential) from keyturn.rotations where state = 'blocked') as blocked,
           (select jsonb_agg(name order by due_at, name) from keyturn.credentials
             where declared and due_at > ${NOW} and due_at <= ${nowPlus(spanMs)}) as due
    from keyturn.rotations where finished_at > ${nowPlus(-spanMs)}`.execute(db);
  const row = rows[0];
  const { openDebts, oldestDebtAgeMs, deliveriesStuck } = await figures(db);
  return {
    begunAt: row?.begun ?? null,
    done: row?.done ?? 0, aborted: row?.aborted ?? 0, rolledBack: row?.rolled_back ?? 0,
    blocked: row?.blocked ?? [], due: row?.due ?? [], openDebts, oldestDebtAgeMs, deliveriesStuck,
  };
}
