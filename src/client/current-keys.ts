import type { HiddenKey } from './hidden-key.ts';

export interface KeyPair {
  readonly primary: HiddenKey;
  readonly backup: HiddenKey | null;
}

/** One choice of a key, and the state of the ring it was made from. */
export interface Choice {
  readonly key: HiddenKey;
  readonly generation: number;
  /** When it was made, by the clock of the ring. */
  readonly madeAt: number;
}

/**
 * Which key to begin with. Pure state, no input or output: refusals are remembered until the pair changes, so that no
 * call begins with a dead key. But the primary gets one call every `primaryRetryMs`: a key that was new to its issuer
 * for a moment must not leave the application on the old one, which would never go quiet and so never be revoked.
 */
export class CurrentKeys {
  readonly #primaryRetryMs: number;
  readonly #now: () => number;
  /** When a key was refused, as a count. A new pair comes with keys of its own, so nothing is held against them. */
  readonly #refusals = new WeakMap<HiddenKey, number>();
  #pair: KeyPair | null = null;
  #generation = 0;
  #refusalCount = 0;
  #retryPrimaryAt = Infinity;

  constructor(primaryRetryMs: number, now: () => number) {
    this.#primaryRetryMs = primaryRetryMs;
    this.#now = now;
  }

  get pair(): KeyPair | null {
    return this.#pair;
  }

  /** Goes up with every change of the pair. */
  get generation(): number {
    return this.#generation;
  }

  /** Takes a pair; false when it is the one there already. A new pair is tried from its primary on, with no grudges. */
  replace(pair: KeyPair): boolean {
    if (this.#pair !== null && same(this.#pair, pair)) return false;
    this.#pair = pair;
    this.#generation += 1;
    this.#retryPrimaryAt = Infinity;
    return true;
  }

  /** The key that a call begins with: the first that was not refused, else the one refused longest ago. */
  first(replayable: boolean): Choice | null {
    if (this.#pair === null) return null;
    if (replayable && this.#now() >= this.#retryPrimaryAt) {
      this.#retryPrimaryAt = this.#now() + this.#primaryRetryMs;
      return this.#choice(this.#pair.primary);
    }
    return this.#best(() => true);
  }

  /** The key for the one retry after `refused`; null when there is no other. */
  other(refused: HiddenKey): Choice | null {
    return this.#best((candidate) => !candidate.equals(refused));
  }

  /** Whether calls would begin with another primary than this key. */
  beginsWithAnother(key: HiddenKey): boolean {
    return this.#pair !== null && !this.#pair.primary.equals(key);
  }

  /** Whether some key besides `refused` has not been refused yet. */
  hasUnrefused(refused: HiddenKey): boolean {
    return this.#all().some((key) => !key.equals(refused) && !this.#refusals.has(key));
  }

  /** The call's key was answered with a 401. */
  refused(key: HiddenKey): void {
    const known = this.#all().find((candidate) => candidate.equals(key));
    if (known === undefined) return;
    this.#refusalCount += 1;
    this.#refusals.set(known, this.#refusalCount);
    if (known === this.#pair?.primary) this.#retryPrimaryAt = this.#now() + this.#primaryRetryMs;
  }

  /** The call's key was accepted. */
  worked(key: HiddenKey): void {
    const known = this.#all().find((candidate) => candidate.equals(key));
    if (known === undefined) return;
    this.#refusals.delete(known);
    if (known === this.#pair?.primary) this.#retryPrimaryAt = Infinity;
  }

  /** Whether calls begin with the backup at present. */
  get onBackup(): boolean {
    const pair = this.#pair;
    return pair?.backup != null && this.#refusals.has(pair.primary) && !this.#refusals.has(pair.backup);
  }

  #all(): HiddenKey[] {
    if (this.#pair === null) return [];
    return this.#pair.backup === null ? [this.#pair.primary] : [this.#pair.primary, this.#pair.backup];
  }

  #best(eligible: (key: HiddenKey) => boolean): Choice | null {
    const [key] = this.#all().filter(eligible).toSorted((a, b) => (this.#refusals.get(a) ?? 0) - (this.#refusals.get(b) ?? 0));
    return key === undefined ? null : this.#choice(key);
  }

  #choice(key: HiddenKey): Choice {
    return { key, generation: this.#generation, madeAt: this.#now() };
  }
}

function same(a: KeyPair, b: KeyPair): boolean {
  if (!a.primary.equals(b.primary)) return false;
  return a.backup === null || b.backup === null ? a.backup === b.backup : a.backup.equals(b.backup);
}
