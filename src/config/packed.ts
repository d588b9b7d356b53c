/** Plans as they wait to be declared: a hundred thousand take some megabytes, and a few at a time are unpacked. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { PlannedCredential, PlannedText } from '../core/plan.ts';

const IN_A_PACK = 100;
/** Of zlib. */
const SMALLEST_CHUNK = 64;

/** Plans that are much alike, as JSON and compressed. */
interface Pack {
  readonly bytes: Uint8Array;
  /** Of the JSON, bytes: unpacked into one buffer of its size, where several would lie about as garbage. */
  readonly size: number;
}

export type Packs = readonly Pack[];

export function pack(plans: Iterable<PlannedCredential>): Packs {
  const packs: Pack[] = [];
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
      for (const one of packs) yield inflateRawSync(one.bytes, { chunkSize: Math.max(SMALLEST_CHUNK, one.size + 1) }).toString();
    },
  };
}

function packed(plans: readonly PlannedCredential[]): Pack {
  const text = Buffer.from(JSON.stringify(plans));
  return { bytes: deflateRawSync(text), size: text.length };
}
