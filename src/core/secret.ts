import { createHmac, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const MASK = '[secret]';
const MIN_SCRUBBED_LENGTH = 8;
const MAX_REGISTERED = 20_000;

/** Every form in which a wrapped value could turn up in text, oldest first; bounded so that years of rotations fit. */
const registered = new Set<string>();

function register(value: string): void {
  const json = JSON.stringify(value).slice(1, -1);
  const forms = [value, json, encodeURIComponent(value), Buffer.from(value).toString('base64').replace(/=+$/, '')];
  for (const form of forms) {
    if (form.length < MIN_SCRUBBED_LENGTH) continue;
    registered.delete(form);
    registered.add(form);
  }
  while (registered.size > MAX_REGISTERED) {
    const oldest = registered.values().next().value;
    if (oldest === undefined) return;
    registered.delete(oldest);
  }
}

/**
 * A secret value that cannot print itself: `String`, `JSON.stringify`, `util.inspect` and template literals all
 * give `[secret]`. Wrapping a value also registers it, so that `scrub` removes it from any text it leaked into.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    if (value === '') throw new TypeError('a secret value must not be empty');
    this.#value = value;
    register(value);
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

/** Replaces every registered secret value in `text` with `[secret]`. */
export function scrub(text: string): string {
  let clean = text;
  for (const value of registered) {
    if (clean.includes(value)) clean = clean.replaceAll(value, MASK);
  }
  return clean;
}

/** Identifies a key's value without revealing it: HMAC-SHA-256 under the installation's fingerprint key, hex. */
export type Fingerprint = string;

/** Computes the fingerprint of a value; made once from the installation's root key. */
export type Fingerprinter = (value: Secret) => Fingerprint;

/** Makes the installation's fingerprinter. `rootKey` is the installation's root key (see docs/architecture.md). */
export function fingerprinter(rootKey: Secret): Fingerprinter {
  const key = deriveKey(rootKey, 'fingerprint');
  return (value) => createHmac('sha256', key).update(value.reveal()).digest('hex');
}

/** Derives a purpose-bound 32-byte key from the root key (HMAC-SHA-256 over the purpose, as in HKDF-Expand's first block). */
export function deriveKey(rootKey: Secret, purpose: string): Buffer {
  return createHmac('sha256', rootKey.reveal()).update(`keyturn/${purpose}/1`).digest();
}
