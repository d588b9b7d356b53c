import { sql } from 'kysely';
import { days } from '../core/duration.ts';
import { scrub } from '../core/secret.ts';
import type { UsageLedger } from '../ports/usage-ledger.ts';
import type { Batch } from './batch.ts';
import type { Methods } from './schema-fence.ts';
import { nowPlus, NOW, type Db } from './sql.ts';
import { readMethods } from './usage-read.ts';
import { record } from './usage-record.ts';

/** Longer than any client retries. */
const BATCH_IDS_MS = days(7);
const PRUNED_AT_ONCE = 20_000;

export const USAGE_METHODS: Methods<UsageLedger> = {
  keysByClue: 'reads', source: 'reads', sources: 'reads', buckets: 'reads', activeKeys: 'reads', lastUsed: 'reads', callers: 'reads', needs: 'reads', credentialNeeds: 'reads',
  record: 'writes', sourceFailed: 'writes', prune: 'writes',
};

export function usageMethods(db: Db, batch: Batch): UsageLedger {
  return {
    ...readMethods(db),
    record: (usage) => record(batch, usage),
    async sourceFailed(source, error) {
      const last_error = scrub(error);
      await db.insertInto('usage_sources').values({ source, last_error, failing_since: NOW })
        .onConflict((conflict) => conflict.column('source').doUpdateSet({ last_error, failing_since: sql`coalesce(usage_sources.failing_since, keyturn.now())` }))
        .execute();
    },
    async prune({ minutesMs, hoursMs, callersMs }) {
      const gone = await Promise.all([
        pruneTable(db, 'usage_minutes', 'at', minutesMs),
        pruneTable(db, 'usage_hours', 'at', hoursMs),
        pruneTable(db, 'usage_callers', 'last_seen', callersMs),
        // As long as the hours: a scope that is asked for once a quarter must not be forgotten in between.
        pruneTable(db, 'usage_needs', 'last_seen', hoursMs),
        pruneTable(db, 'usage_batches', 'at', BATCH_IDS_MS),
      ]);
      return gone.reduce((sum, rows) => sum + rows, 0);
    },
  };
}

/** In pieces, so that no transaction holds many rows for long. */
async function pruneTable(db: Db, table: 'usage_minutes' | 'usage_hours' | 'usage_callers' | 'usage_needs' | 'usage_batches', column: 'at' | 'last_seen', keptMs: number): Promise<number> {
  const result = await sql`
    delete from keyturn.${sql.ref(table)} where ctid = any(array(
      select ctid from keyturn.${sql.ref(table)} where ${sql.ref(column)} < ${nowPlus(-keptMs)} limit ${sql.lit(PRUNED_AT_ONCE)}))`.execute(db);
  return Number(result.numAffectedRows ?? 0);
}
