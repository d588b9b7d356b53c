/** Holds a value as AWSPENDING, which no application asks for, under a label that names the attempt. */
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { PENDING, stagedLabel, versionToken } from './labels.ts';
import { openForWrite, serves, type OpenSnapshot, type Operation } from './operation.ts';
import type { Place } from './options.ts';
import { foreignPending, valueOf, type Snapshot } from './snapshot.ts';

/** Idempotent by attempt. Throws STORE_CONFLICT for another value under the same attempt, or somebody else's AWSPENDING. */
export async function stageValue(operation: Operation, attempt: string, value: Secret): Promise<void> {
  const { place, document } = operation;
  const snapshot = await openForWrite(operation);
  if (serves(operation, snapshot, value)) return;
  const label = stagedLabel(place.id, attempt);
  const staged = snapshot.versions.find(({ labels }) => labels.includes(label));
  if (staged !== undefined) {
    if (valueOf(document, staged)?.equals(value) === true) return;
    throw otherValue(place);
  }
  refuseForeignPending(snapshot, place);
  const text = document.withValue(snapshot.current.text, value);
  await writeVersion(operation, snapshot, versionToken(attempt, place.id, snapshot.current.id), text, [PENDING, label]);
}

/** Writes a version, or completes the labels of one that the same attempt wrote before. */
export async function writeVersion(
  { api, place }: Operation,
  snapshot: OpenSnapshot,
  id: string,
  text: Secret,
  labels: readonly string[],
): Promise<void> {
  const written = snapshot.versions.find((version) => version.id === id);
  if (written !== undefined && written.text?.equals(text) !== true) throw otherValue(place);
  const carried = written?.labels ?? (await api.put(id, text, labels));
  for (const name of labels) {
    if (carried.includes(name)) continue;
    const from = snapshot.versions.find((version) => version.labels.includes(name))?.id;
    await api.label(name, { to: id, ...(from === undefined ? {} : { from }) });
  }
}

/** Throws STORE_CONFLICT when somebody else is rotating this secret: their pending value must not be lost. */
function refuseForeignPending(snapshot: Snapshot, place: Place): void {
  const foreign = foreignPending(snapshot);
  if (foreign !== null) throw foreignConflict(place, foreign.id);
}

export function foreignConflict(place: Place, versionId: string): KeyturnError {
  return new KeyturnError('STORE_CONFLICT', `Somebody else has a pending version of ${place.secret} (AWSPENDING on ${versionId}): another rotation is under way or was left behind.`, {
    effect: 'none',
    todo: `Let it finish, or remove its label: aws secretsmanager update-secret-version-stage --secret-id ${place.secretId} --version-stage AWSPENDING --remove-from-version-id ${versionId}`,
  });
}

function otherValue(place: Place): KeyturnError {
  return new KeyturnError('STORE_CONFLICT', `This attempt has already written another value to ${place.secret}.`, {
    effect: 'none',
    todo: 'Nothing was changed. Begin a new attempt.',
  });
}
