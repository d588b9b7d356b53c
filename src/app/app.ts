/** The composition root: configuration and environment become a running Keyturn. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { headOf, headText } from '../alerts/daily.ts';
import { takePlaces } from '../alerts/places.ts';
import { channelDefinitions, issuerDefinitions, resolveSecret, type ConfigHolder, type Environment, type Settings } from '../config/index.ts';
import type { PluginDefinition } from '../core/plan.ts';
import { approvalTokens } from '../core/approval.ts';
import { describeError } from '../core/errors.ts';
import { fingerprinter, textFingerprinter, type Secret } from '../core/secret.ts';
import { openLedger, type OpenLedger } from '../ledger/index.ts';
import type { Channel } from '../ports/channel.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { JobDefinition, Queue } from '../ports/queue.ts';
import { openQueue } from '../queue/index.ts';
import type { Engine } from '../rotation/engine.ts';
import { tellOf } from './alerting.ts';
import { alertChanges } from './alerts.ts';
import { createApprovals, type AnswerApproval } from './approvals.ts';
import { changes } from './changes.ts';
import type { Context } from './context.ts';
import { createDrills, drillChanges } from './drills/index.ts';
import { createIntake } from './break-glass/intake.ts';
import { createHealth } from './health.ts';
import { noteInstallation } from './installation.ts';
import { createInspection, type NamedIssuer } from './inspection.ts';
import { inventoryScan } from './inventory-scan.ts';
import { takeIssuerEvent } from './issuer-events.ts';
import { createReporter } from './incident-reports.ts';
import type { Health, IssuerEventAnswer, IssuerEventRequest, Operations, PushAnswer, PushRequest } from './operations.ts';
import { createPluginCache, type PluginCache } from './plugins.ts';
import { pushUsage } from './push.ts';
import { takeLeaks } from './leak-intake.ts';
import { createLeakSources } from './leak-sources.ts';
import type { LeakAnswer, LeakDeliveryRequest } from './leak-views.ts';
import { leakResponder } from './leak-response.ts';
import { leakWork } from './leak-work.ts';
import { questions } from './questions.ts';
import { responseChanges } from './response-views.ts';
import { withLink } from './response-links.ts';
import { responseWork } from './response-work.ts';
import { redisFactory } from './redis.ts';
import { CHANNELS, open } from './registry.ts';
import { rootKey } from './root-key.ts';
import { scanUsage } from './scan.ts';
import { createSources } from './sources.ts';
import { sharedTimeouts } from './timeouts.ts';
import { createUsageReader } from './usage-work.ts';
import { VERSION } from './version.ts';
import { createWork } from './work-loop.ts';
import type { Intervals, Work } from './work.ts';

export interface AppOptions {
  readonly holder: ConfigHolder;
  readonly environment: Pick<Environment, 'databaseUrl' | 'redisUrl'>;
  readonly log: Log;
}

export interface App {
  readonly operations: Operations;
  readonly work: Work;
  readonly health: Health;
  readonly pushUsage: (request: PushRequest) => Promise<PushAnswer>;
  readonly takeIssuerEvent: (request: IssuerEventRequest) => Promise<IssuerEventAnswer>;
  readonly takeLeaks: (request: LeakDeliveryRequest) => Promise<LeakAnswer>;
  readonly answerApproval: AnswerApproval;
  readonly intervals: Intervals;
  readonly context: Context;
  /** Starts the jobs; the first sweep runs at once. */
  start(jobs: readonly JobDefinition[]): Promise<void>;
  /** Stops taking work, lets running work finish until the deadline, closes everything. */
  close(deadlineMs: number): Promise<void>;
}

/** Opens ledger and queue, and records what the configuration declares. Throws what these throw; then nothing stays open. */
export async function openApp({ holder, environment, log }: AppOptions): Promise<App> {
  const config = holder.current();
  const key = await rootKey(config.security.rootKey, config.worker.dataDir, resolveSecret);
  const { databaseUrl } = environment;
  const opened = await openLedger({ dataDir: config.worker.dataDir, rootKey: key, ...(databaseUrl === null ? {} : { databaseUrl: databaseUrl.reveal() }) });
  try {
    const queue = await openQueueFor(config, environment, opened, log);
    await opened.ledger.declare(holder.plans());
    await note(opened.ledger, config.worker.dataDir, log);
    const plugins = createPluginCache(resolveSecret);
    const engine: Engine = { ledger: opened.ledger, queue, plugins: (plan) => plugins.of(plan), fingerprint: fingerprinter(key), log, clock: REAL_CLOCK, worker: workerName() };
    return compose({ holder, log, engine, queue, opened, plugins, rootKey: key });
  } catch (error) {
    await opened.ledger.close().catch(() => undefined);
    throw error;
  }
}

/** Beside PostgreSQL the data directory may be one that cannot be written: break glass then asks whose keys are ours. */
async function note(ledger: Ledger, dataDir: string, log: Log): Promise<void> {
  const installation = await ledger.installation();
  try {
    noteInstallation(dataDir, installation);
  } catch (error) {
    log.warn({ dataDir, error: describeError(error) }, 'the installation could not be noted in the data directory');
  }
}

/** Node's own timers. */
export const REAL_CLOCK: Clock = { timeout: sharedTimeouts() };

/** Unique per process, and readable: where it runs, and a random part, since process ids repeat in containers. */
export function workerName(): string {
  return `${hostname().split('.')[0] ?? 'host'}-${process.pid}-${randomBytes(3).toString('hex')}`;
}

async function openQueueFor(config: Settings, environment: AppOptions['environment'], { ledger, pool }: OpenLedger, log: Log): Promise<Queue> {
  const redis = await redisFactory(config.redis, environment.redisUrl, resolveSecret);
  return await openQueue({
    pool,
    kind: ledger.kind,
    ...(redis === null ? {} : { redis }),
    events: {
      error: (error, where) => log.warn({ where, err: error }, 'the queue has trouble; the ledger keeps the work'),
      jobFailed: (job, error) => log.warn({ job, err: error }, 'a job failed; the ledger is asked again'),
    },
  });
}

interface Parts extends Pick<AppOptions, 'holder' | 'log'> {
  readonly engine: Engine;
  readonly queue: Queue;
  readonly opened: OpenLedger;
  readonly plugins: PluginCache;
  readonly rootKey: Secret;
}

function compose({ holder, log, engine, queue, opened, plugins, rootKey }: Parts): App {
  const { ledger, usage, scans, alerts, leaks, responses, incidents, breakGlass, drills } = opened;
  const fingerprintText = textFingerprinter(rootKey);
  const intake = createIntake({ engine, breakGlass, config: () => holder.current(), issuer: (definition) => plugins.issuer(definition), rootKey });
  const channels = createChannels(() => holder.current(), ledger);
  const sources = createSources({ config: () => holder.current(), issuer: (definition) => plugins.issuer(definition), fingerprint: fingerprintText });
  const context: Context = {
    engine, ledger, usage, scans, alerts, leaks, responses, incidents, drills, queue, sources, intake, leakSources: createLeakSources(() => holder.current()), version: VERSION, startedAt: new Date(),
    config: () => holder.current(),
    warnings: () => holder.warnings(),
    channel: (name) => channels.of(name),
    channelDefinitions: () => channels.definitions(),
  };
  const issuers = (): readonly NamedIssuer[] => issuerDefinitions(holder.current()).map((definition) => ({ name: definition.name, open: () => plugins.issuer(definition) }));
  const tokens = approvalTokens(rootKey);
  const working = createWork({ ...context, addressed: (notice) => withLink(notice, tokens, holder.current().response.approval.url), tellOfInventories: async (taken) => void (await tellOf(context, await inventoryScan({ ...context, issuers }, taken))) });
  const seeing = { fingerprint: fingerprintText, issuers: () => issuers().map(({ open: opened }) => opened()) };
  const looking = { ...leakWork({ ...context, ...seeing }, working), scanUsage: async (signal: AbortSignal) => void (await scanUsage(context, signal)) };
  const responding = responseWork({ ...context, responder: leakResponder(engine) }, looking);
  const work = { ...working, ...looking, ...responding, readUsage: createUsageReader(context), inspect: createInspection({ ...context, issuers }), reportIncidents: createReporter(context), drill: createDrills(context) };
  return {
    context, work,
    operations: { ...questions(context), ...changes(context), ...alertChanges(context), ...responseChanges(context), ...drillChanges(context), reload: (actor) => reload(context, holder, actor) },
    health: createHealth({ ledger, drills, queue, version: VERSION }),
    pushUsage: (request) => pushUsage(context, fingerprintText, request),
    takeIssuerEvent: (request) => takeIssuerEvent(context, request),
    takeLeaks: (request) => takeLeaks({ ...context, log, ...seeing }, request),
    answerApproval: createApprovals(context, tokens),
    intervals: intervalsOf(holder.current()),
    async start(jobs) {
      await queue.start(jobs, { concurrency: holder.current().worker.concurrency });
      await queue.wake('due-sweep', {});
    },
    async close(deadlineMs) {
      await queue.close(deadlineMs);
      const auditHead = await headOf(ledger).then(headText, () => null);
      await Promise.allSettled([plugins.close(), channels.close(), sources.close()]);
      await ledger.close();
      log.info({ auditHead }, 'stopped');
    },
  };
}

export function intervalsOf({ worker: { intervals }, heartbeat }: Settings): Intervals {
  return { sweepMs: intervals.sweep, debtsMs: intervals.debts, inventoryMs: intervals.inventory, inspectMs: intervals.inspect, deliverMs: intervals.deliver, sealMs: intervals.seal, usageMs: intervals.usage, scanMs: intervals.scan, heartbeatMs: heartbeat?.every ?? null };
}

async function reload(context: Context, holder: ConfigHolder, actor: { who: string; why: string }): Promise<{ applied: boolean; problems: readonly string[] }> {
  const outcome = await holder.reload();
  if (outcome.applied) await context.ledger.declare(holder.plans());
  await context.ledger.audit({ type: outcome.applied ? 'config.reloaded' : 'config.refused', actor, credential: null, rotationId: null, keyId: null, detail: { problems: outcome.problems.length } });
  if (outcome.applied) await context.queue?.wake('due-sweep', {});
  return outcome;
}

interface Channels {
  of(name: string): Promise<Channel | null>;
  definitions(): readonly PluginDefinition[];
  close(): Promise<void>;
}

/** Channels by name, as configured today: a message waits in the outbox by the name of its channel only. */
export function createChannels(config: () => Settings, ledger: Pick<Ledger, 'takePace'>): Channels {
  const place = takePlaces(ledger);
  const opened = new Map<string, Channel>();
  const definitions = (): readonly PluginDefinition[] => channelDefinitions(config());
  return {
    definitions,
    async of(name) {
      const definition = definitions().find((d) => d.name === name);
      if (definition === undefined) return null;
      const key = JSON.stringify(definition);
      const known = opened.get(key) ?? open(CHANNELS, definition, resolveSecret, place);
      opened.set(key, known);
      return known;
    },
    async close() {
      await Promise.allSettled([...opened.values()].map(async (channel) => await channel.close?.()));
    },
  };
}
