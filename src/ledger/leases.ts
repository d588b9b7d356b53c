/** Leases of rotations: taken, renewed, given back; and taken over from whoever did not give one back. */
import { sql, type Selectable } from 'kysely';
import { takeoverText } from '../core/takeover.ts';
import type { Lease } from '../ports/ledger.ts';
import type { Batch } from './batch.ts';
import { leaseLost } from './commit.ts';
import { rotationOf, toRotation, type JsonRow } from './rows.ts';
import { SCHEMA_KNOWN, SCHEMA_KNOWN_HERE, requireKnownSchema } from './schema-fence.ts';
import { situationStatement, toSituation } from './situation.ts';
import { LEASE_FREE, NOW, inTransaction, nowPlus, type Db, type Tx } from './sql.ts';
import { AT_NOW, atNowPlus, fragment, statement, type Fragment } from './statement.ts';
import type { Tables } from './tables.ts';
import { recordRemark } from './transitions.ts';

type Taken = Omit<Lease, 'situation'>;

/** One batch in the usual case, where the lease was given back. */
export async function lease(db: Db, batch: Batch, rotationId: string, worker: string, ttlMs: number): Promise<Lease | null> {
  const [row, situation] = await batch([statement`
    update keyturn.rotations r set epoch = epoch + 1, worker = ${worker}, leased_at = ${AT_NOW}, lease_until = ${atNowPlus(ttlMs)}
    where id = ${rotationId} and finished_at is null and worker is null and ${SCHEMA_KNOWN_HERE}
    returning to_jsonb(r)::text`, situationStatement(rotationId)]);
  if (row != null) return { ...taken(row as JsonRow<'rotations'>, worker), situation: toSituation(situation) };
  const over = await inTransaction(db, (tx) => takeOver(tx, rotationId, worker, ttlMs));
  if (over === null) return null;
  const [then] = await batch([situationStatement(rotationId)]);
  return { ...over, situation: toSituation(then) };
}

function taken(row: JsonRow<'rotations'>, worker: string): Taken {
  return { rotation: rotationOf(row), epoch: row.epoch, worker, expiresAt: endOf(row.lease_until), takenOver: false };
}

function endOf(leaseUntil: string | Date | null): Date {
  if (leaseUntil === null) throw new Error('a lease that was just taken has an end');
  return new Date(leaseUntil);
}

/** Whoever held it is gone, or will find its lease lost. That becomes part of the history in the same transaction, so that no crash is missed. */
async function takeOver(tx: Tx, rotationId: string, worker: string, ttlMs: number): Promise<Taken | null> {
  const free = tx.selectFrom('rotations').selectAll().where('id', '=', rotationId).where('finished_at', 'is', null);
  const former = await free.where(LEASE_FREE).where(SCHEMA_KNOWN).forUpdate().executeTakeFirst();
  if (former === undefined) return null;
  const taking = tx.updateTable('rotations').set({ epoch: sql<number>`epoch + 1`, worker, leased_at: NOW, lease_until: nowPlus(ttlMs) });
  const row = await taking.where('id', '=', rotationId).returningAll().executeTakeFirstOrThrow();
  const [rotation, takenOver] = [toRotation(row), former.worker !== null];
  if (takenOver) await recordTakeover(tx, former, row, worker);
  return { rotation, epoch: row.epoch, worker, expiresAt: endOf(row.lease_until), takenOver };
}

type Row = Selectable<Tables['rotations']>;

async function recordTakeover(tx: Tx, former: Row, row: Row, worker: string): Promise<void> {
  await recordRemark(tx, toRotation(row), {
    reason: 'taken_over',
    message: takeoverText({ former: { worker: former.worker, epoch: former.epoch, leasedAt: former.leased_at, leaseUntil: former.lease_until }, worker, epoch: row.epoch, at: row.leased_at }),
    by: { worker, actor: { who: `worker:${worker}`, why: `${former.worker} did not give its lease back` } },
  });
}

export async function renew(db: Db, batch: Batch, held: Lease, ttlMs: number): Promise<Lease> {
  const [row] = await batch([statement`
    update keyturn.rotations r set lease_until = ${atNowPlus(ttlMs)}
    where ${heldAs(held)} and lease_until > ${AT_NOW} and finished_at is null and ${SCHEMA_KNOWN_HERE}
    returning (to_jsonb(r) - 'plan')::text`]);
  if (row == null) {
    await requireKnownSchema(db);
    throw leaseLost(held);
  }
  const renewed = row as JsonRow<'rotations'>;
  return { ...held, rotation: rotationOf({ ...renewed, plan: held.rotation.plan }), expiresAt: endOf(renewed.lease_until) };
}

export async function release(batch: Batch, held: Lease): Promise<void> {
  await batch([statement`update keyturn.rotations set worker = null, leased_at = null, lease_until = null where ${heldAs(held)}`]);
}

/** The row as this lease knows it. */
function heldAs({ rotation, epoch, worker }: Lease): Fragment {
  return fragment`id = ${rotation.id} and epoch = ${epoch} and worker = ${worker}`;
}
