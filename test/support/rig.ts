/**
 * A whole Keyturn in this process, on real services: sandbox, moto, an application's health endpoint, Slack and mail
 * catchers, ledger and queue of a runtime. Judged by what the sandbox and the stores saw, not by Keyturn's own ledger.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { GetSecretValueCommand, DescribeSecretCommand, CreateSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { stringify } from 'yaml';
import { jobDefinitions } from '../../jobs/index.ts';
import { openApp, type App } from '../../src/app/index.ts';
import type { RotationDetail, RotationSummary } from '../../src/app/operations.ts';
import { createConfigHolder } from '../../src/config/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { startMailCatcher, startSlackCatcher, type MailCatcher, type SlackCatcher } from '../../src/demo/catchers.ts';
import { createLogger } from '../../src/log/index.ts';
import { startSandbox, type RunningSandbox } from '../../src/sandbox/index.ts';
import { startMoto, type Moto } from './moto.ts';
import type { RunningRuntime, Runtime } from './runtimes.ts';
import { advanceClock } from './clock.ts';
import { openOn } from './open.ts';

const ADMIN_VARIABLE = 'KEYTURN_TEST_ADMIN_KEY';
const SLACK_VARIABLE = 'KEYTURN_TEST_SLACK_TOKEN';
export const ROOT_VARIABLE = 'KEYTURN_TEST_ROOT_KEY';
export const ACTOR = { who: 'test', why: 'because a test asks' };

/** What outlives a single test: starting these takes seconds. */
export interface Surroundings {
  readonly sandbox: RunningSandbox;
  readonly moto: Moto;
  readonly aws: SecretsManagerClient;
  readonly slack: SlackCatcher;
  readonly mail: MailCatcher;
  /** The application's health endpoint; green while `healthy` says so. */
  readonly health: { readonly url: string; healthy: boolean };
  stop(): Promise<void>;
}

export async function startSurroundings(): Promise<Surroundings> {
  const [sandbox, moto, slack, mail] = await Promise.all([
    startSandbox({ plan: 'pro', limits: { keys: null, requestsPerWindow: null, queries: null } }), startMoto(), startSlackCatcher(), startMailCatcher(),
  ]);
  Object.assign(process.env, moto.env, { [ADMIN_VARIABLE]: sandbox.adminKey, [SLACK_VARIABLE]: 'xoxb-token-of-the-tests', [ROOT_VARIABLE]: 'root-key-of-the-tests-0123456789abcdef' });
  const aws = moto.client();
  const { server, health } = await startHealth();
  const stop = async (): Promise<void> => {
    aws.destroy();
    server.close();
    await Promise.all([sandbox.close(), moto.stop(), slack.stop(), mail.stop()]);
  };
  return { sandbox, moto, aws, slack, mail, health, stop };
}

async function startHealth(): Promise<{ server: Server; health: { url: string; healthy: boolean } }> {
  const health = { url: '', healthy: true };
  const server = createServer((_request, response) => {
    response.statusCode = health.healthy ? 200 : 503;
    response.end(health.healthy ? 'ok' : 'cannot reach the memory API');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  health.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`;
  return { server, health };
}

export interface CredentialSpec {
  /** Its places: `aws` a whole secret, `aws-field` a field of a JSON secret, `env` an env file. The first is of record. */
  readonly places?: readonly ('aws' | 'aws-field' | 'env')[];
  readonly secretId?: string;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly checks?: readonly string[];
  readonly hooks?: readonly string[];
  readonly more?: Readonly<Record<string, unknown>>;
}

export interface RigOptions {
  readonly credentials: Readonly<Record<string, CredentialSpec>>;
  readonly issuer?: Readonly<Record<string, unknown>>;
  readonly sections?: Readonly<Record<string, unknown>>;
  /** False: nothing runs by itself; the test calls `app.work`. */
  readonly jobs?: boolean;
  /** Called before the worker starts, to put something into the stores. */
  readonly before?: (envFile: (credential: string) => string) => void;
}

export const QUICK = { overlap: '0s', quiet: '0s', deadlines: { verify: '3s', promote: '4s', confirm: '4s', stuck: '30s', retry: '1h' } };

export interface Rig {
  readonly app: App;
  readonly directory: string;
  readonly running: RunningRuntime;
  /** Every log line so far. */
  readonly lines: readonly string[];
  /** Called with each log line as it is written, before the worker goes on. */
  readonly listeners: Set<(line: string) => void>;
  envFile(credential: string): string;
  secretId(credential: string): string;
  /** Requests a rotation and waits until it ends, or is `state`. */
  rotate(credential: string, until?: string): Promise<RotationDetail>;
  /** The newest rotation of the credential once it is in one of these states. */
  reached(credential: string, ...states: readonly string[]): Promise<RotationSummary>;
  /** One more worker on the same services, with a name and connections of its own. */
  another(): Promise<App>;
  /** Moves the ledger's clock; where only one process may open it, the worker makes way for that, and `app` is a new one. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

const INTERVALS = { sweep: '250ms', debts: '500ms', inventory: '1h', deliver: '500ms', seal: '500ms' };

export async function openRig(runtime: Runtime, around: Surroundings, options: RigOptions): Promise<Rig> {
  const running = await runtime.start();
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-rig-'));
  mkdirSync(join(directory, 'app'));
  const configPath = join(directory, 'keyturn.yaml');
  writeFileSync(configPath, stringify(configuration(around, directory, running.dataDir, options)));
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  const write = (line: string): void => {
    lines.push(line);
    for (const listener of listeners) listener(line);
  };
  const apps: App[] = [];
  const start = async (): Promise<App> => {
    const app = await openWorker(configPath, running, write);
    apps.push(app);
    if (options.jobs !== false) await app.start(jobDefinitions(app.work, app.intervals));
    return app;
  };
  const envFile = (credential: string): string => join(directory, 'app', `${credential}.env`);
  options.before?.(envFile);
  let app = await start();
  const pass = async (ms: number): Promise<void> => {
    if (runtime.name === 'embedded') await app.close(5_000);
    const other = await openOn(running);
    await advanceClock(other.pool, ms);
    await other.close();
    if (runtime.name === 'embedded') app = await start();
  };
  return {
    get app() { return app; }, pass, directory, running, lines, listeners, envFile, secretId: (credential) => options.credentials[credential]?.secretId ?? `${directory.split('-').pop()}/${credential}`,
    rotate: (credential, until) => rotate(app, credential, until),
    reached: (credential, ...states) => reached(app, credential, states),
    another: start,
    async close() {
      for (const opened of apps.toReversed()) await opened.close(5_000);
      await running.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openWorker(configPath: string, running: RunningRuntime, write: (line: string) => void): Promise<App> {
  const holder = await createConfigHolder(configPath);
  const log = createLogger({ level: 'debug', destination: { write } });
  return await openApp({ holder, environment: { databaseUrl: secretOf(running.databaseUrl), redisUrl: secretOf(running.redisUrl) }, log });
}

function secretOf(url: string | undefined): Secret | null {
  return url === undefined ? null : new Secret(url);
}

function configuration(around: Surroundings, directory: string, dataDir: string, options: RigOptions): Record<string, unknown> {
  const places = (name: string, spec: CredentialSpec): Record<string, unknown>[] =>
    (spec.places ?? ['env']).map((place, n) => ({
      store: place === 'env' ? 'env' : 'aws',
      ...(n === 0 ? { record: true } : {}),
      ...(place === 'env' ? { path: join(directory, 'app', `${name}.env`) } : { secretId: spec.secretId ?? `${directory.split('-').pop()}/${name}` }),
      ...(place === 'aws-field' ? { field: name } : {}),
    }));
  const specs = Object.entries(options.credentials);
  return {
    version: 1,
    issuers: { hm: { type: 'hypermemory', adminKey: `\${env:${ADMIN_VARIABLE}}`, baseUrl: around.sandbox.url, plan: 'enterprise', listLag: '500ms', timeout: '3s', pacing: { maxConcurrent: 20, perMinute: 10_000 }, ...options.issuer } },
    stores: { aws: { type: 'aws-secrets-manager', region: around.moto.region, endpoint: around.moto.endpoint, createIfMissing: true }, env: { type: 'env-file', createIfMissing: true } },
    checks: { health: { type: 'http', url: around.health.url, attempts: 2, interval: '100ms', timeout: '1s', deadline: '2s' } },
    channels: {
      slack: { type: 'slack', token: `\${env:${SLACK_VARIABLE}}`, channel: '#ops', slackApiUrl: `${around.slack.url}/` },
      mail: { type: 'email', host: around.mail.host, port: around.mail.port, from: 'keyturn@example.com', to: ['ops@example.com'] },
    },
    policies: Object.fromEntries(specs.map(([name, spec]) => [name, { ...QUICK, ...spec.policy }])),
    credentials: Object.fromEntries(
      specs.map(([name, spec]) => [name, { issuer: 'hm', scopes: ['memory:write'], policy: name, stores: places(name, spec), checks: spec.checks ?? [], hooks: spec.hooks ?? [], ...spec.more }]),
    ),
    worker: { dataDir, intervals: INTERVALS },
    security: { rootKey: `\${env:${ROOT_VARIABLE}}` },
    ...options.sections,
  };
}

const TERMINAL = ['done', 'aborted', 'rolled_back'];

async function rotate(app: App, credential: string, until?: string): Promise<RotationDetail> {
  const [requested] = await app.operations.rotate({ credentials: [credential] }, ACTOR);
  const id = requested?.rotation.id ?? '';
  return await eventually(async () => {
    const rotation = await app.operations.rotation(id);
    return rotation.state === until || TERMINAL.includes(rotation.state) ? rotation : null;
  }, () => `rotation of ${credential} to end`);
}

async function reached(app: App, credential: string, states: readonly string[]): Promise<RotationSummary> {
  let last: RotationSummary | undefined;
  return await eventually(async () => {
    [last] = await app.operations.rotations({ credential, limit: 1 });
    return last !== undefined && states.includes(last.state) ? last : null;
  }, () => `${credential} to be ${states.join(' or ')}; it is ${last?.state} (${last?.reason}): ${last?.message}`);
}

/** Polls until there is an answer; fails by saying what it waited for. */
export async function eventually<T>(look: () => Promise<T | null | undefined | false>, what: () => string, withinMs = 40_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what()}`);
    await wait(50);
  }
}

/** Variables of an env file, unquoted values only (keys need no quotes). */
export function readEnv(path: string): Readonly<Record<string, string>> {
  const pairs = readFileSync(path, 'utf8').split('\n').flatMap((line) => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs);
}

/** The value under a stage of a secret, or null; and all labels that exist on any version. */
export async function readSecret(aws: SecretsManagerClient, secretId: string, stage = 'AWSCURRENT'): Promise<string | null> {
  try {
    return (await aws.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage }))).SecretString ?? null;
  } catch {
    return null;
  }
}

export async function labelsOf(aws: SecretsManagerClient, secretId: string): Promise<readonly string[]> {
  const { VersionIdsToStages = {} } = await aws.send(new DescribeSecretCommand({ SecretId: secretId }));
  return Object.values(VersionIdsToStages).flat().sort();
}

export async function createSecret(aws: SecretsManagerClient, secretId: string, value: string): Promise<void> {
  await aws.send(new CreateSecretCommand({ Name: secretId, SecretString: value }));
}

/** Keys that the sandbox minted for a credential, oldest first, as the sandbox knows them. */
export async function mintedFor(sandbox: RunningSandbox, credential: string): Promise<readonly { id: string; name: string; sha256: string; status: string; requestsAfterRevocation: number }[]> {
  const { keys } = await sandbox.inspect();
  return keys
    .filter((key) => key.name.startsWith(`${credential}-kt-`))
    .map((key) => ({ id: key.id, name: key.name, sha256: key.sha256, status: key.status, requestsAfterRevocation: key.requests_after_revocation }));
}
