/** What all workers share of time: how fast they may speak to somebody together, and when something was last done. Kept in `meta`. */
import { sql } from 'kysely';
import { afterOne, afterRest, waitFor, type Limit } from '../core/pace.ts';
import type { Ledger } from '../ports/ledger.ts';
import { NOW, advisoryLock, inTransaction, json, type Db, type Tx } from './sql.ts';

type SharedTimeMethods = 'takePace' | 'restPace' | 'noteDone' | 'sinceDone';

export function sharedTimeMethods(db: Db): Pick<Ledger, SharedTimeMethods> {
  return {
    takePace: (limit, longestMs) =>
      withBucket(db, limit, (until, now) => {
        const waitMs = waitFor(limit, until, now);
        return waitMs > longestMs ? { answer: null } : { answer: waitMs, until: afterOne(limit, until, now) };
      }),
    restPace: async (limit, ms) => {
      await withBucket(db, limit, (until, now) => ({ answer: null, until: afterRest(limit, until, now, ms) }));
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
  readonly answer: number | null;
  /** What the bucket becomes; left as it is without. */
  readonly until?: number;
}

/** Reads and changes a bucket as the only one that does. */
function withBucket(db: Db, limit: Limit, change: (until: number | null, now: number) => Taken): Promise<number | null> {
  return inTransaction(db, async (tx) => {
    const key = `pace.${limit.key}`;
    await advisoryLock(tx, key);
    const { until, now } = await bucket(tx, key);
    const taken = change(until, now);
    if (taken.until !== undefined) {
      const value = json(taken.until);
      await tx.insertInto('meta').values({ key, value }).onConflict((conflict) => conflict.column('key').doUpdateSet({ value })).execute();
    }
    return taken.answer;
  });
}

async function bucket(tx: Tx, key: string): Promise<{ readonly until: number | null; readonly now: number }> {
  const { rows } = await sql<{ until: number | null; now: number }>`
    select (select value::text::float8 from keyturn.meta where key = ${key}) as until, ${EPOCH_MS} as now`.execute(tx);
  return rows[0] ?? { until: null, now: 0 };
}
