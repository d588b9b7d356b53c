/** Between rotations every place serves the current key. Finding the places that do not, and putting it back. */
import { describeError } from '../core/errors.ts';
import type { PlaceFact } from '../core/facts.ts';
import type { Secret } from '../core/secret.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import { within, type Engine, type Plugins } from './engine.ts';
import { findValue, knownPrints, placeFacts, readPlaces, type ReadPlace } from './evidence.ts';

export interface Drifted {
  readonly fact: PlaceFact;
  readonly read: ReadPlace;
  readonly current: KeyRecord;
  /** The current key's value, from whatever place holds it; null when none does. */
  readonly value: Secret | null;
  readonly plugins: Plugins;
}

/** Which rotation was the last, and which key is current: what must not move while places are compared. */
async function standing({ ledger }: Engine, credential: string): Promise<{ readonly mark: string; readonly current: KeyRecord } | null> {
  const [record, [last]] = await Promise.all([ledger.credential(credential), ledger.rotations({ credential }, { limit: 1 })]);
  if (record?.currentKeyId == null || (last !== undefined && last.finishedAt === null)) return null;
  const current = await ledger.key(record.currentKeyId);
  return current?.fingerprint == null || current.state !== 'current' ? null : { mark: `${last?.id} ${current.id}`, current };
}

/**
 * Places that can be read and serve something else than the current key; none while a rotation is open, or when one
 * came and went while they were read: what was current before may be dead by then.
 */
export async function driftOf(engine: Engine, record: CredentialRecord, signal: AbortSignal): Promise<readonly Drifted[]> {
  const before = await standing(engine, record.name);
  if (before === null) return [];
  const plugins = await engine.plugins(record.plan);
  const reads = await readPlaces(engine, plugins.places, signal);
  const prints = knownPrints(before.current, null, await engine.ledger.keysOf(record.name));
  if ((await standing(engine, record.name))?.mark !== before.mark) return [];
  const value = findValue(reads, before.current.fingerprint, engine.fingerprint);
  return placeFacts(reads, prints, engine.fingerprint).flatMap((fact, index): Drifted[] => {
    const read = reads[index];
    const drifted = read !== undefined && fact.serving !== 'new' && fact.serving !== 'unreadable';
    return drifted ? [{ fact, read, current: before.current, value, plugins }] : [];
  });
}

/** Publishes the current key to one place by compare and set, and runs the reload hooks. Null when done, else why not. */
export async function repair(engine: Engine, record: CredentialRecord, { read, value, current, plugins }: Drifted & { value: Secret }, id: string, signal: AbortSignal): Promise<string | null> {
  // A rotation that began meanwhile owns the stores.
  const now = await standing(engine, record.name);
  if (now?.current.id !== current.id) return `a rotation of ${record.name} began meanwhile`;
  const { store } = read.place;
  if (read.view === null) return `${store.describe} cannot be read`;
  try {
    await store.promote({ attempt: `repair:${current.id}`, value, expect: read.view.version, displaced: 'drop' }, within(engine, store.callTimeoutMs, signal));
    for (const hook of plugins.hooks) await hook.run({ event: 'published', credential: record.name, rotationId: null, id }, signal);
    return null;
  } catch (error) {
    engine.log.warn({ credential: record.name, error: describeError(error) }, 'a drifted store could not be repaired');
    return describeError(error);
  }
}
