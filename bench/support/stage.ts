/** What a rotation is measured on: a sandbox in a process of its own, stores, and a whole Keyturn in this process. */
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { jobDefinitions } from '../../jobs/index.ts';
import { openApp, type App } from '../../src/app/index.ts';
import { createPluginCache } from '../../src/app/plugins.ts';
import { createConfigHolder, planCredentials, resolveSecret } from '../../src/config/index.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { CredentialPlan } from '../../src/core/plan.ts';
import { createLogger } from '../../src/log/index.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { JobDefinition, Queue } from '../../src/ports/queue.ts';
import type { Plugins } from '../../src/rotation/engine.ts';
import { mintFirst, rotateByHand } from './by-hand.ts';
import { Meter } from './meter.ts';
import { startRemote } from './remote.ts';
import type { SandboxArgument } from './sandbox-process.ts';
import { secretOf } from './worker.ts';

export interface StageOptions {
  readonly stores: readonly ('aws' | 'env')[];
  /** Added to each answer of the issuer, milliseconds. */
  readonly latencyMs: number;
  /** Where moto listens. */
  readonly awsEndpoint: string | null;
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
}

/** One rotation, measured. Times in milliseconds. */
export interface Measured {
  readonly ms: number;
  /** Processor time of this process meanwhile: hardly depends on what else the machine does. */
  readonly cpuMs: number;
  /** Names of the calls to issuer, stores and check, in the order in which they began. */
  readonly calls: readonly string[];
}

export interface MeasuredRotation extends Measured {
  /** Where the time went: each instant once. */
  readonly shares: ReturnType<Meter['shares']>;
  /** Calls of the ledger, by name. */
  readonly ledger: Readonly<Record<string, number>>;
  readonly wakes: number;
  /** Times that the `advance` job ran. */
  readonly jobs: number;
}

export interface Stage {
  /** From `operations.rotate` to the commit that says `done`. */
  keyturn(): Promise<MeasuredRotation>;
  byHand(): Promise<Measured>;
  close(): Promise<void>;
}

const DONE_WITHIN_MS = 60_000;
const ACTOR = { who: 'bench', why: 'measured' };
/** One credential for each of the two, with places of its own. */
const KEYTURN = 'by-keyturn';
const HAND = 'by-hand';

export async function openStage(options: StageOptions): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
  const remote = await startRemote('sandbox-process.ts', { latencyMs: options.latencyMs } satisfies SandboxArgument);
  const sandbox = await remote.call<{ url: string; adminKey: string }>('where');
  const adminKeyFile = join(directory, 'admin.key');
  writeFileSync(adminKeyFile, sandbox.adminKey, { mode: 0o600 });
  const write = (credential: string): string => {
    const path = join(directory, `${credential}.yaml`);
    writeFileSync(path, stringify(configuration(options, credential, { directory, adminKeyFile, sandbox: sandbox.url })));
    return path;
  };
  const worker = await openWorker(write(KEYTURN), options);
  const hand = await openHand(write(HAND));
  return {
    ...worker, ...hand,
    async close() {
      await Promise.all([worker.close(), hand.close()]);
      await remote.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configuration({ stores, awsEndpoint }: StageOptions, credential: string, at: { directory: string; adminKeyFile: string; sandbox: string }): Record<string, unknown> {
  const run = at.directory.split('-').pop() ?? '';
  const aws = { type: 'aws-secrets-manager', region: 'eu-west-1', endpoint: awsEndpoint, createIfMissing: true };
  return {
    version: 1,
    issuers: { hm: { type: 'hypermemory', adminKey: `\${file:${at.adminKeyFile}}`, baseUrl: at.sandbox, plan: 'enterprise', pacing: { maxConcurrent: 20, perMinute: 1_000_000 } } },
    stores: { ...(awsEndpoint === null ? {} : { aws }), env: { type: 'env-file', createIfMissing: true } },
    policies: { manual: { overlap: '0s', quiet: '0s' } },
    credentials: {
      [credential]: {
        issuer: 'hm', scopes: ['memory:write'], policy: 'manual',
        stores: stores.map((store, n) => ({ store, ...(n === 0 ? { record: true } : {}), ...(store === 'env' ? { path: join(at.directory, `${credential}.env`) } : { secretId: `${run}/${credential}` }) })),
      },
    },
    worker: { dataDir: join(at.directory, 'data'), intervals: { inventory: '24h' } },
  };
}

async function openHand(configPath: string): Promise<Pick<Stage, 'byHand' | 'close'>> {
  const { config } = await loadConfig(configPath);
  const [planned] = planCredentials(config);
  if (planned === undefined) throw new Error('the configuration declares one credential');
  const { plan } = planned;
  const meter = new Meter();
  const cache = createPluginCache(resolveSecret);
  const plugins = measuredPlugins(await cache.of(plan), meter);
  let turn = 0;
  const name = (): string => `${plan.keyName}-${(turn += 1)}`;
  let held = await mintFirst(plan, plugins, name());
  return {
    async byHand() {
      meter.reset();
      const [from, cpu] = [performance.now(), process.cpuUsage()];
      held = await rotateByHand(plan, plugins, name(), held);
      return { ms: performance.now() - from, cpuMs: cpuSince(cpu), calls: meter.spans('outside').map((span) => span.name) };
    },
    close: () => cache.close(),
  };
}

async function openWorker(configPath: string, { databaseUrl, redisUrl }: StageOptions): Promise<Pick<Stage, 'keyturn' | 'close'>> {
  const holder = await createConfigHolder(configPath);
  const log = createLogger({ level: 'info', destination: { write: () => undefined } });
  const app = await openApp({ holder, environment: { databaseUrl: secretOf(databaseUrl), redisUrl: secretOf(redisUrl) }, log });
  const watch = watchApp(app);
  const first = watch.finished();
  await app.start(watch.jobs);
  await first; // the credential had no key: its first one is minted at once
  return { keyturn: () => watch.rotate(), close: () => app.close(5_000) };
}

interface Watch {
  readonly jobs: readonly JobDefinition[];
  /** Resolves with the instant at which the next rotation ends. */
  finished(): Promise<number>;
  rotate(): Promise<MeasuredRotation>;
}

/** Measures a worker from outside, by wrapping what it is made of: `src` knows nothing of it. */
function watchApp(app: App): Watch {
  const { ledger, engine, queue } = app.context;
  if (queue === null) throw new Error('a worker has a queue');
  const meter = new Meter();
  const ends = new EventEmitter();
  measureLedger(ledger, meter, (at) => ends.emit('end', at));
  const { plugins } = engine;
  Object.assign(engine, { queue: meter.around(queue, 'queue', 'queue'), plugins: async (plan: CredentialPlan) => measuredPlugins(await plugins(plan), meter) });
  const finished = async (): Promise<number> => ((await once(ends, 'end', { signal: AbortSignal.timeout(DONE_WITHIN_MS) })) as [number])[0];
  let [jobs, asked] = [0, 0];
  const counted = (job: JobDefinition): JobDefinition => ({
    ...job,
    run: async (payload, signal) => {
      if (job.name === 'advance' && (jobs += 1) === 1) meter.add({ layer: 'queue', name: 'queue.wait', from: asked, to: performance.now() });
      await job.run(payload, signal);
    },
  });
  return {
    jobs: jobDefinitions(app.work, app.intervals).map(counted),
    finished,
    async rotate() {
      await idle(queue);
      meter.reset();
      jobs = 0;
      const end = finished();
      asked = performance.now();
      const cpu = process.cpuUsage();
      const [requested] = await app.operations.rotate({ credentials: [KEYTURN] }, ACTOR);
      const to = await end;
      const cpuMs = cpuSince(cpu);
      const { state, reason } = await app.operations.rotation(requested?.rotation.id ?? '');
      if (state !== 'done') throw new Error(`the rotation ended as ${state}: ${reason}`);
      const during = (layer: 'outside' | 'ledger' | 'queue') => meter.spans(layer).filter((span) => span.from < to).map((span) => span.name);
      return { ms: to - asked, cpuMs, calls: during('outside'), shares: meter.shares(asked, to), ledger: count(during('ledger')), wakes: during('queue').filter((name) => name === 'queue.wake').length, jobs };
    },
  };
}

function cpuSince(begin: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1_000;
}

/** In place, since more than one part of the worker holds the ledger. Tells when a commit ended a rotation. */
function measureLedger(ledger: Ledger, meter: Meter, ended: (at: number) => void): void {
  const bare: Ledger = { ...ledger };
  const commit: Ledger['commit'] = async (...given) => {
    const outcome = await bare.commit(...given);
    if (outcome.outcome === 'ok' && outcome.rotation.finishedAt !== null) ended(performance.now());
    return outcome;
  };
  const methods = Object.entries({ ...bare, commit }).filter(([, member]) => typeof member === 'function');
  Object.assign(ledger, Object.fromEntries(methods.map(([name, method]) => [name, meter.method(bare, method as never, 'ledger', name)])));
}

function measuredPlugins({ issuer, places, keyChecks, applicationChecks, hooks }: Plugins, meter: Meter): Plugins {
  const around = <T extends object>(target: T, label: string): T => meter.around(target, 'outside', label);
  return {
    issuer: around(issuer, 'issuer'),
    places: places.map((place) => ({ ...place, store: around(place.store, place.id) })),
    keyChecks: keyChecks.map((check) => around(check, 'check')),
    applicationChecks, hooks,
  };
}

/** What an earlier rotation left to do in the background is over. */
async function idle(queue: Queue): Promise<void> {
  const deadline = performance.now() + DONE_WITHIN_MS;
  while (performance.now() < deadline) {
    const counts = await queue.counts();
    if (counts.every((lane) => lane.waiting + lane.active === 0)) return;
    await sleep(20);
  }
  throw new Error('the queue does not come to rest');
}

function count(names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}
