/** Everything that a run needs, as processes of their own, and its end. */
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { connect, type Client } from '../../src/api/client.ts';
import { startMailCatcher, startSlackCatcher, type MailCatcher, type SlackCatcher } from '../../src/demo/catchers.ts';
import { startChild } from '../../src/demo/process.ts';
import { startSandbox, type SandboxProcess } from '../e2e/support.ts';
import { startMoto } from '../support/moto.ts';
import { until } from '../support/processes.ts';
import type { ApplicationReport, ApplicationSetting } from './application.ts';
import { configText, declare, ROOT_KEY_VARIABLE, SCANNER_SECRET, SCANNER_VARIABLE, SLACK_TOKEN_VARIABLE, type Declared, type RuntimeName } from './config.ts';
import { makeDisk, type Disk } from './disk.ts';
import { Seat, type OwnEnd, type Step } from './seat.ts';
import { startPostgres, startRedisProcess, type PostgresProcess, type RedisProcess } from './servers.ts';
import { startWatch, type Watch } from './watch.ts';

export interface Stage {
  readonly runtime: RuntimeName;
  /** Holds the logs and, unless mounted away, everything else. */
  readonly directory: string;
  readonly declared: readonly Declared[];
  readonly keyLimit: number;
  readonly bystanders: readonly string[];
  readonly bystanderValues: readonly string[];
  readonly seats: readonly Seat[];
  readonly ownEnds: readonly OwnEnd[];
  readonly disk: Disk;
  readonly sandbox: SandboxProcess;
  readonly aws: SecretsManagerClient;
  readonly slack: SlackCatcher;
  readonly mail: MailCatcher;
  readonly postgres: PostgresProcess | null;
  readonly redis: RedisProcess | null;
  readonly watch: Watch;
  /** For the command line: where the configuration is, and what a worker on this seat has in its environment. */
  readonly config: string;
  environment(seat: Seat): Readonly<Record<string, string>>;
  client(seat: Seat): Client;
  onStep(listener: (seat: Seat, step: Step) => void): () => void;
  /** Writes down what the driver did, beside the workers' logs. */
  note(deed: string): void;
  application(): Promise<ApplicationReport>;
  drainApplication(): Promise<ApplicationReport>;
  /** Stops what still runs; removes everything, or leaves it for people to look at. */
  close(keep: boolean): Promise<void>;
}

/** Several workers lease what a dead one held only after half a minute, so more credentials keep them busy. */
const SHAPE: Readonly<Record<RuntimeName, { readonly workers: number; readonly groups: number; readonly everyMs: number }>> = {
  embedded: { workers: 1, groups: 1, everyMs: 300 },
  postgres: { workers: 3, groups: 2, everyMs: 700 },
  redis: { workers: 3, groups: 2, everyMs: 700 },
};
const START_MS = 60_000;
const GRACE_MS = 5_000;
const REPORT_MS = 20_000;
const CLIENT_MS = 5_000;

export async function setStage(runtime: RuntimeName): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), `keyturn-kills-${runtime}-`));
  chmodSync(directory, 0o755); // PostgreSQL's user walks through it
  const cleanups: (() => unknown)[] = [];
  const close = async (keep: boolean): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await Promise.resolve(cleanup()).catch(() => undefined);
    if (!keep) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    return await build({ runtime, directory, close, onEnd: (cleanup) => void cleanups.push(cleanup) });
  } catch (error) {
    await close(true);
    throw error;
  }
}

interface Building {
  readonly runtime: RuntimeName;
  readonly directory: string;
  readonly close: Stage['close'];
  readonly onEnd: (cleanup: () => unknown) => void;
}

async function build({ runtime, directory, close, onEnd }: Building): Promise<Stage> {
  const shape = SHAPE[runtime];
  const disk = makeDisk(join(directory, 'disk'));
  onEnd(() => disk.remove());
  const declared = declare(shape.groups, disk.directory);
  const keyLimit = declared.length * 3 + 10;
  const started = await startServices(runtime, directory, onEnd);
  const { sandbox, moto, slack, mail, postgres, redis } = started;
  const aws = moto.client();
  onEnd(() => aws.destroy());
  const minted = await Promise.all(['bystander-1', 'bystander-2'].map((name) => sandbox.mint(name, ['memory:read'])));
  const [bystanders, bystanderValues] = [minted.map(({ id }) => id), minted.map(({ key }) => key)];

  const config = join(directory, 'keyturn.yaml');
  writeFileSync(config, configText(declared, { sandboxUrl: sandbox.url, adminKeyFile: sandbox.adminKeyFile, keyLimit, awsEndpoint: moto.endpoint, slackApiUrl: slack.url, mail }));
  const common = {
    PATH: process.env['PATH'] ?? '', HOME: directory, ...moto.env, KEYTURN_CONFIG: config,
    [ROOT_KEY_VARIABLE]: 'the-root-key-of-the-real-kills-0123456789', [SLACK_TOKEN_VARIABLE]: 'xoxb-kills-loopback-only', [SCANNER_VARIABLE]: SCANNER_SECRET,
    ...(postgres === null ? {} : { DATABASE_URL: postgres.url }), ...(redis === null ? {} : { REDIS_URL: redis.url }),
  };
  const [ownEnds, listeners] = [[] as OwnEnd[], new Set<(seat: Seat, step: Step) => void>()];
  mkdirSync(join(directory, 'logs'));
  const seats = Array.from({ length: shape.workers }, (_, index) => new Seat({
    name: `worker-${index + 1}`, cwd: directory, env: common, dataDir: join(disk.directory, 'data', String(index + 1)), logFile: join(directory, 'logs', `worker-${index + 1}.log`),
    onStep: (seat, step) => { for (const listener of listeners) listener(seat, step); },
    onOwnEnd: (end) => void ownEnds.push(end),
  }));
  onEnd(() => Promise.all(seats.map((seat) => seat.stop(GRACE_MS))));
  const applicationUrl = await startApplication(directory, { apiUrl: sandbox.url, awsEndpoint: moto.endpoint, everyMs: shape.everyMs, credentials: declared }, onEnd);
  const watch = startWatch({ declared, aws, keys: () => sandbox.keys() });
  onEnd(() => watch.stop());
  const environment = (seat: Seat): Record<string, string> => ({ ...common, KEYTURN_DATA_DIR: seat.dataDir });
  return {
    runtime, directory, declared, keyLimit, bystanders, bystanderValues, seats, ownEnds, disk, sandbox, aws, slack, mail, postgres, redis, watch, config, environment,
    client: (seat) => connect({ socketPath: join(seat.dataDir, 'keyturn.sock') }, { timeoutMs: CLIENT_MS }),
    onStep: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    note: (deed) => appendFileSync(join(directory, 'logs', 'driver.log'), `${new Date().toISOString()} ${deed}\n`),
    application: () => reportOf(applicationUrl, 'GET'),
    drainApplication: () => reportOf(applicationUrl, 'POST'),
    async close(keep) {
      try {
        await Promise.all(seats.map((seat) => seat.stop(GRACE_MS)));
        if (keep) disk.keep(join(directory, 'kept'));
      } finally {
        await close(keep);
      }
    },
  };
}

async function startServices(runtime: RuntimeName, directory: string, onEnd: Building['onEnd']) {
  const begun = await Promise.allSettled([
    startSandbox(directory, '--plan', 'enterprise'), startMoto(), startSlackCatcher(), startMailCatcher(),
    runtime === 'embedded' ? null : startPostgres(directory), runtime === 'redis' ? startRedisProcess(directory) : null,
  ]);
  const [sandbox, moto, slack, mail, postgres, redis] = begun;
  if (sandbox.status === 'fulfilled') onEnd(() => sandbox.value.ended('SIGTERM'));
  for (const one of [moto, slack, mail, postgres, redis]) if (one.status === 'fulfilled') onEnd(() => one.value?.stop());
  const failed = begun.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return { sandbox: got(sandbox), moto: got(moto), slack: got(slack), mail: got(mail), postgres: got(postgres), redis: got(redis) };
}

function got<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

async function startApplication(directory: string, setting: ApplicationSetting, onEnd: Building['onEnd']): Promise<string> {
  const file = join(directory, 'application.json');
  writeFileSync(file, JSON.stringify(setting));
  const child = startChild({ name: 'application', module: join(import.meta.dirname, 'application.ts'), args: [file], cwd: directory, env: { PATH: process.env['PATH'] } });
  onEnd(() => child.stop(GRACE_MS));
  return await until(() => {
    if (child.ended) throw new Error(`the application ended with ${child.end}: ${child.lines.join('\n')}`);
    return (child.message as { readonly url: string } | undefined)?.url;
  }, START_MS, 'the application');
}

async function reportOf(url: string, method: string): Promise<ApplicationReport> {
  const answer = await fetch(url, { method, signal: AbortSignal.timeout(REPORT_MS) });
  return (await answer.json()) as ApplicationReport;
}
