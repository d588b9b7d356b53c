/** One worker: the real engine, work loop and jobs, over ports that go through the simulation. */
import { jobDefinitions } from '../../../jobs/index.ts';
import type { Working } from '../../../src/app/work-loop.ts';
import { createWork } from '../../../src/app/work-loop.ts';
import type { Intervals } from '../../../src/app/work.ts';
import type { Fingerprinter } from '../../../src/core/secret.ts';
import type { Channel } from '../../../src/ports/channel.ts';
import type { JobDefinition } from '../../../src/ports/queue.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { Ledger } from '../../../src/ports/ledger.ts';
import type { Engine, Plugins } from '../../../src/rotation/engine.ts';
import type { CredentialPlan } from '../../../src/core/plan.ts';
import type { SharedQueue, Taker } from './lanes.ts';
import type { Process } from './process.ts';

export interface WorkerParts {
  readonly process: Process;
  readonly ledger: Ledger;
  readonly queue: SharedQueue;
  readonly plugins: (plan: CredentialPlan) => Plugins;
  readonly channel: Channel;
  readonly fingerprint: Fingerprinter;
  readonly log: Log;
}

/** Seconds apart would only make days of virtual time long; wakes make things fast, these find what wakes lost. */
export const INTERVALS: Intervals = { sweepMs: 300_000, debtsMs: 120_000, inventoryMs: 1_800_000, deliverMs: 300_000, sealMs: 3_600_000, usageMs: 3_600_000 };

export interface SimulatedWorker extends Taker {
  readonly engine: Engine;
}

export function startWorker({ process, ledger, queue, plugins, channel, fingerprint, log }: WorkerParts): SimulatedWorker {
  const engine: Engine = {
    ledger, log, queue: queue.port(), clock: process.clock, worker: process.name,
    plugins: async (plan) => plugins(plan),
    fingerprint,
  };
  // The daily summary is the only job that asks for the configuration; it is not among those that the simulation wakes.
  const working: Working = { engine, ledger, channel: async () => channel, config: () => { throw new Error('the simulation has no configuration'); } };
  const jobs = new Map<string, JobDefinition>(jobDefinitions({ ...createWork(working), readUsage: async () => undefined }, INTERVALS).map((job) => [job.name, job]));
  const worker: SimulatedWorker = { process, jobs, busy: new Map(), engine };
  queue.join(worker);
  return worker;
}
