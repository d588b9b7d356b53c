import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import { isTerminal, type RotationState } from '../core/vocabulary.ts';
import type { Change, CommitOutcome, Lease, Rotation } from '../ports/ledger.ts';
import { auditStatements } from './audit.ts';
import { Refused, because, orRefuse, type Batch } from './batch.ts';
import { debtStatements } from './debts.ts';
import { keyStateStatements, upsertKeyStatement, refusedKey } from './keys.ts';
import { noticeStatements } from './outbox.ts';
import { releaseSlot, reserveStatements, standsInTheWay, unlockLocations } from './reservations.ts';
import { rotationOf, toRotation, type JsonRow } from './rows.ts';
import { SCHEMA_KNOWN_HERE, requireKnownSchema } from './schema-fence.ts';
import { situationStatement, toSituation } from './situation.ts';
import { AT_NOW, Fragment, atNowPlus, fragment, statement, type Statement } from './statement.ts';
import { json, type Db } from './sql.ts';
import { watchStatement } from './watches.ts';

const [ASKED, LOST, NEWER] = [{ outcome: 'asked' }, { outcome: 'lease-lost' }, { outcome: 'newer' }];

/** The guarded write: see `Ledger.commit`. One batch, so one round trip; a second one before it where something is reserved. */
export async function commit(db: Db, batch: Batch, lease: Lease, expectState: RotationState, change: Change): Promise<CommitOutcome> {
  try {
    const guard: Guard = { held: heldBy(lease, expectState), seen: seesAsked(lease, change) };
    if (reserves(change)) await look(batch, lease, change, guard);
    const conditions = conditionStatements(lease.rotation, change);
    const before = conditions.length === 0 ? [] : [holdStatement(guard), ...conditions];
    const write = writeStatement(lease, expectState, change, guard);
    const answers = await batch([...before, write, ...belongingStatements(lease, expectState, change), situationStatement(lease.rotation.id)]);
    return written(lease, answers[before.length], answers.at(-1));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return await refused(db, lease, error.refusal as { readonly outcome: string });
  }
}

function reserves({ pace, reserveSlot, lockLocations }: Change): boolean {
  return pace !== undefined || reserveSlot !== undefined || (lockLocations ?? []).length > 0;
}

/** What may be refused, or be an error: it comes before the write, so that a history has no gaps. */
function conditionStatements(rotation: Rotation, change: Change): readonly Statement[] {
  const { newKey, keyStates } = change;
  return [
    ...(reserves(change) ? reserveStatements(rotation, change) : []),
    ...keyStateStatements(keyStates ?? []),
    ...(newKey === undefined ? [] : [upsertKeyStatement(newKey, bindsNewKey(change) ? rotation.id : null)]),
  ];
}

/** A new key that lives becomes the rotation's own, where the change does not name another. */
function bindsNewKey({ newKey, newKeyId }: Change): boolean {
  return newKeyId == null && (newKey?.state === 'staged' || newKey?.state === 'current');
}

/** What must hold of the rotation's row. */
interface Guard {
  readonly held: Fragment;
  /** Of a row that is held. */
  readonly seen: Fragment;
}

/** The row as this lease knows it, while the lease lasts and no newer Keyturn has been here. */
function heldBy({ rotation, epoch, worker }: Lease, state: RotationState): Fragment {
  return fragment`id = ${rotation.id} and epoch = ${epoch} and worker = ${worker} and state = ${state} and lease_until > ${AT_NOW} and ${SCHEMA_KNOWN_HERE}`;
}

/** A change of state that was decided without what a person asked since is not made: one more look comes first. */
function seesAsked({ rotation }: Lease, { to }: Change): Fragment {
  return rotation.abortAsked === null && to !== undefined ? fragment`abort_asked is null` : fragment`true`;
}

/** Asked without a lock: who waits disturbs nobody. Of a row that is not held, or has changed, the write itself tells. */
async function look(batch: Batch, lease: Lease, change: Change, { held, seen }: Guard): Promise<void> {
  const [inTheWay] = await batch([statement`select ${standsInTheWay(lease.rotation, change)} from keyturn.rotations where ${held} and ${seen}`]);
  if (inTheWay != null) throw new Refused(inTheWay);
}

/** Locks the row first: whoever reserves holds it. */
function holdStatement({ held, seen }: Guard): Statement {
  return statement`
    with before as (select id, abort_asked from keyturn.rotations where ${held} for update)
    select ${orRefuse(fragment`(select to_json(id)::text from before where ${seen})`, WHY_NOT)}`;
}

/** Of the row as it is once locked: held, so it was `seen` that failed; or not held at all. */
const WHY_NOT = fragment`case when exists (select from before) then ${because(ASKED)} when ${SCHEMA_KNOWN_HERE} then ${because(LOST)} else ${because(NEWER)} end`;

/** Proves that this worker may still write, writes, and tells the change of state or reason to history and audit log. */
function writeStatement(lease: Lease, from: RotationState, change: Change, { held, seen }: Guard): Statement {
  const { worker } = lease;
  return statement`
    with before as (
      select id, state as from_state, reason as from_reason, abort_asked from keyturn.rotations where ${held} for update
    ), going as (
      select id, from_state, from_reason from before where ${seen}
    ), after as (
      update keyturn.rotations r set ${assignments(lease, from, change)} from going where r.id = going.id returning r.*, from_state, from_reason
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
    select ${orRefuse(fragment`(select (to_jsonb(after) - 'plan')::text from after)`, WHY_NOT)}`;
}

function assignments(lease: Lease, from: RotationState, change: Change): Fragment {
  const to = change.to ?? from;
  const set: Fragment[] = [fragment`epoch = r.epoch`];
  if (to !== from) set.push(fragment`state = ${to}, state_since = ${AT_NOW}`);
  if (change.reason !== undefined) set.push(fragment`reason = ${change.reason}`);
  if (change.message !== undefined) set.push(fragment`message = ${scrub(change.message)}`);
  if (change.notes !== undefined) set.push(fragment`notes = ${json(change.notes)}`);
  if (change.oldKeyId !== undefined) set.push(fragment`old_key_id = ${change.oldKeyId}`);
  if (change.newKeyId !== undefined && !bindsNewKey(change)) set.push(fragment`new_key_id = ${change.newKeyId}`);
  // It begins anew when its cause clears, and must then be paced again.
  if (to === 'blocked') set.push(fragment`paced_at = null`);
  else if (change.pace !== undefined) set.push(fragment`paced_at = coalesce(r.paced_at, ${AT_NOW})`);
  if (isTerminal(to)) return joined([...set, fragment`finished_at = ${AT_NOW}, wake_at = null, worker = null, lease_until = null, abort_asked = null, resume_asked = null`]);
  if (change.wakeInMs !== undefined) set.push(change.wakeInMs === null ? fragment`wake_at = null` : wakeAt(lease, change.wakeInMs));
  if (change.abortAnswered === true) set.push(fragment`abort_asked = null`);
  if (change.resumeAnswered === true) set.push(fragment`resume_asked = null`);
  if (change.leaseMs != null) set.push(fragment`lease_until = ${atNowPlus(change.leaseMs)}`);
  if (change.leaseMs === null) set.push(fragment`worker = null, leased_at = null, lease_until = null`);
  return joined(set);
}

/** A wait must not outlast what was asked while it was decided. */
function wakeAt({ rotation }: Lease, wakeInMs: number): Fragment {
  const [noAbort, noResume] = [rotation.abortAsked === null, rotation.resumeAsked === null];
  return fragment`wake_at = case when (${noAbort}::boolean and r.abort_asked is not null) or (${noResume}::boolean and r.resume_asked is not null)
    then ${AT_NOW} else ${atNowPlus(wakeInMs)} end`;
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
function dateCredential({ id, credential }: Rotation, { nextDueAt, keepsAge }: Change): Statement {
  if (keepsAge === true) return keepAge(id, credential);
  if (nextDueAt === undefined) return statement`update keyturn.credentials set last_rotated_at = ${AT_NOW}, due_at = '-infinity' where name = ${credential}`;
  return statement`
    update keyturn.credentials c set last_rotated_at = ${AT_NOW},
      due_at = case when c.plan = r.plan then coalesce(${nextDueAt}::timestamptz, 'infinity') else '-infinity' end
    from keyturn.rotations r where r.id = ${id} and c.name = ${credential}`;
}

/** As old as the key that it kept: since the end of the rotation that had brought it. */
function keepAge(id: string, credential: string): Statement {
  return statement`
    update keyturn.credentials c set due_at = '-infinity', last_rotated_at = greatest(c.last_rotated_at, (
      select brought.finished_at from keyturn.rotations r join keyturn.keys k on k.id = r.new_key_id
      join keyturn.rotations brought on brought.id = k.rotation_id where r.id = ${id})) where c.name = ${credential}`;
}

function written(lease: Lease, row: unknown, situation: unknown): CommitOutcome {
  const after = row as JsonRow<'rotations'>;
  const rotation = rotationOf({ ...after, plan: lease.rotation.plan });
  const expiresAt = after.lease_until === null ? lease.expiresAt : new Date(after.lease_until);
  return { outcome: 'ok', rotation, lease: { ...lease, rotation, situation: toSituation(situation), expiresAt } };
}

async function refused(db: Db, lease: Lease, refusal: { readonly outcome: string }): Promise<CommitOutcome> {
  if (refusal.outcome === 'newer') await requireKnownSchema(db);
  if (refusal.outcome === 'lease-lost' || refusal.outcome === 'newer') throw leaseLost(lease);
  if (refusal.outcome === 'asked') return { outcome: 'asked', rotation: await asked(db, lease) };
  const keyError = refusedKey(refusal);
  if (keyError !== null) throw keyError;
  return refusal as Exclude<CommitOutcome, { outcome: 'ok' | 'asked' }>;
}

/** With what a person asked of it. */
async function asked(db: Db, lease: Lease): Promise<Rotation> {
  const row = await db.selectFrom('rotations').selectAll().where('id', '=', lease.rotation.id).where('epoch', '=', lease.epoch).executeTakeFirst();
  if (row === undefined) throw leaseLost(lease);
  return toRotation(row);
}

export function leaseLost(lease: Lease): KeyturnError {
  const message = `Worker ${lease.worker} no longer holds rotation ${lease.rotation.id} (epoch ${lease.epoch}): nothing was written.`;
  return new KeyturnError('LEASE_LOST', message, { effect: 'none' });
}
