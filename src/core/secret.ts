import { createHash, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { MASK, Scrubber } from './scrubber.ts';

/** Every value that was wrapped, bounded so that years of rotations fit. */
const scrubber = new Scrubber();

/**
 * A secret value that cannot print itself: `String`, `JSON.stringify`, `util.inspect` and template literals all
 * give `[secret]`. Wrapping a value also registers it, so that `scrub` removes it from any text it leaked into.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    if (value === '') throw new TypeError('a secret value must not be empty');
    this.#value = value;
    scrubber.register(value);
  }

  /** The value itself. Call it only where the value crosses to an issuer, a store, or a signature. */
  reveal(): string {
    return this.#value;
  }

  /** Compares in constant time. */
  equals(other: Secret): boolean {
    const a = Buffer.from(this.#value);
    const b = Buffer.from(other.reveal());
    return a.length === b.length && timingSafeEqual(a, b);
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/** Whether two texts are the same, in a time that tells nothing of either, not even its length. */
export function sameText(a: string, b: string): boolean {
  return timingSafeEqual(digestOf(a), digestOf(b));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Replaces every registered secret value in `text` with `[secret]`. */
export function scrub(text: string): string {
  return scrubber.scrub(text);
}

/** Identifies a key's value without revealing it: HMAC-SHA-256 under the installation's fingerprint key, hex. */
export type Fingerprint = string;

/** Computes the fingerprint of a value; made once from the installation's root key. */
export type Fingerprinter = (value: Secret) => Fingerprint;

/** Makes the installation's fingerprinter. `rootKey` is the installation's root key (see docs/architecture.md). */
export function fingerprinter(rootKey: Secret): Fingerprinter {
  const ofText = textFingerprinter(rootKey);
  return (secret) => ofText(secret.reveal());
}

/**
 * The same fingerprints of values that were found in somebody's log. They are not wrapped first: that would register each
 * of them, and whoever writes the log could push Keyturn's own values out of the scrubber.
 */
export function textFingerprinter(rootKey: Secret): (value: string) => Fingerprint {
  const key = createSecretKey(deriveKey(rootKey, 'fingerprint'));
  return (value) => createHmac('sha256', key).update(value).digest('hex');
}

/** Derives a purpose-bound 32-byte key from the root key (HMAC-SHA-256 over the purpose, as in HKDF-Expand's first block). */
export function deriveKey(rootKey: Secret, purpose: string): Buffer {
  return createHmac('sha256', rootKey.reveal()).update(`keyturn/${purpose}/1`).digest();
}
