/**
 * Leaks of which only a hash of the secret is known. Keyturn's own fingerprints are keyed and tell nothing of other hashes, so the values
 * themselves are needed: those that stores of declared credentials hold now. They are read, hashed and forgotten.
 */
import { createHash, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { hours, minutes } from '../core/duration.ts';
import { describeError, isLeaseLost } from '../core/errors.ts';
import type { LeakHash } from '../core/leak.ts';
import type { Secret } from '../core/secret.ts';
import type { Leak } from '../ports/leak-ledger.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import { declaredPages } from '../rotation/declared.ts';
import { readPlaces } from '../rotation/evidence.ts';
import type { Context } from './context.ts';

/** Reading all stores takes its time. */
const LEASE_MS = minutes(15);
const AT_ONCE = 1_000;
const LOOK_AGAIN_MS = minutes(1);
/** A store that can't be read for so long is not waited for any longer. */
const GIVE_UP_MS = hours(24);
const MOST_REMEMBERED = 50_000;
/** Documented for HasMySecretLeaked: scrypt with one salt for all, so that equal secrets have equal hashes. */
const HMSL = { salt: createHash('sha256').update('GitGuardian').digest(), length: 32, options: { N: 2_048, r: 8, p: 1 } } as const;

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number }, Buffer>(scrypt);

const HASHES: Readonly<Record<LeakHash, (value: string) => Promise<string>>> = {
  sha256: async (value) => createHash('sha256').update(value).digest('hex'),
  hmsl: async (value) => (await derive(value, HMSL.salt, HMSL.length, HMSL.options)).toString('hex'),
};

/** The hash of a secret's value, hex. */
export async function leakHash(hash: LeakHash, value: Secret): Promise<string> {
  return await HASHES[hash](value.reveal());
}

export type LeakMatching = Pick<Context, 'engine' | 'ledger' | 'leaks' | 'queue'>;

/** One look at all stores for all hashes that wait. Hashes of values that were seen before are remembered by fingerprint, since one takes milliseconds. */
export function createLeakMatcher(matching: LeakMatching): (signal: AbortSignal) => Promise<void> {
  const { leaks, engine, queue } = matching;
  const remembered = new Map<string, string>();
  const hashOf = async (hash: LeakHash, value: Secret, fingerprint: string): Promise<string> => {
    const key = `${hash}:${fingerprint}`;
    const known = remembered.get(key) ?? (await leakHash(hash, value));
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    remembered.set(key, known);
    return known;
  };
  return async (signal) => {
    const held = await leaks.claim('hash', engine.worker, LEASE_MS, AT_ONCE);
    if (held.length === 0) return;
    const sought = new Map(held.flatMap(({ sought: text }) => (text === null ? [] : [[text, null as string | null] as const])));
    const unread = await look(matching, sought, hashOf, signal);
    if (signal.aborted) return;
    for (const leak of held) await conclude(matching, leak, sought.get(leak.sought ?? '') ?? null, unread);
    await queue?.wake('handle-leaks', {}, { dedupeKey: 'leaks' });
  };
}

type HashOf = (hash: LeakHash, value: Secret, fingerprint: string) => Promise<string>;

/** Puts the fingerprint beside each hash that a value has. Answers places that could not be read. */
async function look({ engine, ledger }: LeakMatching, sought: Map<string, string | null>, hashOf: HashOf, signal: AbortSignal): Promise<readonly string[]> {
  const hashes = (Object.keys(HASHES) as LeakHash[]).filter((hash) => [...sought.keys()].some((text) => text.startsWith(`${hash}:`)));
  const unread: string[] = [];
  for await (const page of declaredPages(ledger)) {
    for (const record of page) {
      if (signal.aborted || [...sought.values()].every((found) => found !== null)) return unread;
      for (const value of await valuesOf(engine, record, unread, signal)) {
        const fingerprint = engine.fingerprint(value);
        for (const hash of hashes) {
          const text = `${hash}:${await hashOf(hash, value, fingerprint)}`;
          if (sought.has(text)) sought.set(text, fingerprint);
        }
      }
    }
  }
  return unread;
}

/** Current and backup, staged and displaced: all that its places hold. */
async function valuesOf(engine: LeakMatching['engine'], { name, plan }: CredentialRecord, unread: string[], signal: AbortSignal): Promise<readonly Secret[]> {
  try {
    const { places } = await engine.plugins(plan);
    const reads = await readPlaces(engine, places, signal);
    unread.push(...reads.filter(({ view }) => view === null).map(({ place }) => place.store.describe));
    return reads.flatMap(({ view }) => view?.slots.map(({ value }) => value) ?? []);
  } catch (error) {
    unread.push(`${name} (${describeError(error)})`);
    return [];
  }
}

async function conclude({ leaks, ledger, engine }: LeakMatching, leak: Leak, fingerprint: string | null, unread: readonly string[]): Promise<void> {
  try {
    const ageMs = (await ledger.now()).getTime() - leak.reportedAt.getTime();
    if (fingerprint === null && unread.length > 0 && ageMs < GIVE_UP_MS) {
      return await leaks.postpone(leak, engine.worker, `No value that could be read has this hash, and ${unread.length} place(s) could not be read, such as ${unread[0] ?? ''}.`, LOOK_AGAIN_MS);
    }
    await leaks.found(leak, engine.worker, { fingerprint, looksLike: null, url: null, foundAt: null, detail: null });
  } catch (error) {
    if (!isLeaseLost(error)) throw error;
  }
}
