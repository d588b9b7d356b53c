/** Keyturn as its users have it: sandbox, worker and command line as processes, judged by what the outside saw. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { FaultRule, Inspection, KeyLife } from '../../src/sandbox/index.ts';
import { keyturn, LAUNCHER, type CliOptions, type CliResult } from '../support/cli.ts';
import { until } from '../support/processes.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RunningRuntime } from '../support/runtimes.ts';

export { startRedis, until };
export type { CliResult };

export const ROOT_KEY_VARIABLE = 'KEYTURN_ROOT_KEY';
/** A fresh embedded ledger takes seconds to make, and many times that on a busy machine. */
const START_MS = 100_000;

export const sha256 = (value: string | undefined): string => createHash('sha256').update(value ?? '').digest('hex');

/** A process whose output is kept. */
export interface Running {
  readonly child: ChildProcess;
  output(): string;
  /** Its exit code once it is gone; asks it with `signal` first, when given. */
  ended(signal?: NodeJS.Signals): Promise<number | null>;
}

function start(command: string, args: readonly string[], options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> }): Running {
  const child = spawn(command, args, { cwd: options.cwd, env: { PATH: process.env['PATH'], HOME: options.cwd, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  const gone = once(child, 'close');
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    child,
    output: () => output,
    async ended(signal) {
      if (signal !== undefined && child.exitCode === null) child.kill(signal);
      await gone;
      process.removeListener('exit', kill);
      return child.exitCode;
    },
  };
}

/** A directory of one's own, with the sandbox that a user would start in it. */
export interface SandboxProcess extends Running {
  readonly url: string;
  readonly adminKeyFile: string;
  keys(): Promise<readonly KeyLife[]>;
  /** Keys that were minted for a credential, oldest first. */
  keysOf(credential: string): Promise<readonly KeyLife[]>;
  /** The key that serves with this value, or null when it is dead or unknown. */
  alive(value: string | undefined): Promise<KeyLife | null>;
  faults(...rules: readonly FaultRule[]): Promise<void>;
  /** How often the rule of this name struck. */
  struck(name: string): Promise<number>;
  mint(name: string, scopes: readonly string[]): Promise<KeyLife & { readonly key: string }>;
}

export async function startSandbox(directory: string, ...options: readonly string[]): Promise<SandboxProcess> {
  const running = start(process.execPath, [LAUNCHER, 'sandbox', '--data-dir', join(directory, 'sandbox'), ...options], { cwd: directory });
  const url = await until(() => /HyperMemory sandbox: (\S+)/.exec(running.output())?.[1], START_MS, 'the sandbox');
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}/__sandbox${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return await answer.json();
  };
  const keys = async (): Promise<readonly KeyLife[]> => ((await call('GET', '/keys')) as Inspection).keys;
  return {
    ...running, url, keys,
    adminKeyFile: join(directory, 'sandbox', 'admin.key'),
    keysOf: async (credential) => (await keys()).filter((key) => key.name.startsWith(`${credential}-kt-`)),
    alive: async (value) => (await keys()).find((key) => key.sha256 === sha256(value) && key.status === 'active') ?? null,
    faults: async (...rules) => void (await call('POST', '/faults', rules)),
    async struck(name) {
      const { faults } = (await call('GET', '/faults')) as { faults: readonly { rule: FaultRule; struck: number }[] };
      return faults.find(({ rule }) => rule.name === name)?.struck ?? 0;
    },
    mint: async (name, scopes) => (await call('POST', '/keys', { name, scopes, ignore_limit: true })) as KeyLife & { key: string },
  };
}

export interface Worker extends Running {
  /** Its log lines so far. */
  lines(): readonly Readonly<Record<string, unknown>>[];
  kill(): Promise<void>;
}

export interface Home {
  readonly directory: string;
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
  /** Writes keyturn.yaml. */
  configure(config: Readonly<Record<string, unknown>>): void;
  /** `keyturn up`, once it says that it is up. */
  up(options?: { readonly env?: Readonly<Record<string, string>>; readonly wrap?: readonly string[] }): Promise<Worker>;
  keyturn(...args: readonly string[]): Promise<CliResult>;
  /** The same with --json: what standard output held. Throws where the command failed. */
  json<T>(...args: readonly string[]): Promise<T>;
  remove(): void;
}

/** A user's directory on a runtime's services. The embedded ledger lies in `.keyturn`, as it does by default, unless one is given. */
export function openHome(running: Pick<RunningRuntime, 'databaseUrl' | 'redisUrl'> & { readonly dataDir?: string }, more: Readonly<Record<string, string>> = {}): Home {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-e2e-'));
  const config = join(directory, 'keyturn.yaml');
  const env = {
    ...(running.databaseUrl === undefined ? {} : { DATABASE_URL: running.databaseUrl }),
    ...(running.redisUrl === undefined ? {} : { REDIS_URL: running.redisUrl }),
    ...(running.dataDir === undefined ? {} : { KEYTURN_DATA_DIR: running.dataDir }),
    [ROOT_KEY_VARIABLE]: 'a-root-key-of-the-end-to-end-tests',
    ...more,
  };
  const cli: CliOptions = { cwd: directory, env: { ...env, HOME: directory } };
  return {
    directory, config, env,
    configure: (content) => writeFileSync(config, stringify(content)),
    up: (options) => startWorker(directory, { ...env, ...options?.env }, options?.wrap ?? []),
    keyturn: (...args) => keyturn(args, cli),
    async json<T>(...args: readonly string[]) {
      const result = await keyturn([...args, '--json'], cli);
      if (result.code !== 0) throw new Error(`keyturn ${args.join(' ')} exited with ${result.code}: ${result.stderr}`);
      return JSON.parse(result.stdout) as T;
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

async function startWorker(cwd: string, env: Readonly<Record<string, string>>, wrap: readonly string[]): Promise<Worker> {
  const [command, ...args] = [...wrap, process.execPath, LAUNCHER, 'up'];
  const running = start(command, args, { cwd, env });
  const lines = (): readonly Readonly<Record<string, unknown>>[] => running.output().split('\n').filter((line) => line.startsWith('{') && line.endsWith('}')).map((line) => JSON.parse(line) as Record<string, unknown>);
  const began = (): boolean => running.child.exitCode !== null || lines().some((line) => line['msg'] === 'up');
  await until(began, START_MS, 'the worker').catch(async (error: unknown) => {
    await running.ended('SIGKILL');
    throw new Error(`${String(error)}; it said: ${running.output()}`, { cause: error });
  });
  if (running.child.exitCode !== null) throw new Error(`the worker ended with ${running.child.exitCode}: ${running.output()}`);
  return { ...running, lines, kill: async () => void (await running.ended('SIGKILL')) };
}

/** `NAME=value` lines of an env file; empty where there is none. */
export function readEnv(path: string): Readonly<Record<string, string>> {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => /^\w+=/.test(line)) : [];
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** What every configuration here begins with; `QUICK` makes policies that do not wait. */
export const QUICK = { every: '30d', overlap: '0s', quiet: '0s', deadlines: { verify: '3s', promote: '4s', confirm: '4s', retry: '1h' } };
export const BRISK = { sweep: '300ms', debts: '500ms', deliver: '500ms', seal: '500ms', inventory: '1h' };

export function issuerAt(sandbox: SandboxProcess, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { type: 'hypermemory', baseUrl: sandbox.url, adminKey: `\${file:${sandbox.adminKeyFile}}`, plan: 'pro', listLag: '1s', timeout: '10s', pacing: { maxConcurrent: 20, perMinute: 1_000 }, ...more };
}

interface Summary {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  readonly requestedBy: string;
}

/** The newest rotation of a credential once it is in one of these states. */
export function reached(home: Home, credential: string, states: string | readonly string[], withinMs = 30_000): Promise<Summary> {
  let last: Summary | undefined;
  return until(async () => {
    [last] = await home.json<Summary[]>('rotations', '--credential', credential, '--limit', '1');
    return last !== undefined && [states].flat().includes(last.state) ? last : null;
  }, withinMs, `${credential} to be ${[states].flat().join(' or ')}`).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${JSON.stringify(last)}`, { cause: error });
  });
}
