/** Plans as they wait to be declared: a hundred thousand take some megabytes, and a few at a time are unpacked. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { PlannedCredential, PlannedText } from '../core/plan.ts';

const IN_A_PACK = 100;

/** Plans that are much alike, as JSON and compressed. */
export type Packs = readonly Uint8Array[];

export function pack(plans: Iterable<PlannedCredential>): Packs {
  const packs: Uint8Array[] = [];
  const waiting: PlannedCredential[] = [];
  for (const planned of plans) {
    waiting.push(planned);
    if (waiting.length === IN_A_PACK) packs.push(packed(waiting.splice(0)));
  }
  return waiting.length === 0 ? packs : [...packs, packed(waiting)];
}

/** Each iteration begins anew, and holds one pack at a time. */
export function unpacked(packs: Packs): Iterable<PlannedText> {
  return {
    *[Symbol.iterator]() {
      for (const one of packs) yield inflateRawSync(one).toString();
    },
  };
}

function packed(plans: readonly PlannedCredential[]): Uint8Array {
  return deflateRawSync(JSON.stringify(plans));
}
