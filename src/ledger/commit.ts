import type { UpdateObject } from 'kysely';
import { sql } from 'kysely';
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import { isTerminal, type RotationState } from '../core/vocabulary.ts';
import type { Change, CommitOutcome, Lease, Rotation } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { insertDebt } from './debts.ts';
import { bindCurrent, setKeyStates, upsertKey } from './keys.ts';
import { insertNotices } from './outbox.ts';
import { releaseSlot, reserve, unlockLocations } from './reservations.ts';
import { toRotation } from './rows.ts';
import { SCHEMA_KNOWN, requireKnownSchema } from './schema-fence.ts';
import { NOW, inTransaction, json, nowPlus, type Db, type Tx } from './sql.ts';
import type { Tables } from './tables.ts';
import { recordTransition } from './transitions.ts';
import { insertWatch } from './watches.ts';

type Refusal = Exclude<CommitOutcome, { outcome: 'ok' }>;

/** Thrown to roll the transaction back when something is held by somebody else. */
class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.outcome);
    this.refusal = refusal;
  }
}

/** The guarded write: see `Ledger.commit`. */
export async function commit(db: Db, lease: Lease, expectState: RotationState, change: Change): Promise<CommitOutcome> {
  try {
    const rotation = await inTransaction(db, (tx) => apply(tx, lease, expectState, change));
    return { outcome: 'ok', rotation };
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

async function apply(tx: Tx, lease: Lease, expectState: RotationState, change: Change): Promise<Rotation> {
  const before = await guard(tx, lease, expectState);
  const refusal = unseen(lease, before, change) ?? (await reserve(tx, before, change));
  if (refusal !== null) throw new Refused(refusal);
  const newKeyId = await applyKeys(tx, change);
  const after = await updateRotation(tx, lease, before, change, newKeyId);
  await applyBelongings(tx, lease, after, change);
  await letGo(tx, after, change);
  if (after.state !== before.state || after.reason !== before.reason) {
    await recordTransition(tx, after, before.state, { worker: lease.worker, actor: actorOf(lease, after) });
  }
  return after;
}

/** A change of state that was decided without what a person asked since is not made: one more look comes first. */
function unseen(lease: Lease, before: Rotation, change: Change): Refusal | null {
  const asked = before.abortAsked !== null && lease.rotation.abortAsked === null;
  return asked && change.to !== undefined ? { outcome: 'asked', rotation: before } : null;
}

function actorOf(lease: Lease, rotation: Rotation) {
  return { who: `worker:${lease.worker}`, why: rotation.reason };
}

/** Locks the row and proves that this worker may still write. */
async function guard(tx: Tx, lease: Lease, expectState: RotationState): Promise<Rotation> {
  const row = await tx
    .selectFrom('rotations')
    .selectAll()
    .select([sql<boolean>`lease_until > ${NOW}`.as('live'), SCHEMA_KNOWN.as('known')])
    .where('id', '=', lease.rotation.id)
    .forUpdate()
    .executeTakeFirst();
  if (row?.known === false) await requireKnownSchema(tx);
  const holds = row !== undefined && row.live && row.epoch === lease.epoch && row.worker === lease.worker;
  if (!holds || row.state !== expectState) throw leaseLost(lease);
  return toRotation(row);
}

export function leaseLost(lease: Lease): KeyturnError {
  const message = `Worker ${lease.worker} no longer holds rotation ${lease.rotation.id} (epoch ${lease.epoch}): nothing was written.`;
  return new KeyturnError('LEASE_LOST', message, { effect: 'none' });
}

/** Keys that stop being current first, so that the one that becomes current has the last word. */
async function applyKeys(tx: Tx, change: Change): Promise<string | undefined> {
  const states = [...(change.keyStates ?? [])].sort((a, b) => Number(a.state === 'current') - Number(b.state === 'current'));
  await setKeyStates(tx, states);
  if (change.newKey === undefined) return undefined;
  const key = await upsertKey(tx, change.newKey);
  if (key.state === 'current') await bindCurrent(tx, key.credential, key.id);
  return key.state === 'current' || key.state === 'staged' ? key.id : undefined;
}

async function updateRotation(tx: Tx, lease: Lease, before: Rotation, change: Change, newKeyId: string | undefined): Promise<Rotation> {
  const to = change.to ?? before.state;
  const set: UpdateObject<Tables, 'rotations'> = {};
  if (to !== before.state) Object.assign(set, { state: to, state_since: NOW });
  if (change.reason !== undefined) set.reason = change.reason;
  if (change.message !== undefined) set.message = scrub(change.message);
  if (change.notes !== undefined) set.notes = json(change.notes);
  if (change.oldKeyId !== undefined) set.old_key_id = change.oldKeyId;
  if (change.newKeyId !== undefined || newKeyId !== undefined) set.new_key_id = change.newKeyId ?? newKeyId ?? null;
  if (change.wakeInMs !== undefined) set.wake_at = change.wakeInMs === null ? null : nowPlus(askedMeanwhile(lease, before) ? 0 : change.wakeInMs);
  if (change.abortAnswered === true) set.abort_asked = null;
  if (change.resumeAnswered === true) set.resume_asked = null;
  // It begins anew when its cause clears, and must then be paced again.
  if (to === 'blocked') set.paced_at = null;
  if (isTerminal(to)) Object.assign(set, { finished_at: NOW, wake_at: null, worker: null, lease_until: null, abort_asked: null, resume_asked: null });
  if (Object.keys(set).length === 0) return before;
  const query = tx.updateTable('rotations').set(set).where('id', '=', before.id);
  return toRotation(await query.returningAll().executeTakeFirstOrThrow());
}

/** A wait must not outlast what was asked while it was decided. */
function askedMeanwhile(lease: Lease, before: Rotation): boolean {
  const { abortAsked, resumeAsked } = lease.rotation;
  return (before.abortAsked !== null && abortAsked === null) || (before.resumeAsked !== null && resumeAsked === null);
}

async function applyBelongings(tx: Tx, lease: Lease, rotation: Rotation, change: Change): Promise<void> {
  const actor = actorOf(lease, rotation);
  for (const debt of change.debts ?? []) await insertDebt(tx, debt, actor);
  for (const watch of change.watches ?? []) await insertWatch(tx, watch);
  await insertNotices(tx, change.notices ?? [], rotation.id);
  const { id: rotationId, credential } = rotation;
  await appendAudit(tx, (change.audit ?? []).map((entry) => ({ ...entry, rotationId, credential })));
}

async function letGo(tx: Tx, rotation: Rotation, change: Change): Promise<void> {
  const over = isTerminal(rotation.state);
  if (over || change.unlockLocations === true) await unlockLocations(tx, rotation.id);
  if (over || change.releaseSlot === true) await releaseSlot(tx, rotation.id);
  if (rotation.state !== 'done') return;
  // The age of the key begins anew: when it is due next is for the next sweep to say.
  await tx.updateTable('credentials').set({ last_rotated_at: NOW, due_at: sql`'-infinity'` }).where('name', '=', rotation.credential).execute();
}
