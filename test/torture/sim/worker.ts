/** One worker: the real engine, work loop and jobs, over ports that go through the simulation. */
import { jobDefinitions } from '../../../jobs/index.ts';
import type { Working } from '../../../src/app/work-loop.ts';
import { createWork } from '../../../src/app/work-loop.ts';
import { takeLeaks } from '../../../src/app/leak-intake.ts';
import type { LeakAnswer, LeakDeliveryRequest } from '../../../src/app/leak-views.ts';
import { leakWork, type LeakWorking } from '../../../src/app/leak-work.ts';
import type { Intervals } from '../../../src/app/work.ts';
import { Secret, type Fingerprinter } from '../../../src/core/secret.ts';
import type { Channel } from '../../../src/ports/channel.ts';
import type { Issuer } from '../../../src/ports/issuer.ts';
import type { LeakLedger } from '../../../src/ports/leak-ledger.ts';
import type { JobDefinition, Queue } from '../../../src/ports/queue.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { Ledger } from '../../../src/ports/ledger.ts';
import type { Engine, Plugins } from '../../../src/rotation/engine.ts';
import type { CredentialPlan } from '../../../src/core/plan.ts';
import { SCANNER } from '../reports.ts';
import type { SharedQueue, Taker } from './lanes.ts';
import type { Process } from './process.ts';

export interface WorkerParts {
  readonly process: Process;
  readonly ledger: Ledger;
  readonly leaks: LeakLedger;
  readonly queue: SharedQueue;
  readonly plugins: (plan: CredentialPlan) => Plugins;
  readonly channel: Channel;
  readonly fingerprint: Fingerprinter;
  readonly log: Log;
}

/** Seconds apart would only make days of virtual time long; wakes make things fast, these find what wakes lost. */
export const INTERVALS: Intervals = { sweepMs: 300_000, debtsMs: 120_000, inventoryMs: 1_800_000, inspectMs: 300_000, deliverMs: 300_000, sealMs: 3_600_000, scanMs: 86_400_000, usageMs: 3_600_000 };

export interface SimulatedWorker extends Taker {
  readonly engine: Engine;
  /** As a leak source posts to its API. */
  readonly takeLeaks: (request: LeakDeliveryRequest) => Promise<LeakAnswer>;
}

/** Alerts have a ledger and tests of their own; the simulation is about keys. */
const nothing = async (): Promise<void> => undefined;

/** All that leaks of keys that are none of ours ask of the configuration. */
const ONE_CHANNEL = { channels: { ops: {} }, routes: undefined } as unknown as ReturnType<LeakWorking['config']>;
/** All that leaks ask of an issuer. */
const LOOKS = { name: 'hm', looksLikeKey: (value: string) => value.startsWith('hm_live_') } as Partial<Issuer> as Issuer;

export function startWorker({ process, ledger, leaks, queue, plugins, channel, fingerprint, log }: WorkerParts): SimulatedWorker {
  const engine: Engine = {
    ledger, log, queue: queue.port(), clock: process.clock, worker: process.name,
    plugins: async (plan) => plugins(plan),
    fingerprint,
  };
  // The daily summary is the only job that asks for the configuration; it is not among those that the simulation wakes.
  const working: Working = { engine, ledger, channel: async () => channel, config: () => { throw new Error('the simulation has no configuration'); }, tellOfInventories: nothing };
  const work = createWork(working);
  const leaking: LeakWorking = {
    engine, ledger, leaks, queue: engine.queue as Queue, config: () => ONE_CHANNEL,
    leakSources: { names: () => [SCANNER.name], of: () => ({ source: SCANNER, respond: 'revoke', maxBody: 1_000_000 }) },
    fingerprint: (value) => fingerprint(new Secret(value)), issuers: () => [LOOKS],
  };
  const jobs = new Map<string, JobDefinition>(jobDefinitions({ ...work, ...leakWork(leaking, work), readUsage: nothing, scanUsage: nothing, inspect: nothing, respond: nothing, reportIncidents: nothing, drill: nothing }, INTERVALS).map((job) => [job.name, job]));
  const worker: SimulatedWorker = { process, jobs, busy: new Map(), engine, takeLeaks: (request) => takeLeaks({ ...leaking, log }, request) };
  queue.join(worker);
  return worker;
}
