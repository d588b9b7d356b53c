/** What rotations hold against each other: location locks, key slots, and their issuer's pacing. */
import type { Change, CommitOutcome } from '../../../src/ports/ledger.ts';
import type { State } from './state.ts';
import type { RotationRow } from './tables.ts';

export type Refusal = Exclude<CommitOutcome, { outcome: 'ok' }>;
const BUSY_STATES = new Set(['preflight', 'creating', 'staged', 'verified', 'promoting', 'confirmed', 'aborting', 'rolling_back']);
const MINUTE = 60_000;

/** Takes all that the change asks for, or says what stands in the way; the caller then rolls everything back. */
export function reserve(state: State, rotation: RotationRow, change: Change): Refusal | null {
  return (
    pace(state, rotation, change.pace) ??
    reserveSlot(state, rotation, change.reserveSlot) ??
    awaited(state, rotation, change.lockLocations) ??
    lockLocations(state, rotation, change.lockLocations)
  );
}

function pace(state: State, rotation: RotationRow, limits: Change['pace']): Refusal | null {
  if (limits === undefined || rotation.pacedAt !== null) return null;
  const since = state.now() - MINUTE;
  let [busy, begun] = [0, 0];
  for (const other of state.by.pacedAtIssuer.of(rotation.issuer)) {
    if (other.finishedAt === null && BUSY_STATES.has(other.state)) busy += 1;
    if (other.pacedAt !== null && other.pacedAt > since) begun += 1;
  }
  if (busy >= limits.maxConcurrent || begun >= limits.perMinute) return { outcome: 'paced' };
  state.rotations.put({ ...rotation, pacedAt: state.now() });
  return null;
}

/** A reservation whose key exists is one of the issuer's live keys already, and counts no more. */
function reserveSlot(state: State, { id }: RotationRow, slot: Change['reserveSlot']): Refusal | null {
  if (slot === undefined) return null;
  const counts = (other: string): boolean => other !== id && state.rotations.get(other)?.newKeyId === null;
  const reserved = state.by.slotsOfIssuer.of(slot.issuer).filter((one) => counts(one.rotationId)).length;
  if (slot.limit !== null && slot.liveKeys + reserved >= slot.limit) return { outcome: 'no-slot', reserved };
  state.slots.put({ rotationId: id, issuer: slot.issuer });
  return null;
}

function lockLocations(state: State, { id }: RotationRow, locations: Change['lockLocations']): Refusal | null {
  for (const location of [...new Set(locations ?? [])].sort()) {
    const { rotationId: holder } = state.locks.get(location) ?? state.locks.put({ location, rotationId: id });
    if (holder !== id) return { outcome: 'locked', holder, location };
  }
  return null;
}

/** An emergency that waits for a place comes next there. */
function awaited(state: State, { id, path }: RotationRow, locations: Change['lockLocations']): Refusal | null {
  if (path === 'emergency') return null;
  const waiting = state.by.openRotations.of('open').filter((other) => other.path === 'emergency' && other.reason === 'location_locked');
  for (const location of [...new Set(locations ?? [])].sort()) {
    if (state.locks.get(location)?.rotationId === id) continue;
    const [first] = waiting.filter(({ notes }) => Array.isArray(notes['waitsFor']) && notes['waitsFor'].includes(location)).map((other) => other.id).sort();
    if (first !== undefined) return { outcome: 'locked', holder: first, location };
  }
  return null;
}

export function unlockLocations(state: State, rotationId: string): void {
  for (const { location } of state.by.locksOf.of(rotationId)) state.locks.delete(location);
}

export function releaseSlot(state: State, rotationId: string): void {
  state.slots.delete(rotationId);
}
