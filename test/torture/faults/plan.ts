import { FAULTS, type Fault, type FaultSpec, type Outage } from './kinds.ts';

export interface Planned extends Fault {
  readonly ms: number;
}

const NONE: Planned = { lands: 'now', hears: 'outcome', ms: 0 };
const DOWN: Planned = { ...FAULTS.unreachable, ms: 0 };

/** Says for each call how it goes; counts calls by name, over all workers. */
export class FaultPlan {
  readonly #faults: ReadonlyMap<string, FaultSpec>;
  readonly #outages: readonly Outage[];
  readonly #elapsed: () => number;
  readonly #counts = new Map<string, number>();
  #over = false;

  constructor(faults: readonly FaultSpec[], outages: readonly Outage[], elapsed: () => number) {
    this.#faults = new Map(faults.map((fault) => [`${fault.call}#${fault.nth}`, fault]));
    this.#outages = outages;
    this.#elapsed = elapsed;
  }

  /** From now on everything works. */
  end(): void {
    this.#over = true;
  }

  isDown(what: string): boolean {
    return !this.#over && this.#outages.some(({ of, from, ms }) => of === what && this.#elapsed() >= from && this.#elapsed() < from + ms);
  }

  next(call: string, target: string): Planned {
    if (this.#over) return NONE;
    if (this.isDown(target)) return DOWN;
    const nth = this.#counts.get(call) ?? 0;
    this.#counts.set(call, nth + 1);
    const fault = this.#faults.get(`${call}#${nth}`);
    return fault === undefined ? NONE : { ...FAULTS[fault.kind], ms: fault.ms };
  }
}
