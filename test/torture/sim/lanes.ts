/** A queue as bad as a queue may be: it loses wakes, brings them twice, late and to anybody, and can be emptied. */
import type { JobDefinition, Lane, Queue, WakeOptions } from '../../../src/ports/queue.ts';
import type { FaultPlan } from '../faults/plan.ts';
import type { Process } from './process.ts';
import type { Simulation } from './simulation.ts';

export interface QueueTraits {
  /** Of a hundred wakes, how many are lost and how many come twice. */
  readonly losesPercent: number;
  readonly doublesPercent: number;
}

interface Job {
  readonly name: string;
  readonly payload: Readonly<Record<string, string>>;
}

/** A worker that takes jobs. */
export interface Taker {
  readonly process: Process;
  readonly jobs: ReadonlyMap<string, JobDefinition>;
  readonly busy: Map<Lane, number>;
}

const SLOTS: Readonly<Record<Lane, number>> = { emergency: 2, rotation: 4, revocation: 2, upkeep: 1, delivery: 1, usage: 1 };
/** A job whose worker is dead or asleep goes to another after about this long. */
const STALLED_MS = 10_000;

export class SharedQueue {
  readonly #sim: Simulation;
  readonly #traits: QueueTraits;
  readonly #faults: FaultPlan;
  readonly #takers = new Set<Taker>();
  readonly #waiting: Job[] = [];
  #generation = 0;
  #reliable = false;
  /** Everything that ever went through: there must be no secret in it. */
  readonly seen: string[] = [];

  constructor(sim: Simulation, traits: QueueTraits, faults: FaultPlan) {
    this.#sim = sim;
    this.#traits = traits;
    this.#faults = faults;
  }

  /** As one worker's engine has it. */
  port(): Pick<Queue, 'wake' | 'wakeAll'> {
    return {
      wake: async (job, payload, options) => this.#wake({ name: job, payload }, options),
      wakeAll: async (job, wakes) => wakes.map(({ payload, ...options }) => this.#wake({ name: job, payload }, options)).every(Boolean),
    };
  }

  join(taker: Taker): void {
    this.#takers.add(taker);
    this.#dispatch();
  }

  /** From now on every wake arrives once. */
  calm(): void {
    this.#reliable = true;
  }

  /** Loses everything, as FLUSHALL does. */
  flush(): void {
    this.#generation += 1;
    this.#waiting.length = 0;
  }

  /** Brings a job every so often, to whoever is there. */
  every(job: string, ms: number): void {
    const again = (): void => {
      this.#offer({ name: job, payload: {} });
      this.#sim.at(this.#sim.now + ms, again);
    };
    this.#sim.at(this.#sim.now + this.#sim.random.between(1, ms), again);
  }

  #wake(job: Job, { delayMs = 0 }: WakeOptions = {}): boolean {
    if (this.#faults.isDown('queue')) return false;
    this.seen.push(JSON.stringify(job));
    const { random } = this.#sim;
    const times = this.#reliable ? 1 : this.#times();
    const generation = this.#generation;
    for (let n = 0; n < times; n += 1) {
      this.#sim.at(this.#sim.now + delayMs + random.between(1, 20), () => {
        if (generation === this.#generation) this.#offer(job);
      });
    }
    return true;
  }

  #times(): number {
    const { random } = this.#sim;
    if (random.between(1, 100) <= this.#traits.losesPercent) return 0;
    return random.between(1, 100) <= this.#traits.doublesPercent ? 2 : 1;
  }

  #offer(job: Job): void {
    this.#waiting.push(job);
    this.#dispatch();
  }

  #dispatch(): void {
    for (const job of this.#waiting.splice(0)) {
      const taker = this.#taker(job);
      if (taker === undefined) this.#waiting.push(job);
      else this.#give(job, taker);
    }
  }

  #taker(job: Job): Taker | undefined {
    for (const taker of this.#takers) if (!taker.process.alive) this.#takers.delete(taker);
    const free = [...this.#takers].filter((taker) => {
      const lane = taker.jobs.get(job.name)?.lane;
      return lane !== undefined && !taker.process.frozen && (taker.busy.get(lane) ?? 0) < SLOTS[lane];
    });
    return this.#sim.random.pick(free);
  }

  #give(job: Job, taker: Taker): void {
    const definition = taker.jobs.get(job.name);
    if (definition === undefined) return;
    const { lane } = definition;
    const stop = new AbortController();
    let over = false;
    taker.busy.set(lane, (taker.busy.get(lane) ?? 0) + 1);
    const watch = (): void => {
      if (over) return;
      if (taker.process.alive && !taker.process.frozen) this.#sim.at(this.#sim.now + STALLED_MS, watch);
      else this.#offer(job);
    };
    this.#sim.at(this.#sim.now + STALLED_MS, watch);
    const end = (): void => {
      over = true;
      taker.busy.set(lane, (taker.busy.get(lane) ?? 1) - 1);
      this.#dispatch();
    };
    void definition.run(job.payload, stop.signal).then(end, end);
  }
}
