import type { CurrentKeys, Choice } from './current-keys.ts';
import type { KeyRingEvent } from './events.ts';
import { HiddenKey, isSendable } from './hidden-key.ts';
import { KeySourceError, asProblem, type KeyReading, type KeySource, type ReadReason } from './source.ts';
import { untilAborted } from './waiting.ts';

interface Running {
  readonly startedAt: number;
  readonly done: Promise<void>;
}

export interface RefresherSettings {
  readonly source: KeySource;
  readonly keys: CurrentKeys;
  readonly readTimeoutMs: number;
  readonly tell: (event: KeyRingEvent) => void;
}

/**
 * Reads the source into the ring: one read at a time, each bounded. A failed read leaves the keys as they are and
 * becomes a problem, told once. Nothing here rejects.
 */
export class Refresher {
  readonly #settings: RefresherSettings;
  readonly #closing = new AbortController();
  readonly #stopWatching: () => void;
  /** When the source was read because this key was refused: a 401 of a call that began before that brings no news. */
  readonly #lookedUp = new WeakMap<HiddenKey, number>();
  #running: Running | null = null;
  #lastAskedAt = -Infinity;
  #problem: KeySourceError | null = null;
  #version: string | null = null;

  constructor(settings: RefresherSettings) {
    this.#settings = settings;
    this.#stopWatching = settings.source.watch?.(() => void this.#readSince(performance.now(), 'changed')) ?? (() => undefined);
    void this.#readSince(performance.now(), 'start');
  }

  get problem(): KeySourceError | null {
    return this.#problem;
  }

  get version(): string | null {
    return this.#version;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Waits for the first keys: for the read under way, else for another one. */
  async load(): Promise<void> {
    if (this.#running !== null) return this.#running.done;
    if (this.#mayAsk()) await this.#readSince(performance.now(), 'start');
  }

  /** Reads now, whatever the rate limit says. */
  async refresh(): Promise<void> {
    await this.#readSince(performance.now(), 'changed');
  }

  /** After a 401: makes sure that the source was read since, unless newer keys are here already. Many callers, one read. */
  async afterRefusal({ key, generation, madeAt }: Choice): Promise<void> {
    const { keys } = this.#settings;
    const askedAt = performance.now();
    await this.#running?.done;
    // A read that began earlier may have seen no more than that the backup is gone.
    if (keys.generation !== generation && keys.beginsWithAnother(key)) return;
    if (madeAt < (this.#lookedUp.get(key) ?? -Infinity) && keys.hasUnrefused(key)) return;
    const joinable = this.#running !== null && this.#running.startedAt >= askedAt;
    if (!joinable && !this.#mayAsk()) return;
    await this.#readSince(askedAt, 'refused');
    this.#lookedUp.set(key, askedAt);
  }

  close(): void {
    this.#stopWatching();
    this.#closing.abort();
  }

  #mayAsk(): boolean {
    const now = performance.now();
    if (now - this.#lastAskedAt < (this.#settings.source.minRefreshMs ?? 0)) return false;
    this.#lastAskedAt = now;
    return true;
  }

  /** Returns when a read is over that began at `since` or later: one that began before may have seen the old keys. */
  async #readSince(since: number, reason: ReadReason): Promise<void> {
    while (!this.closed) {
      const running = this.#running ?? this.#start(reason);
      await running.done;
      if (running.startedAt >= since) return;
    }
  }

  #start(reason: ReadReason): Running {
    const running = { startedAt: performance.now(), done: this.#read(reason) };
    this.#running = running;
    return running;
  }

  async #read(reason: ReadReason): Promise<void> {
    const { source, readTimeoutMs } = this.#settings;
    // Lets #start note this read as the running one first, even when the source answers or throws at once.
    await Promise.resolve();
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(readTimeoutMs), this.#closing.signal]);
      const reading = await untilAborted(source.read({ signal, reason }), signal);
      this.#running = null;
      this.#take(reading);
    } catch (error) {
      this.#running = null;
      this.#report(asProblem(error, source.name));
    }
  }

  #take(reading: KeyReading): void {
    if (this.closed) return;
    const { keys, source, tell } = this.#settings;
    if (!isSendable(reading.primary)) throw badKey(source.name, 'primary');
    const primary = new HiddenKey(reading.primary);
    const spare = reading.backup === undefined || reading.backup === '' || reading.backup === reading.primary ? null : reading.backup;
    const backup = spare !== null && isSendable(spare) ? new HiddenKey(spare) : null;
    const changed = keys.replace({ primary, backup });
    this.#version = reading.version ?? null;
    const recovered = this.#problem !== null;
    // A backup that cannot be sent is no reason to do without the new primary.
    if (spare !== null && backup === null) this.#report(badKey(source.name, 'backup'));
    else this.#problem = null;
    if (changed || (recovered && this.#problem === null)) {
      tell({ type: 'refreshed', source: source.name, changed, hasBackup: backup !== null, version: this.#version });
    }
  }

  #report(problem: KeySourceError): void {
    if (this.closed) return;
    const known = this.#problem?.code === problem.code && this.#problem.message === problem.message;
    this.#problem = problem;
    const { source, tell } = this.#settings;
    if (!known) tell({ type: 'problem', source: source.name, code: problem.code, message: problem.message });
  }
}

function badKey(source: string, which: string): KeySourceError {
  return new KeySourceError(
    'bad-key',
    `The ${which} key in the ${source} has spaces, line breaks or other characters that no header may carry, so it is not used. Write the key alone, as it was issued.`,
  );
}
