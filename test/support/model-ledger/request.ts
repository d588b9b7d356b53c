import { isUnconditional } from '../../../src/core/debt.ts';
import { beginning, revocationOf } from '../../../src/core/revocation.ts';
import type { RotationKind } from '../../../src/core/vocabulary.ts';
import type { NewRotation, RequestOutcome } from '../../../src/ports/ledger.ts';
import { frozenCopy } from './json.ts';
import { releaseSlot, unlockLocations } from './reservations.ts';
import { toRotation } from './rows.ts';
import { words, type State } from './state.ts';
import { NO_LEASE, type RotationRow } from './tables.ts';
import { recordTransition } from './transitions.ts';
import { insertWatch } from './watches.ts';

/** How long a create whose answer was lost may still land at an issuer. */
const LATE_CREATE_MS = 24 * 60 * 60 * 1000;

/** See `Ledger.request`: one open rotation a credential; an emergency ends the open one and takes its place. */
export function request(state: State, asked: NewRotation): RequestOutcome {
  const open = state.by.openRotation.one(asked.credential);
  const notes = notesOf(state, asked, open);
  if (open !== undefined) {
    if (notes === null) return { outcome: 'open', rotation: toRotation(open) };
    preempt(state, open, asked);
  }
  return { outcome: 'created', rotation: toRotation(insert(state, { ...asked, notes: notes ?? {}, occurrence: null })) };
}

/** With what it begins; null where the open one stays. */
function notesOf(state: State, { kind, notes = {} }: NewRotation, open: RotationRow | undefined): NewRotation['notes'] | null {
  if (kind !== 'emergency') return open === undefined ? notes : null;
  const { keys } = revocationOf(notes);
  const dying = keys === 'every' ? [] : keys.filter((id) => isDying(state, id));
  return beginning(notes, open ?? null, new Set(dying));
}

function isDying(state: State, id: string): boolean {
  const key = state.keys.get(id);
  if (key?.state !== 'condemned') return key?.state === 'revoked' || key?.state === 'lost';
  const debt = state.by.openDebtOfKey.one(words(key.issuer, key.issuerKeyId));
  return debt !== undefined && isUnconditional(debt.cause);
}

function preempt(state: State, open: RotationRow, by: NewRotation): void {
  const now = state.now();
  const ended = state.rotations.put({
    ...open,
    ...NO_LEASE,
    abortAsked: null,
    resumeAsked: null,
    epoch: open.epoch + 1,
    state: 'aborted',
    reason: 'preempted',
    message: 'An emergency rotation took its place.',
    stateSince: now,
    finishedAt: now,
    wakeAt: null,
  });
  unlockLocations(state, open.id);
  releaseSlot(state, open.id);
  const name = attemptName(open);
  if (open.state === 'creating' && name !== null) {
    insertWatch(state, { issuer: open.issuer, credential: open.credential, name, rotationId: open.id, forMs: LATE_CREATE_MS });
  }
  recordTransition(state, ended, open.state, { worker: by.actor.who, actor: by.actor });
}

/** The name under which the interrupted attempt may yet mint a key; src/rotation keeps it in its notes. */
function attemptName(rotation: RotationRow): string | null {
  const attempt = rotation.notes['attempt'];
  if (typeof attempt !== 'object' || attempt === null || !('name' in attempt)) return null;
  return typeof attempt.name === 'string' ? attempt.name : null;
}

/** What `insert` is told: what a person asked for, or what the schedule did. */
export interface Requested extends Omit<NewRotation, 'kind'> {
  readonly kind: RotationKind;
  readonly occurrence: Date | null;
}

export function insert(state: State, asked: Requested): RotationRow {
  const { credential, kind, path, oldKeyId } = asked;
  const [id, now, notes, actor] = [state.newId(), state.now(), frozenCopy(asked.notes ?? {}), frozenCopy(asked.actor)];
  const rotation = state.rotations.put({
    id, credential, issuer: asked.plan.issuer.name, kind, path, state: 'requested', epoch: 0, plan: frozenCopy(asked.plan), actor,
    occurrence: asked.occurrence?.getTime() ?? null, asked: notes, oldKeyId, newKeyId: null, notes, reason: 'requested', message: actor.why,
    createdAt: now, stateSince: now, wakeAt: now, finishedAt: null, leasedAt: null, abortAsked: null, resumeAsked: null, pacedAt: null, ...NO_LEASE,
  });
  recordTransition(state, rotation, null, { worker: actor.who, actor });
  return rotation;
}
