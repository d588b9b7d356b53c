/**
 * Makes a value current by moving AWSCURRENT from the expected version to ours: AWS itself compares and sets.
 * Order matters for whoever dies here: the displaced version is labelled before the move, the pending labels go after.
 */
import { KeyturnError } from '../../core/errors.ts';
import type { PromoteRequest } from '../../ports/store.ts';
import { CURRENT, displacedAttempt, displacedLabel, PENDING, stagedLabel, versionToken } from './labels.ts';
import { openForWrite, serves, type OpenSnapshot, type Operation } from './operation.ts';
import type { Place } from './options.ts';
import { foreignPending, valueOf, viewVersion } from './snapshot.ts';
import { writeVersion } from './stage.ts';

/** Idempotent by value. Throws STORE_CONFLICT when the place moved on since `expect`. */
export async function promoteValue(operation: Operation, request: PromoteRequest): Promise<void> {
  const snapshot = await openForWrite(operation);
  if (serves(operation, snapshot, request.value)) return tidy(operation, request, null);
  if (viewVersion(snapshot) !== request.expect) throw movedOn(operation.place);
  const target = await targetVersion(operation, snapshot, request);
  const displaced = await keepDisplaced(operation, snapshot, request);
  const outcome = await operation.api.label(CURRENT, { from: snapshot.current.id, to: target });
  // Refused: somebody moved it first, or the answer to our own first try was lost.
  if (outcome === 'refused' && !serves(operation, await openForWrite(operation), request.value)) throw movedOn(operation.place);
  await tidy(operation, request, displaced);
}

/** The version to make current: one that says exactly this already, or a new one on top of the expected current. */
async function targetVersion(operation: Operation, snapshot: OpenSnapshot, { attempt, value }: PromoteRequest): Promise<string> {
  const { place, document } = operation;
  const text = document.withValue(snapshot.current.text, value);
  const label = stagedLabel(place.id, attempt);
  const staged = snapshot.versions.find(({ labels }) => labels.includes(label));
  const ready = [staged, ...snapshot.versions].find((version) => version?.text?.equals(text) === true && version !== foreignPending(snapshot));
  if (ready !== undefined) return ready.id;
  const id = versionToken(attempt, place.id, snapshot.current.id);
  // Both labels move at once, so that no AWSPENDING of ours is ever left without the name of its attempt.
  const labels = staged?.labels.includes(PENDING) === true ? [PENDING, label] : [label];
  await writeVersion(operation, snapshot, id, text, labels);
  return id;
}

/** Labels the version that is about to be displaced, and answers its id; null where nothing is kept. */
async function keepDisplaced({ api, place, document }: Operation, snapshot: OpenSnapshot, request: PromoteRequest): Promise<string | null> {
  const { current, versions } = snapshot;
  if (request.displaced === 'drop' || valueOf(document, current) === null) return null;
  const label = displacedLabel(place.id, request.attempt);
  // An earlier try of the same attempt, on an older current version, may have labelled that one.
  const from = versions.find(({ labels }) => labels.includes(label))?.id;
  if (from !== current.id) await api.label(label, { to: current.id, ...(from === undefined ? {} : { from }) });
  return current.id;
}

/** Leaves no pending label of this attempt behind, and displaced ones only as asked. */
async function tidy(operation: Operation, request: PromoteRequest, displaced: string | null): Promise<void> {
  const { api, place } = operation;
  const staged = stagedLabel(place.id, request.attempt);
  const kept = displacedLabel(place.id, request.attempt);
  const versions = Object.entries((await api.describe())?.VersionIdsToStages ?? {});
  for (const [from, labels] of versions) {
    const isCurrent = labels.includes(CURRENT);
    const ours = labels.includes(staged);
    // AWSPENDING first: without the staged label it would look like somebody else's.
    if (labels.includes(PENDING) && ours) await api.label(PENDING, { from });
    if (ours) await api.label(staged, { from });
    const stale = labels.filter((name) => displacedAttempt(place.id, name) !== null && (isCurrent || request.displaced === 'drop'));
    for (const name of stale) await api.label(name, { from });
  }
  const lost = displaced !== null && !versions.some(([, labels]) => labels.includes(kept));
  if (lost) await api.label(kept, { to: displaced });
}

function movedOn(place: Place): KeyturnError {
  return new KeyturnError('STORE_CONFLICT', `The ${place.secret} changed since it was read, so it was left as it is.`, {
    effect: 'none',
    todo: 'Nothing: Keyturn reads it again. If it happens often, find out what else writes this secret.',
  });
}

