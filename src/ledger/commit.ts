import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import { isTerminal, type RotationState } from '../core/vocabulary.ts';
import type { Change, CommitOutcome, Lease, Rotation } from '../ports/ledger.ts';
import { auditStatements } from './audit.ts';
import { Refused, orRefuse, type Batch } from './batch.ts';
import { debtStatements } from './debts.ts';
import { keyStateStatements, upsertKeyStatement, refusedKey } from './keys.ts';
import { noticeStatements } from './outbox.ts';
import { releaseSlot, reserveStatements, standsInTheWay, unlockLocations } from './reservations.ts';
import { rotationOf, type JsonRow } from './rows.ts';
import { situationStatement, toSituation } from './situation.ts';
import { AT_NOW, Fragment, atNowPlus, fragment, statement, type Statement } from './statement.ts';
import { json } from './sql.ts';
import { watchStatement } from './watches.ts';

const LOST = { outcome: 'lease-lost' };

/** The guarded write: see `Ledger.commit`. One batch, so one round trip; a second one before it where something is reserved. */
export async function commit(batch: Batch, lease: Lease, expectState: RotationState, change: Change): Promise<CommitOutcome> {
  try {
    const held = heldBy(lease, expectState);
    const [inTheWay] = reserves(change) ? await batch([statement`select ${standsInTheWay(lease.rotation, change)}`]) : [];
    if (inTheWay != null) throw new Refused(inTheWay);
    const reservations = reserves(change) ? [holdStatement(held), ...reserveStatements(lease.rotation, change)] : [];
    const write = writeStatement(lease, expectState, change, held);
    const belongings = belongingStatements(lease, expectState, change);
    const newKey = change.newKey === undefined ? [] : [upsertKeyStatement(change.newKey, lease.rotation.id)];
    const answers = await batch([...reservations, write, ...newKey, ...belongings, situationStatement(lease.rotation.id)]);
    return written(lease, answers[reservations.length], newKey.length > 0 ? answers[reservations.length + 1] : undefined, answers.at(-1));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refused(lease, error.refusal as { readonly outcome: string });
  }
}

function reserves({ pace, reserveSlot, lockLocations }: Change): boolean {
  return pace !== undefined || reserveSlot !== undefined || (lockLocations ?? []).length > 0;
}

/** The row as this lease knows it, while the lease lasts. */
function heldBy({ rotation, epoch, worker }: Lease, state: RotationState): Fragment {
  return fragment`id = ${rotation.id} and epoch = ${epoch} and worker = ${worker} and state = ${state} and lease_until > ${AT_NOW}`;
}

/** Locks the row first: whoever reserves holds it. */
function holdStatement(held: Fragment): Statement {
  return statement`with held as (select id from keyturn.rotations where ${held} for update) select ${orRefuse(fragment`(select to_json(id)::text from held)`, LOST)}`;
}

/** Proves that this worker may still write, writes, and tells the change of state or reason to history and audit log. */
function writeStatement(lease: Lease, from: RotationState, change: Change, held: Fragment): Statement {
  const { worker } = lease;
  return statement`
    with before as (
      select id, state as from_state, reason as from_reason from keyturn.rotations where ${held} for update
    ), after as (
      update keyturn.rotations r set ${assignments(from, change)} from before where r.id = before.id returning r.*, from_state, from_reason
    ), changed as (
      select *, ${AT_NOW} as at from after where state <> from_state or reason <> from_reason
    ), told as (
      insert into keyturn.transitions (rotation_id, at, from_state, to_state, reason, message, epoch, worker)
      select id, at, from_state, state, reason, message, epoch, ${worker} from changed
    ), logged as (
      insert into keyturn.audit (at, type, actor, credential, rotation_id, detail)
      select date_trunc('milliseconds', at), 'rotation.transition', jsonb_build_object('who', ${`worker:${worker}`}::text, 'why', reason), credential, id,
        jsonb_build_object('from', from_state, 'to', state, 'reason', reason, 'message', message, 'epoch', epoch, 'kind', kind, 'path', path)
      from changed
    )
    select ${orRefuse(fragment`(select (to_jsonb(after) - 'plan')::text from after)`, LOST)}`;
}

function assignments(from: RotationState, change: Change): Fragment {
  const to = change.to ?? from;
  const over = isTerminal(to);
  const set: Fragment[] = [fragment`epoch = r.epoch`];
  if (to !== from) set.push(fragment`state = ${to}, state_since = ${AT_NOW}`);
  if (change.reason !== undefined) set.push(fragment`reason = ${change.reason}`);
  if (change.message !== undefined) set.push(fragment`message = ${scrub(change.message)}`);
  if (change.notes !== undefined) set.push(fragment`notes = ${json(change.notes)}`);
  if (change.oldKeyId !== undefined) set.push(fragment`old_key_id = ${change.oldKeyId}`);
  if (change.newKeyId !== undefined) set.push(fragment`new_key_id = ${change.newKeyId}`);
  if (over) return joined([...set, fragment`finished_at = ${AT_NOW}, wake_at = null, worker = null, lease_until = null`]);
  if (change.wakeInMs !== undefined) set.push(change.wakeInMs === null ? fragment`wake_at = null` : fragment`wake_at = ${atNowPlus(change.wakeInMs)}`);
  if (change.leaseMs != null) set.push(fragment`lease_until = ${atNowPlus(change.leaseMs)}`);
  if (change.leaseMs === null) set.push(fragment`worker = null, lease_until = null`);
  // It begins anew when its cause clears, and must then be paced again.
  if (to === 'blocked') set.push(fragment`paced_at = null`);
  else if (change.pace !== undefined) set.push(fragment`paced_at = coalesce(r.paced_at, ${AT_NOW})`);
  return joined(set);
}

function joined(parts: readonly Fragment[]): Fragment {
  return new Fragment(['', ...parts.slice(1).map(() => ', '), ''], parts);
}

function belongingStatements(lease: Lease, from: RotationState, change: Change): readonly Statement[] {
  const { id, credential } = lease.rotation;
  const to = change.to ?? from;
  const over = isTerminal(to);
  const actor = { who: `worker:${lease.worker}`, why: change.reason ?? lease.rotation.reason };
  return [
    ...keyStateStatements(change.keyStates ?? []),
    ...(change.debts ?? []).flatMap((debt) => debtStatements(debt, actor)),
    ...(change.watches ?? []).map(watchStatement),
    ...noticeStatements(change.notices ?? [], id),
    ...auditStatements((change.audit ?? []).map((entry) => ({ ...entry, rotationId: id, credential }))),
    ...(over || change.unlockLocations === true ? [unlockLocations(id)] : []),
    ...(over || change.releaseSlot === true ? [releaseSlot(id)] : []),
    ...(to === 'done' ? [dateCredential(lease.rotation, change)] : []),
  ];
}

/** The age of the key begins anew. Where nobody said when it is due next, the next sweep does. */
function dateCredential({ id, credential }: Rotation, { nextDueAt }: Change): Statement {
  if (nextDueAt === undefined) return statement`update keyturn.credentials set last_rotated_at = ${AT_NOW}, due_at = '-infinity' where name = ${credential}`;
  return statement`
    update keyturn.credentials c set last_rotated_at = ${AT_NOW},
      due_at = case when c.plan = r.plan then coalesce(${nextDueAt}::timestamptz, 'infinity') else '-infinity' end
    from keyturn.rotations r where r.id = ${id} and c.name = ${credential}`;
}

function written(lease: Lease, row: unknown, newKeyId: unknown, situation: unknown): CommitOutcome {
  const after = row as JsonRow<'rotations'>;
  const known: Rotation = rotationOf({ ...after, plan: lease.rotation.plan });
  const rotation = typeof newKeyId === 'string' && newKeyId !== '' ? { ...known, newKeyId } : known;
  const expiresAt = after.lease_until === null ? lease.expiresAt : new Date(after.lease_until);
  return { outcome: 'ok', rotation, lease: { ...lease, rotation, situation: toSituation(situation), expiresAt } };
}

function refused(lease: Lease, refusal: { readonly outcome: string }): CommitOutcome {
  if (refusal.outcome === 'lease-lost') throw leaseLost(lease);
  const keyError = refusedKey(refusal);
  if (keyError !== null) throw keyError;
  return refusal as Exclude<CommitOutcome, { outcome: 'ok' }>;
}

export function leaseLost(lease: Lease): KeyturnError {
  const message = `Worker ${lease.worker} no longer holds rotation ${lease.rotation.id} (epoch ${lease.epoch}): nothing was written.`;
  return new KeyturnError('LEASE_LOST', message, { effect: 'none' });
}
