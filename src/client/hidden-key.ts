import { inspect } from 'node:util';

const MASK = '[key]';

/** What may stand in a header after `Bearer `: printable ASCII without spaces. Anything else would be echoed by `Headers` in its error. */
const SENDABLE = /^[\x21-\x7e]{1,4096}$/;

/** One API key that cannot print itself: `String`, `JSON.stringify` and `util.inspect` all give `[key]`. */
export class HiddenKey {
  readonly #value: string;

  constructor(value: string) {
    if (!isSendable(value)) throw new TypeError('a key must be printable ASCII without spaces');
    this.#value = value;
  }

  /** The value. Call it only where it goes into a request or to the application's own function. */
  reveal(): string {
    return this.#value;
  }

  equals(other: HiddenKey): boolean {
    return this.#value === other.#value;
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

/** Whether a value can be sent as a bearer token at all. */
export function isSendable(value: unknown): value is string {
  return typeof value === 'string' && SENDABLE.test(value);
}
