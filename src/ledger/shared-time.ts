/** What all workers share of time: how fast they may speak to somebody together, and when something was last done. Kept in `meta`. */
import { sql } from 'kysely';
import { afterOne, afterRest, waitForAll, type Limit } from '../core/pace.ts';
import type { Ledger } from '../ports/ledger.ts';
import { NOW, advisoryLock, inTransaction, json, type Db, type Tx } from './sql.ts';

type SharedTimeMethods = 'takePace' | 'restPace' | 'noteDone' | 'sinceDone';

export function sharedTimeMethods(db: Db): Pick<Ledger, SharedTimeMethods> {
  return {
    takePace: (limits) =>
      withBuckets(db, limits, (untils, now) => {
        const waitMs = waitForAll(limits, untils, now);
        return { answer: waitMs, ...(waitMs > 0 ? {} : { untils: limits.map((limit, n) => afterOne(limit, untils[n] ?? null, now)) }) };
      }),
    restPace: async (limit, ms) => {
      await withBuckets(db, [limit], ([until = null], now) => ({ answer: ms, untils: [afterRest(limit, until, now, ms)] }));
    },
    async noteDone(what) {
      await sql`insert into keyturn.meta (key, value) values (${doneKey(what)}, to_jsonb(${EPOCH_MS})) on conflict (key) do update set value = excluded.value`.execute(db);
    },
    async sinceDone(what) {
      const { rows } = await sql<{ ms: number }>`select (${EPOCH_MS} - value::text::float8)::float8 as ms from keyturn.meta where key = ${doneKey(what)}`.execute(db);
      return rows[0]?.ms ?? null;
    },
  };
}

/** The ledger's now in milliseconds since 1970. */
const EPOCH_MS = sql`(extract(epoch from ${NOW}) * 1000)::float8`;

function doneKey(what: string): string {
  return `done.${what}`;
}

interface Taken {
  readonly answer: number;
  /** What the buckets become, in the order of the limits; left as they are without. */
  readonly untils?: readonly number[];
}

/** Reads and changes buckets as the only one that does. Locked in one order, so that nobody waits for somebody who waits for them. */
function withBuckets(db: Db, limits: readonly Limit[], change: (untils: readonly (number | null)[], now: number) => Taken): Promise<number> {
  const keys = limits.map(({ key }) => `pace.${key}`);
  return inTransaction(db, async (tx) => {
    for (const key of keys.toSorted()) await advisoryLock(tx, key);
    const { untils, now } = await bucketsOf(tx, keys);
    const taken = change(untils, now);
    const rows = (taken.untils ?? []).map((until, n) => ({ key: keys[n] ?? '', value: json(until) }));
    if (rows.length > 0) await tx.insertInto('meta').values(rows).onConflict((conflict) => conflict.column('key').doUpdateSet({ value: sql`excluded.value` })).execute();
    return taken.answer;
  });
}

async function bucketsOf(tx: Tx, keys: readonly string[]): Promise<{ readonly untils: readonly (number | null)[]; readonly now: number }> {
  const { rows } = await sql<{ untils: (number | null)[] | null; now: number }>`
    select (select jsonb_agg(meta.value order by k.at) from jsonb_array_elements_text(${json(keys)}::jsonb) with ordinality k(key, at) left join keyturn.meta using (key)) as untils, ${EPOCH_MS} as now`.execute(tx);
  return { untils: rows[0]?.untils ?? [], now: rows[0]?.now ?? 0 };
}
