import type { Clock } from '../../../src/ports/clock.ts';
import type { Simulation } from './simulation.ts';

/** One for all: making a DOMException for each would cost more than the rest of a step. */
const TOO_LATE = new DOMException('The operation was aborted due to timeout', 'TimeoutError');

/**
 * One worker's operating-system process: it can die, and it can be frozen. Whatever it waits for resolves through the
 * simulation, so a dead process simply never hears again, and a frozen one hears when it wakes.
 */
export class Process {
  readonly name: string;
  readonly #sim: Simulation;
  /** How fast its own clock runs: 1.1 is ten per cent too fast. */
  readonly #pace: number;
  readonly #dead = new AbortController();
  #frozenUntil = 0;
  #lastFreezeMs = 0;

  constructor(sim: Simulation, name: string, pace: number) {
    this.#sim = sim;
    this.name = name;
    this.#pace = pace;
  }

  get alive(): boolean {
    return !this.#dead.signal.aborted;
  }

  get frozen(): boolean {
    return this.#frozenUntil > this.#sim.now;
  }

  get frozenUntil(): number {
    return this.#frozenUntil;
  }

  /** How long a sleep it woke from within the last `withinMs` milliseconds; 0 for none: what it sends now may be that late. */
  wokeFrom(withinMs: number): number {
    return this.#sim.now - this.#frozenUntil <= withinMs ? this.#lastFreezeMs : 0;
  }

  kill(): void {
    this.#dead.abort();
  }

  freeze(ms: number): void {
    this.#frozenUntil = this.#sim.now + ms;
    this.#lastFreezeMs = ms;
  }

  /** Its own timers: they stop with it, and run at its own clock's pace. */
  readonly clock: Clock = {
    timeout: (ms) => {
      const controller = new AbortController();
      this.#sim.after(this, ms / this.#pace, () => controller.abort(TOO_LATE));
      return controller.signal;
    },
  };
}
