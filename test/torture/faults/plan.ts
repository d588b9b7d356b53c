import type { Random } from '../sim/random.ts';
import { FAULT_KINDS, FAULTS, lateness, type Fault, type FaultSpec, type Outage } from './kinds.ts';

export interface Planned extends Fault {
  readonly ms: number;
}

/** All that goes wrong with calls in a run. */
export interface Weather {
  readonly faults: readonly FaultSpec[];
  readonly outages: readonly Outage[];
  /** Beside those, so many of a hundred calls whose names begin so go wrong in some way. */
  readonly weather: { readonly calls: string; readonly percent: number };
}

const NONE: Planned = { lands: 'now', hears: 'outcome', ms: 0 };
const DOWN: Planned = { ...FAULTS.unreachable, ms: 0 };

/** Says for each call how it goes; counts calls by name, over all workers. */
export class FaultPlan {
  readonly #faults: ReadonlyMap<string, FaultSpec>;
  readonly #outages: readonly Outage[];
  readonly #weather: Weather['weather'];
  readonly #random: Random;
  readonly #elapsed: () => number;
  readonly #counts = new Map<string, number>();
  #over = false;
  #happened = 0;

  constructor({ faults, outages, weather }: Weather, random: Random, elapsed: () => number) {
    this.#faults = new Map(faults.map((fault) => [`${fault.call}#${fault.nth}`, fault]));
    this.#outages = outages;
    this.#weather = weather;
    this.#random = random;
    this.#elapsed = elapsed;
  }

  /** How many calls went wrong so far. */
  get happened(): number {
    return this.#happened;
  }

  /** From now on everything works. */
  end(): void {
    this.#over = true;
  }

  isDown(what: string): boolean {
    return !this.#over && this.#outages.some(({ of, from, ms }) => of === what && this.#elapsed() >= from && this.#elapsed() < from + ms);
  }

  next(call: string, target: string): Planned {
    const planned = this.#over ? NONE : this.#plan(call, target);
    if (planned !== NONE) this.#happened += 1;
    return planned;
  }

  #plan(call: string, target: string): Planned {
    if (this.isDown(target)) return DOWN;
    const nth = this.#counts.get(call) ?? 0;
    this.#counts.set(call, nth + 1);
    const fault = this.#faults.get(`${call}#${nth}`);
    if (fault !== undefined) return { ...FAULTS[fault.kind], ms: fault.ms };
    return this.#storm(call) ?? NONE;
  }

  #storm(call: string): Planned | null {
    const { calls, percent } = this.#weather;
    if (percent === 0 || !call.startsWith(calls) || !this.#random.chance(percent / 100)) return null;
    const kind = this.#random.pick(FAULT_KINDS) ?? 'error';
    return { ...FAULTS[kind], ms: lateness(call, this.#random.next()) };
  }
}
