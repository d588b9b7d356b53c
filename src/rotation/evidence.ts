/** Reading what places hold, compared by fingerprint with what the ledger knows. */
import { describeError } from '../core/errors.ts';
import type { PlaceFact, Serving } from '../core/facts.ts';
import type { Fingerprint, Fingerprinter, Secret } from '../core/secret.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { StoreSlot, StoreView } from '../ports/store.ts';
import { within, type Engine, type Place } from './engine.ts';

export interface ReadPlace {
  readonly place: Place;
  /** Null when it could not be read. */
  readonly view: StoreView | null;
  readonly error: string;
}

export interface KnownPrints {
  readonly newKey: Fingerprint | null;
  readonly oldKey: Fingerprint | null;
  /** Every key of the credential that the ledger knows. */
  readonly ours: ReadonlySet<Fingerprint>;
}

/** The prints of a rotation's two keys; the credential's other keys only when a place serves neither, since few ever do. */
export async function printsFor(engine: Pick<Engine, 'ledger' | 'fingerprint'>, credential: string, reads: readonly ReadPlace[], newKey: KeyRecord | null, oldKey: KeyRecord | null): Promise<KnownPrints> {
  const prints = knownPrints(newKey, oldKey, []);
  const others = placeFacts(reads, prints, engine.fingerprint).some((fact) => fact.serving === 'foreign');
  return others ? knownPrints(newKey, oldKey, await engine.ledger.keysOf(credential)) : prints;
}

export function knownPrints(newKey: KeyRecord | null, oldKey: KeyRecord | null, keys: readonly KeyRecord[]): KnownPrints {
  const ours = new Set(keys.flatMap((k) => (k.fingerprint === null ? [] : [k.fingerprint])));
  return { newKey: newKey?.fingerprint ?? null, oldKey: oldKey?.fingerprint ?? null, ours };
}

/** Reads every place at once, each bounded by its own time-out. Never throws: an error is evidence too. */
export async function readPlaces(engine: Pick<Engine, 'clock'>, places: readonly Place[], signal: AbortSignal): Promise<readonly ReadPlace[]> {
  return await Promise.all(
    places.map(async (place): Promise<ReadPlace> => {
      try {
        return { place, view: await place.store.read(within(engine, place.store.callTimeoutMs, signal)), error: '' };
      } catch (error) {
        return { place, view: null, error: describeError(error) };
      }
    }),
  );
}

export function currentOf(view: StoreView): StoreSlot | undefined {
  return view.slots.find((slot) => slot.role === 'current');
}

function servingOf(read: ReadPlace, prints: KnownPrints, fingerprint: Fingerprinter): Serving {
  if (read.view === null) return 'unreadable';
  const current = currentOf(read.view);
  if (current === undefined) return 'empty';
  const print = fingerprint(current.value);
  if (print === prints.newKey) return 'new';
  if (print === prints.oldKey) return 'old';
  return prints.ours.has(print) ? 'ours' : 'foreign';
}

export function placeFacts(reads: readonly ReadPlace[], prints: KnownPrints, fingerprint: Fingerprinter): readonly PlaceFact[] {
  return reads.map((read) => ({
    id: read.place.id,
    describe: read.place.store.describe,
    ofRecord: read.place.ofRecord,
    serving: servingOf(read, prints, fingerprint),
    detail: read.error,
  }));
}

/** Finds a value by its fingerprint in whatever slot of whatever place still holds it. */
export function findValue(reads: readonly ReadPlace[], print: Fingerprint | null, fingerprint: Fingerprinter): Secret | null {
  if (print === null) return null;
  for (const read of reads) {
    const slot = read.view?.slots.find((s) => fingerprint(s.value) === print);
    if (slot !== undefined) return slot.value;
  }
  return null;
}

/** The place that can stage and that values are recovered from. Exactly one, as the configuration guarantees. */
export function placeOfRecord(places: readonly Place[]): Place {
  const place = places.find((p) => p.ofRecord);
  if (place === undefined) throw new Error('a plan has exactly one place of record');
  return place;
}

/** Fingerprints of keys that are dead for good. */
export function deadPrints(keys: readonly KeyRecord[]): ReadonlySet<string | null> {
  return new Set(keys.filter(({ state, fingerprint }) => fingerprint !== null && (state === 'revoked' || state === 'lost')).map(({ fingerprint }) => fingerprint));
}
