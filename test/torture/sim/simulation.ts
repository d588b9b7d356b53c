import { setImmediate as drained } from 'node:timers/promises';
import { Agenda } from './agenda.ts';
import type { Process } from './process.ts';
import { Random } from './random.ts';

/** What may happen to a process right at one of its steps. */
export type Interruption =
  | { readonly does: 'kill'; readonly side: 'before' | 'after' }
  /** `after`: what it asked for has happened, and it learns so only when it wakes. */
  | { readonly does: 'freeze'; readonly side: 'before' | 'after'; readonly ms: number };

/** Steps that every idle worker takes all the time; interrupting those finds nothing. */
const IDLE = new Set(['ledger.dueCredentials', 'ledger.wakeable', 'ledger.payableDebts', 'ledger.deliverable', 'ledger.seal', 'ledger.credentials', 'ledger.dropExpiredWatches', 'ledger.dueChannels', 'ledger.channelLags', 'ledger.noteDone', 'leaks.waiting']);

export interface StepWatcher {
  /** Called before each step that counts; `n` counts from 0 over all processes. */
  (n: number, process: Process, name: string): Interruption | null;
}

/**
 * Virtual time and a deterministic order. Everything that a worker waits for is a step: it is put on the agenda, and
 * the simulation takes one entry at a time, lets whatever it wakes run until it waits again, and takes the next.
 * Source of the idea: deterministic simulation testing, as FoundationDB describes it.
 */
export class Simulation {
  readonly random: Random;
  readonly #agenda = new Agenda();
  readonly #watch: StepWatcher;
  #now: number;
  #steps = 0;

  constructor(seed: number, startAt: number, watch: StepWatcher) {
    this.random = new Random(seed);
    this.#now = startAt;
    this.#watch = watch;
  }

  /** Milliseconds since the epoch: the ledger's time, and the world's. */
  get now(): number {
    return this.#now;
  }

  /** Steps that counted so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Something of the world itself: no process's death or sleep stops it. */
  at(instant: number, run: () => void | Promise<void>): void {
    this.#agenda.add(Math.max(instant, this.#now), run);
  }

  /** Something that a process does by itself; not when it is dead, later when it is frozen. */
  after(process: Process, ms: number, run: () => void | Promise<void>): void {
    const entry = (): void | Promise<void> => {
      if (!process.alive) return;
      if (process.frozen) return this.#agenda.add(process.frozenUntil, entry);
      return run();
    };
    this.#agenda.add(this.#now + ms, entry);
  }

  /** One await of a process: `act` runs when its turn comes, and its outcome reaches the process unless that is dead by then. */
  step<T>(process: Process, name: string, latencyMs: number, act: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.after(process, latencyMs, () => this.#perform(process, name, act, resolve, reject));
    });
  }

  async #perform<T>(process: Process, name: string, act: () => T | Promise<T>, resolve: (value: T) => void, reject: (error: unknown) => void): Promise<void> {
    const interruption = IDLE.has(name) ? null : this.#watch(this.#steps++, process, name);
    if (interruption?.side === 'before') {
      if (interruption.does === 'kill') return process.kill();
      process.freeze(interruption.ms);
      return this.after(process, 0, () => settle(act, resolve, reject));
    }
    if (interruption === null) return await settle(act, resolve, reject);
    const outcome = await settled(act);
    if (interruption.does === 'kill') return process.kill();
    process.freeze(interruption.ms);
    this.after(process, 0, () => (outcome.ok ? resolve(outcome.value) : reject(outcome.error)));
  }

  /** Goes on until `over` or until there is nothing left before `until`. Answers whether `over` came true. */
  async run(until: number, over: () => boolean): Promise<boolean> {
    for (;;) {
      await drained();
      if (over()) return true;
      const entry = this.#agenda.next();
      if (entry === undefined || entry.at > until) {
        if (entry !== undefined) this.#agenda.add(entry.at, entry.run);
        this.#now = until;
        return over();
      }
      this.#now = Math.max(this.#now, entry.at);
      await entry.run();
    }
  }
}

type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

async function settled<T>(act: () => T | Promise<T>): Promise<Settled<T>> {
  try {
    return { ok: true, value: await act() };
  } catch (error) {
    return { ok: false, error };
  }
}

async function settle<T>(act: () => T | Promise<T>, resolve: (value: T) => void, reject: (error: unknown) => void): Promise<void> {
  const outcome = await settled(act);
  if (outcome.ok) resolve(outcome.value);
  else reject(outcome.error);
}
