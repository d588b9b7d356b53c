import { KeyturnError } from '../../../src/core/errors.ts';
import { isTerminal, type RotationState } from '../../../src/core/vocabulary.ts';
import { canonical } from '../../../src/ledger/chain.ts';
import type { Change, Lease } from '../../../src/ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { insertDebt } from './debts.ts';
import { frozenCopy } from './json.ts';
import { bindCurrent, setKeyStates, upsertKey } from './keys.ts';
import { insertNotices } from './outbox.ts';
import { releaseSlot, reserve, unlockLocations, type Refusal } from './reservations.ts';
import { maybe, toRotation } from './rows.ts';
import { situationOf } from './situation.ts';
import type { State } from './state.ts';
import { NO_LEASE, type CredentialRow, type RotationRow } from './tables.ts';
import { recordTransition } from './transitions.ts';
import { insertWatch } from './watches.ts';

/** Thrown to roll the transaction back when something is held by somebody else. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.outcome);
    this.refusal = refusal;
  }
}

/** The guarded write: see `Ledger.commit`. Runs in a transaction; throws `Refused`. */
export function commit(state: State, lease: Lease, expectState: RotationState, change: Change): Lease {
  const before = guard(state, lease, expectState);
  const refusal = unseen(lease, before, change) ?? reserve(state, before, change);
  if (refusal !== null) throw new Refused(refusal);
  const newKeyId = applyKeys(state, change);
  const after = updateRotation(state, lease, before.id, change, newKeyId);
  if (after.state !== before.state || after.reason !== before.reason) {
    recordTransition(state, after, before.state, { worker: lease.worker, actor: actorOf(lease, after) });
  }
  applyBelongings(state, lease, after, change);
  letGo(state, after, change);
  return { ...lease, rotation: toRotation(after), situation: situationOf(state, after), expiresAt: maybe(after.leaseUntil) ?? lease.expiresAt };
}

/** A change of state that was decided without what a person asked since is not made. */
function unseen(lease: Lease, before: RotationRow, change: Change): Refusal | null {
  const asked = before.abortAsked !== null && lease.rotation.abortAsked === null;
  return asked && change.to !== undefined ? { outcome: 'asked', rotation: toRotation(before) } : null;
}

function actorOf(lease: Lease, rotation: RotationRow) {
  return { who: `worker:${lease.worker}`, why: rotation.reason };
}

/** Proves that this worker may still write. */
function guard(state: State, lease: Lease, expectState: RotationState): RotationRow {
  const row = state.rotations.get(lease.rotation.id);
  if (row === undefined || !holds(state, row, lease) || row.state !== expectState) throw leaseLost(lease);
  return row;
}

/** True while the lease is the row's, and has not run out. */
export function holds(state: State, row: RotationRow, lease: Lease): boolean {
  return row.leaseUntil !== null && row.leaseUntil > state.now() && row.epoch === lease.epoch && row.worker === lease.worker;
}

export function leaseLost(lease: Lease): KeyturnError {
  const message = `Worker ${lease.worker} no longer holds rotation ${lease.rotation.id} (epoch ${lease.epoch}): nothing was written.`;
  return new KeyturnError('LEASE_LOST', message, { effect: 'none' });
}

/** Keys that stop being current first, so that the one that becomes current has the last word. */
function applyKeys(state: State, change: Change): string | undefined {
  const states = [...(change.keyStates ?? [])].sort((a, b) => Number(a.state === 'current') - Number(b.state === 'current'));
  setKeyStates(state, states);
  if (change.newKey === undefined) return undefined;
  const key = upsertKey(state, change.newKey);
  if (key.state === 'current') bindCurrent(state, key.credential, key.id);
  return key.state === 'current' || key.state === 'staged' ? key.id : undefined;
}

type Writable = { -readonly [Column in keyof RotationRow]: RotationRow[Column] };

/** A wait must not outlast what was asked while it was decided. */
function askedMeanwhile({ rotation }: Lease, { abortAsked, resumeAsked }: RotationRow): boolean {
  return (abortAsked !== null && rotation.abortAsked === null) || (resumeAsked !== null && rotation.resumeAsked === null);
}

function updateRotation(state: State, lease: Lease, id: string, change: Change, newKeyId: string | undefined): RotationRow {
  const row = state.rotations.get(id);
  if (row === undefined) throw new Error(`rotation ${id} is gone`);
  const [now, to] = [state.now(), change.to ?? row.state];
  const next: Writable = { ...row };
  if (to !== row.state) Object.assign(next, { state: to, stateSince: now });
  if (change.reason !== undefined) next.reason = change.reason;
  if (change.message !== undefined) next.message = change.message;
  if (change.notes !== undefined) next.notes = frozenCopy(change.notes);
  if (change.oldKeyId !== undefined) next.oldKeyId = change.oldKeyId;
  if (change.newKeyId !== undefined || newKeyId !== undefined) next.newKeyId = change.newKeyId ?? newKeyId ?? null;
  if (change.wakeInMs !== undefined) next.wakeAt = change.wakeInMs === null ? null : now + (askedMeanwhile(lease, row) ? 0 : change.wakeInMs);
  if (change.abortAnswered === true) next.abortAsked = null;
  if (change.resumeAnswered === true) next.resumeAsked = null;
  if (change.leaseMs != null) next.leaseUntil = now + change.leaseMs;
  if (change.leaseMs === null) Object.assign(next, { ...NO_LEASE, leasedAt: null });
  // It begins anew when its cause clears, and must then be paced again.
  if (to === 'blocked') next.pacedAt = null;
  if (isTerminal(to)) Object.assign(next, { finishedAt: now, wakeAt: null, abortAsked: null, resumeAsked: null, ...NO_LEASE });
  return state.rotations.put(next);
}

function applyBelongings(state: State, lease: Lease, rotation: RotationRow, change: Change): void {
  // As the worker knows it, who wrote the last reason itself.
  const actor = { who: `worker:${lease.worker}`, why: change.reason ?? lease.rotation.reason };
  for (const debt of change.debts ?? []) insertDebt(state, debt, actor);
  for (const watch of change.watches ?? []) insertWatch(state, watch);
  insertNotices(state, change.notices ?? [], rotation.id);
  const { id: rotationId, credential } = rotation;
  for (const entry of change.audit ?? []) appendAudit(state, { ...entry, rotationId, credential });
}

function letGo(state: State, rotation: RotationRow, change: Change): void {
  const over = isTerminal(rotation.state);
  if (over || change.unlockLocations === true) unlockLocations(state, rotation.id);
  if (over || change.releaseSlot === true) releaseSlot(state, rotation.id);
  const credential = rotation.state === 'done' ? state.credentials.get(rotation.credential) : undefined;
  if (credential === undefined) return;
  if (change.keepsAge === true) state.credentials.put({ ...credential, lastRotatedAt: ageKept(state, credential, rotation), dueAt: -Infinity });
  else state.credentials.put({ ...credential, lastRotatedAt: state.now(), dueAt: dueNext(credential, rotation, change) });
}

/** Since the end of the rotation that had brought the key that it kept. */
function ageKept(state: State, { lastRotatedAt }: CredentialRow, { newKeyId }: RotationRow): number | null {
  const brought = state.rotations.get(state.keys.get(newKeyId ?? '')?.rotationId ?? '')?.finishedAt ?? null;
  return lastRotatedAt === null || brought === null ? (lastRotatedAt ?? brought) : Math.max(lastRotatedAt, brought);
}

/** For the next sweep to say, where nobody said or the plan is another one by now. */
function dueNext(credential: CredentialRow, { plan }: RotationRow, { nextDueAt }: Change): number {
  if (nextDueAt === undefined || canonical(credential.plan) !== canonical(plan)) return -Infinity;
  return nextDueAt?.getTime() ?? Infinity;
}
