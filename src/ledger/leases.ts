/** Leases of rotations: taken, renewed, given back; and taken over from whoever did not give one back. */
import { sql } from 'kysely';
import { takeoverText } from '../core/takeover.ts';
import type { Lease } from '../ports/ledger.ts';
import { leaseLost } from './commit.ts';
import { toRotation } from './rows.ts';
import { SCHEMA_KNOWN, requireKnownSchema } from './schema-fence.ts';
import { LEASE_FREE, NOW, inTransaction, nowPlus, type Db, type Tx } from './sql.ts';
import { recordRemark } from './transitions.ts';

type Row = Parameters<typeof toRotation>[0];

/** One statement in the usual case, where the lease was given back. */
export async function lease(db: Db, rotationId: string, worker: string, ttlMs: number): Promise<Lease | null> {
  const row = await taking(db, worker, ttlMs).where('id', '=', rotationId).where('finished_at', 'is', null).where('worker', 'is', null).where(SCHEMA_KNOWN).returningAll().executeTakeFirst();
  if (row !== undefined) return leaseOf(row, worker, false);
  return await inTransaction(db, (tx) => takeOver(tx, rotationId, worker, ttlMs));
}

function taking(db: Db, worker: string, ttlMs: number) {
  return db.updateTable('rotations').set({ epoch: sql<number>`epoch + 1`, worker, leased_at: NOW, lease_until: nowPlus(ttlMs) });
}

function leaseOf(row: Row, worker: string, takenOver: boolean): Lease {
  if (row.lease_until === null) throw new Error('a lease that was just taken has an end');
  return { rotation: toRotation(row), epoch: row.epoch, worker, expiresAt: row.lease_until, takenOver };
}

/** Whoever held it is gone, or will find its lease lost. That becomes part of the history in the same transaction, so that no crash is missed. */
async function takeOver(tx: Tx, rotationId: string, worker: string, ttlMs: number): Promise<Lease | null> {
  const free = tx.selectFrom('rotations').selectAll().where('id', '=', rotationId).where('finished_at', 'is', null);
  const former = await free.where(LEASE_FREE).where(SCHEMA_KNOWN).forUpdate().executeTakeFirst();
  if (former === undefined) return null;
  const row = await taking(tx, worker, ttlMs).where('id', '=', rotationId).returningAll().executeTakeFirstOrThrow();
  if (former.worker === null) return leaseOf(row, worker, false);
  await recordRemark(tx, toRotation(row), {
    reason: 'taken_over',
    message: takeoverText({ former: { worker: former.worker, epoch: former.epoch, leasedAt: former.leased_at, leaseUntil: former.lease_until }, worker, epoch: row.epoch, at: row.leased_at }),
    by: { worker, actor: { who: `worker:${worker}`, why: `${former.worker} did not give its lease back` } },
  });
  return leaseOf(row, worker, true);
}

export async function renew(db: Db, held: Lease, ttlMs: number): Promise<Lease> {
  const query = holding(db.updateTable('rotations').set({ lease_until: nowPlus(ttlMs) }), held);
  const row = await query.where('lease_until', '>', NOW).where('finished_at', 'is', null).where(SCHEMA_KNOWN).returningAll().executeTakeFirst();
  if (row === undefined || row.lease_until === null) {
    await requireKnownSchema(db);
    throw leaseLost(held);
  }
  return { ...held, rotation: toRotation(row), expiresAt: row.lease_until };
}

export async function release(db: Db, held: Lease): Promise<void> {
  await holding(db.updateTable('rotations').set({ worker: null, leased_at: null, lease_until: null }), held).execute();
}

/** Narrows an update to the row as this lease knows it. */
function holding<Q extends { where(column: 'id' | 'epoch' | 'worker', operator: '=', value: string | number): Q }>(query: Q, held: Lease): Q {
  return query.where('id', '=', held.rotation.id).where('epoch', '=', held.epoch).where('worker', '=', held.worker);
}
