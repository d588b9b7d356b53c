/** Takes our labels off versions that have done their duty. A version without labels is AWS's to delete. */
import { KeyturnError } from '../../core/errors.ts';
import type { StoreSlot } from '../../ports/store.ts';
import { CURRENT, displacedLabel, isKeyturnStaged, PENDING, PREVIOUS, stagedAttempt, stagedLabel } from './labels.ts';
import type { Operation } from './operation.ts';
import type { Place } from './options.ts';
import { gather, slotsOf, type PlacedSlot, type Snapshot } from './snapshot.ts';
import { foreignConflict } from './stage.ts';

interface Removal {
  readonly label: string;
  readonly from: string;
}

const ROUNDS = 3;

/** Never touches AWSCURRENT. Throws STORE_CONFLICT when a selected slot is somebody else's AWSPENDING; ours are gone by then. */
export async function retireSlots(
  { api, place, document }: Operation,
  select: (slot: StoreSlot) => boolean,
  why: 'superseded' | 'rejected',
): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const snapshot = await gather(api, place);
    const slots = slotsOf(snapshot, place, document).filter((slot) => slot.role !== 'current' && select(plain(slot)));
    const removals = [...leftovers(snapshot, place), ...slots.flatMap((slot) => removalsOf(slot, place, why))];
    let refused = false;
    for (const { label, from } of unique(removals)) refused = (await api.label(label, { from })) === 'refused' || refused;
    if (refused) continue;
    const foreign = slots.find(({ role, attempt }) => role === 'staged' && attempt === null);
    if (foreign !== undefined) throw foreignConflict(place, foreign.version.id);
    return;
  }
  throw new KeyturnError('STORE_CONFLICT', `The labels of ${place.secret} kept moving while old versions were being retired.`, {
    todo: 'Find out what else writes this secret; Keyturn tries again.',
  });
}

function removalsOf({ role, attempt, version }: PlacedSlot, place: Place, why: 'superseded' | 'rejected'): readonly Removal[] {
  const from = version.id;
  if (role === 'history') return why === 'rejected' ? [{ label: PREVIOUS, from }] : [];
  if (attempt === null) return [];
  if (role === 'displaced') return [{ label: displacedLabel(place.id, attempt), from }];
  return stagedRemovals(version.labels, stagedLabel(place.id, attempt), from);
}

/** A promotion that died after its move leaves its pending labels on the current version. */
function leftovers({ current }: Snapshot, place: Place): readonly Removal[] {
  if (current === null || !current.labels.includes(CURRENT)) return [];
  const { id, labels } = current;
  return labels.filter((name) => stagedAttempt(place.id, name) !== null).flatMap((name) => stagedRemovals(labels, name, id));
}

/** AWSPENDING goes with the last staged label of the version, and before it, lest it look like somebody else's. */
function stagedRemovals(labels: readonly string[], label: string, from: string): readonly Removal[] {
  const alone = !isKeyturnStaged(labels.filter((name) => name !== label));
  return labels.includes(PENDING) && alone ? [{ label: PENDING, from }, { label, from }] : [{ label, from }];
}

function unique(removals: readonly Removal[]): readonly Removal[] {
  return removals.filter((one, at) => removals.findIndex(({ label, from }) => label === one.label && from === one.from) === at);
}

function plain({ role, value, attempt }: PlacedSlot): StoreSlot {
  return { role, value, attempt };
}
