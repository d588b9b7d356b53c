/** What really happened, in order, as issuer, stores and applications saw it. The judge reads this and nothing of Keyturn's. */
export type Happening =
  | { readonly what: 'created'; readonly key: string; readonly name: string }
  | { readonly what: 'refused-at-limit'; readonly name: string }
  | { readonly what: 'revoked'; readonly key: string; readonly frozenMs: number }
  | { readonly what: 'served'; readonly place: string; readonly credential: string; readonly attempt: string; readonly frozenMs: number }
  /** By people, not by Keyturn. */
  | { readonly what: 'edited'; readonly place: string; readonly credential: string }
  | { readonly what: 'removed'; readonly key: string }
  /** A place that showed what it held before shows the truth again. */
  | { readonly what: 'caught-up'; readonly place: string; readonly credential: string }
  | { readonly what: 'retired'; readonly place: string; readonly credential: string }
  | { readonly what: 'used'; readonly key: string | null; readonly by: 'application' | 'keyturn'; readonly credential: string | null; readonly worked: boolean }
  /** `keys` null: every one. `replace` false: none is to take their place. */
  | { readonly what: 'emergency-asked'; readonly credential: string; readonly keys: readonly string[] | null; readonly replace: boolean }
  /** A leak source posts its value. `managed`: Keyturn knows the key, so that it must die; else it may. */
  | { readonly what: 'leak-reported'; readonly credential: string; readonly key: string; readonly managed: boolean }
  /** A person asks for a new key, and that is recorded. */
  | { readonly what: 'rotation-asked'; readonly credential: string }
  | { readonly what: 'told'; readonly kind: string; readonly credential: string | null };

export type Recorded = Happening & { readonly at: number };

export class Trail {
  readonly events: Recorded[] = [];
  readonly #now: () => number;
  readonly #listeners: ((event: Recorded) => void)[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  listen(listener: (event: Recorded) => void): void {
    this.#listeners.push(listener);
  }

  add(happening: Happening): void {
    const event = { ...happening, at: this.#now() };
    this.events.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}
