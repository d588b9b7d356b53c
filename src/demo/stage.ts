/** Everything that the demo runs, and its end: processes, catchers and a directory that all go when it goes. */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type Client } from '../api/client.ts';
import type { ApplicationReport } from './application.ts';
import { startMailCatcher, startSlackCatcher, type MailCatcher, type SlackCatcher } from './catchers.ts';
import type { Call } from './caller.ts';
import { API_TOKEN_VARIABLE, configText, GATEWAY_TOKEN_VARIABLE, SCANNER_SECRET_VARIABLE, SLACK_TOKEN_VARIABLE } from './config-text.ts';
import { freePort } from './free-port.ts';
import { inspectorOf, type Inspector } from './inspector.ts';
import { besides, startChild, type Child } from './process.ts';
import { DemoFailure, until } from './until.ts';

export interface Stage {
  readonly dir: string;
  readonly envFile: string;
  readonly sandboxUrl: string;
  readonly applicationUrl: string;
  /** Where workers listen for those outside. */
  readonly apiUrl: string;
  /** Shared with the scanner that reports leaked keys. */
  readonly scannerSecret: string;
  readonly sandbox: Inspector;
  readonly slack: SlackCatcher;
  readonly mail: MailCatcher;
  /** Talks to whichever worker runs now. */
  readonly client: Client;
  /** The worker that runs, or ran last. */
  readonly worker: Child | null;
  /** What all workers wrote, oldest first. */
  workerLines(): readonly string[];
  /** Starts `keyturn up`, and returns when it answers. */
  startWorker(signal: AbortSignal): Promise<Child>;
  application(): Promise<ApplicationReport>;
  /** Every call that the application has made, as it says. */
  applicationCalls(): Promise<readonly Call[]>;
  /** Stops the application's calling and gives its last word. */
  drainApplication(): Promise<ApplicationReport>;
  /** Throws `DemoFailure` when a process that should run has ended. */
  assertAlive(): void;
  stopAll(): Promise<void>;
}

/** They open nothing but what this demo runs, on loopback, for a minute. */
const SECRETS = {
  [SLACK_TOKEN_VARIABLE]: 'xoxb-demo-loopback-only', [GATEWAY_TOKEN_VARIABLE]: 'demo-gateway-loopback-only',
  [SCANNER_SECRET_VARIABLE]: randomBytes(24).toString('hex'), [API_TOKEN_VARIABLE]: randomBytes(24).toString('hex'),
} as const;
const START_MS = 60_000;
const GRACE_MS = 5_000;
const ANSWER_MS = 5_000;

export async function setStage(signal: AbortSignal): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'keyturn-demo-'));
  const lastResort = (): void => rmSync(dir, { recursive: true, force: true });
  process.once('exit', lastResort);
  const cleanups: (() => Promise<unknown>)[] = [];
  const stopAll = async (): Promise<void> => {
    await Promise.allSettled(cleanups.splice(0).map((cleanup) => cleanup()));
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    process.off('exit', lastResort);
  };
  try {
    return await build(dir, cleanups, stopAll, signal);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function build(dir: string, cleanups: (() => Promise<unknown>)[], stopAll: () => Promise<void>, signal: AbortSignal): Promise<Stage> {
  const paths = { envFile: join(dir, 'app.env'), sandboxDir: join(dir, 'hypermemory'), dataDir: join(dir, 'keyturn'), config: join(dir, 'keyturn.yaml') };
  await mkdir(paths.sandboxDir, { mode: 0o700 });
  await writeFile(paths.envFile, '', { mode: 0o600 });
  const [slack, mail] = await Promise.all([startSlackCatcher(), startMailCatcher()]);
  cleanups.push(() => slack.stop(), () => mail.stop());
  const start = (name: string, module: string, args: readonly string[]): Child => {
    const child = startChild({ name, module, args, cwd: dir, env: childEnvironment() });
    cleanups.push(() => child.stop(GRACE_MS));
    return child;
  };

  const sandbox = start('sandbox', keyturnProgram(), ['sandbox', '--port', '0', '--data-dir', paths.sandboxDir, '--plan', 'enterprise']);
  const sandboxUrl = await until('The sandbox starts', { withinMs: START_MS, signal }, () => running(sandbox) && urlIn(sandbox));
  const application = start('application', fileURLToPath(besides('application')), [sandboxUrl, paths.envFile]);
  const applicationUrl = await until('The application starts', { withinMs: START_MS, signal }, () => running(application) && urlOf(application.message));

  const apiPort = await freePort();
  await writeFile(paths.config, configText({
    sandboxUrl, adminKeyFile: join(paths.sandboxDir, 'admin.key'), envFile: paths.envFile, dataDir: paths.dataDir, apiPort,
    healthUrl: `${applicationUrl}/healthz`, slackApiUrl: slack.url, mail: { host: mail.host, port: mail.port },
  }));
  const client = connect({ socketPath: join(paths.dataDir, 'keyturn.sock') }, { timeoutMs: 30_000, signal });
  const workers: Child[] = [];
  return {
    dir, sandboxUrl, applicationUrl, slack, mail, client, stopAll,
    apiUrl: `http://127.0.0.1:${apiPort}`,
    scannerSecret: SECRETS[SCANNER_SECRET_VARIABLE],
    envFile: paths.envFile,
    sandbox: inspectorOf(sandboxUrl),
    get worker() { return workers.at(-1) ?? null; },
    workerLines: () => workers.flatMap((worker) => worker.lines),
    async startWorker(signal) {
      const worker = start('worker', keyturnProgram(), ['up', '--config', paths.config]);
      workers.push(worker);
      await until('The worker starts', { withinMs: START_MS, signal }, () => running(worker) && client.status().catch(() => null));
      return worker;
    },
    application: () => ask<ApplicationReport>(`${applicationUrl}/healthz`, 'GET'),
    applicationCalls: () => ask<readonly Call[]>(`${applicationUrl}/calls`, 'GET'),
    drainApplication: () => ask<ApplicationReport>(`${applicationUrl}/drain`, 'POST'),
    assertAlive: () => void [sandbox, application].every(running),
  };
}

/** True, or a failure that shows the process's last words. */
export function running(child: Child): true {
  if (!child.ended) return true;
  throw new DemoFailure(`The ${child.name} ended by itself (${child.end}).\n${child.lines.slice(-12).map((line) => `  ${line}`).join('\n')}`);
}

async function ask<T>(url: string, method: string): Promise<T> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_MS) });
  return (await response.json()) as T;
}

function urlIn(sandbox: Child): string | null {
  return sandbox.lines.map((line) => /https?:\/\/\S+/.exec(line)?.[0]).find((url) => url !== undefined) ?? null;
}

function urlOf(message: unknown): string | null {
  return typeof message === 'object' && message !== null && 'url' in message && typeof message.url === 'string' ? message.url : null;
}

/** The embedded runtime, whatever this shell is set up for; and loopback is nothing for a proxy. */
function childEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => name !== 'DATABASE_URL' && name !== 'REDIS_URL' && !name.startsWith('KEYTURN_'));
  return { ...Object.fromEntries(kept), NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost', ...SECRETS };
}

/** In a clone this file is src/demo/stage.ts, built it is dist/src/demo/stage.js: the program lies above either. */
function keyturnProgram(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const program = join(at, 'bin', 'keyturn.js');
    if (existsSync(program)) return program;
    if (at === dirname(at)) throw new DemoFailure('The demo cannot find bin/keyturn.js above its own files: run it from a whole clone or package.');
  }
}
