/** The services that a benchmark needs, each started on a free port and gone afterwards; null where its program is missing. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, chownSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { Client } from 'pg';

const run = promisify(execFile);
const START_MS = 60_000;

/** Whoever interrupts the benchmark leaves no server behind. */
const started = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of started) child.kill('SIGTERM');
});

function keep(child: ChildProcess): ChildProcess {
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

export interface Service {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** AWS in memory. */
export async function startMoto(): Promise<Service | null> {
  if (onPath('moto_server') === null) return null;
  const port = await freePort();
  const child = keep(spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' }));
  const url = `http://127.0.0.1:${port}`;
  await answers(child, 'moto_server', async () => void (await (await fetch(`${url}/moto-api/data.json`)).arrayBuffer()));
  return { url, pid: child.pid ?? 0, stop: () => end(child) };
}

export async function startRedis(): Promise<Service | null> {
  if (onPath('redis-server') === null) return null;
  const port = await freePort();
  const child = keep(spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: 'ignore' }));
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  await answers(child, 'redis-server', async () => void (await client.ping()));
  client.disconnect();
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid ?? 0, stop: () => end(child) };
}

/** A server with its defaults, fsync included. Started by root it runs as the user `postgres`, since initdb refuses root. */
export async function startPostgres(): Promise<Service | null> {
  const binaries = postgresBinaries();
  if (binaries === null) return null;
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-bench-postgres-'));
  const data = join(directory, 'data');
  chmodSync(directory, 0o755); // the server's user walks through it
  mkdirSync(data, { mode: 0o700 });
  const root = process.getuid?.() === 0;
  const command = (program: string, ...options: string[]): [string, string[]] =>
    root ? ['runuser', ['-u', 'postgres', '--', join(binaries, program), ...options]] : [join(binaries, program), options];
  if (root) chownSync(data, await idOf('-u'), await idOf('-g'));
  await run(...command('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'));
  const port = await freePort();
  const child = keep(spawn(...command('postgres', '-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`), { stdio: 'ignore' }));
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await answers(child, 'postgres', () => connects(url));
  const stop = async (): Promise<void> => {
    await run(...command('pg_ctl', '-D', data, '-m', 'fast', 'stop'));
    rmSync(directory, { recursive: true, force: true });
  };
  return { url, pid: child.pid ?? 0, stop };
}

/** Null where there are none; empty where they are on the path. */
function postgresBinaries(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(debian, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
  return found ?? (onPath('initdb') === null ? null : '');
}

async function idOf(which: '-u' | '-g'): Promise<number> {
  return Number((await run('id', [which, 'postgres'])).stdout);
}

async function connects(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end();
  }
}

function onPath(program: string): string | null {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, program));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until `ask` no longer throws. */
async function answers(child: ChildProcess, what: string, ask: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline || child.exitCode !== null) throw new Error(`${what} did not start`, { cause: error });
    }
    await sleep(50);
  }
}

/** Asks the process to end, and makes it after a while. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(forced);
}
