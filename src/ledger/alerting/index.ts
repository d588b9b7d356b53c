/** Alerts in the ledger. Each is kept whole as JSON, with what is searched for generated from it. */
import { sql } from 'kysely';
import { isEnded, withEvent } from '../../core/alert.ts';
import { scrub } from '../../core/secret.ts';
import type { Actor } from '../../core/vocabulary.ts';
import type { AcknowledgeOutcome, AlertLedger } from '../../ports/alert-ledger.ts';
import { appendAudit } from '../audit.ts';
import type { Batch } from '../batch.ts';
import type { Methods } from '../schema-fence.ts';
import { NOW, advisoryLock, inTransaction, json, nowPlus, type Db } from '../sql.ts';
import { ALERTS_LOCK, apply } from './apply.ts';
import { byIdOrPrefix, readMethods, toAlert } from './read.ts';
import { silenceMethods } from './silences.ts';

const PRUNED_AT_ONCE = 10_000;

export const ALERT_METHODS: Methods<AlertLedger> = {
  open: 'reads', alert: 'reads', list: 'reads', incident: 'reads', channels: 'reads', figures: 'reads', silences: 'reads',
  apply: 'writes', acknowledge: 'writes', addSilence: 'writes', endSilence: 'writes', prune: 'writes',
};

export function alertMethods(db: Db, batch: Batch): AlertLedger {
  return {
    ...readMethods(db),
    ...silenceMethods(db),
    apply: (changes) => apply(batch, changes),
    acknowledge: (id, actor) => acknowledge(db, id, actor),
    async prune(keptMs) {
      const before = sql<string>`(extract(epoch from ${nowPlus(-keptMs)}) * 1000)::bigint`;
      const alerts = await sql`
        delete from keyturn.alerts where ctid = any(array(
          select ctid from keyturn.alerts where closed and ended_ms < ${before} limit ${sql.lit(PRUNED_AT_ONCE)}))`.execute(db);
      const silences = await db.deleteFrom('silences').where('ends_at', '<', nowPlus(-keptMs)).executeTakeFirst();
      return Number(alerts.numAffectedRows ?? 0) + Number(silences.numDeletedRows);
    },
  };
}

/** Whoever evaluates at the same time finds the versions changed, and looks again. */
async function acknowledge(db: Db, idOrPrefix: string, actor: Actor): Promise<AcknowledgeOutcome | null> {
  return await inTransaction(db, async (tx) => {
    await advisoryLock(tx, ALERTS_LOCK);
    const alert = await byIdOrPrefix(tx, idOrPrefix);
    if (alert === null) return null;
    if (isEnded(alert)) return 'ended';
    if (alert.acknowledged !== null) return 'already';
    const rows = await tx.selectFrom('alerts').select(['record', 'version']).where('incident', '=', alert.incident).where('state', 'in', ['pending', 'firing', 'recovering']).execute();
    const { rows: clock } = await sql<{ at: Date }>`select ${NOW} as at`.execute(tx);
    const at = clock[0]?.at.getTime() ?? Date.now();
    for (const one of rows.map(toAlert)) {
      const record = withEvent({ ...one, acknowledged: { actor, at } }, at, 'acknowledged', `${actor.who}: ${actor.why}`);
      await tx.updateTable('alerts').set({ record: scrub(json(record)), version: one.version + 1 }).where('id', '=', one.id).execute();
    }
    const { credential, rule, subject } = alert.finding;
    await appendAudit(tx, [{ type: 'alert.acknowledged', actor, credential, rotationId: null, keyId: null, detail: { alert: alert.id, incident: alert.incident, rule, subject } }]);
    return 'acknowledged';
  });
}
