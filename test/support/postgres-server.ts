import { execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { POSTGRES_IMAGE, startContainer } from './containers.ts';
import { onceARun } from './once-a-run.ts';
import { freePort, isExecutable, onPath, until } from './processes.ts';
import { pidFile, runDirectory } from './run-directory.ts';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';
const USER = 'postgres';
/** In every URL, so that any test may look for it where it must not be; the local server lets anyone in. */
export const PASSWORD = 'hunter2hunter2';
/** For many files at once, and nothing worth keeping. */
const SETTINGS = ['fsync=off', 'max_connections=200', 'shared_buffers=64MB'];
let server: Promise<string> | null = null;

/** Where PostgreSQL's programs are, newest first, or null. */
export function postgresBinaries(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(DEBIAN, version, 'bin')).find((bin) => isExecutable(join(bin, 'initdb')));
  return found ?? (onPath('initdb') === null ? null : '');
}

/** URL of the server's own database; the server is one for the whole run. */
export function postgresServer(): Promise<string> {
  return (server ??= onceARun('postgres', async () => (await startInContainer()) ?? (await startLocal())));
}

async function startInContainer(): Promise<string | null> {
  const container = await startContainer(POSTGRES_IMAGE, 5432, {
    environment: { POSTGRES_PASSWORD: PASSWORD },
    command: ['postgres', ...SETTINGS.flatMap((setting) => ['-c', setting])],
  });
  if (container === null) return null;
  const url = urlAt(container.host, container.port);
  await until(() => query(url, 'select 1'), 60_000, 'PostgreSQL');
  return url;
}

async function startLocal(): Promise<string> {
  const data = join(runDirectory(), 'postgres');
  const command = await initialised(data);
  const port = await freePort();
  const log = openSync(join(runDirectory(), 'postgres.log'), 'a');
  const child = spawn(...command('postgres', ...serverOptions(data, port)), { stdio: ['ignore', log, log], detached: true });
  child.unref();
  const url = urlAt('127.0.0.1', port);
  await until(() => query(url, 'select 1'), 60_000, 'PostgreSQL');
  const pid = await query(url, "select (regexp_split_to_array(pg_read_file('postmaster.pid'), '\\n'))[1] as pid");
  writeFileSync(pidFile('postgres'), String(pid[0]?.['pid']));
  return url;
}

/** What to spawn for one of PostgreSQL's programs. */
export type PostgresCommand = (program: string, ...options: string[]) => [string, string[]];

/** Makes a cluster in `data`. initdb refuses root, so root becomes the user `postgres` for all programs. */
export async function initialised(data: string): Promise<PostgresCommand> {
  const binaries = postgresBinaries();
  if (binaries === null) throw new Error('no PostgreSQL under /usr/lib/postgresql or on the path');
  mkdirSync(data, { mode: 0o700 });
  const asPostgres = process.getuid?.() === 0 ? ['runuser', '-u', USER, '--'] : [];
  if (asPostgres.length > 0) chownSync(data, await idOf('-u'), await idOf('-g'));
  const command: PostgresCommand = (program, ...options) => {
    const [first = '', ...rest] = [...asPostgres, join(binaries, program), ...options];
    return [first, rest];
  };
  await run(...command('initdb', '-D', data, '-U', USER, '-A', 'trust', '--no-sync', '-E', 'UTF8'));
  return command;
}

/** Of `postgres`, for a server on loopback. */
export function serverOptions(data: string, port: number): string[] {
  const settings = [...SETTINGS, 'listen_addresses=127.0.0.1', `unix_socket_directories=${data}`];
  return ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
}

export function urlAt(host: string, port: number): string {
  return `postgres://${USER}:${PASSWORD}@${host}:${port}/postgres`;
}

async function idOf(which: '-u' | '-g'): Promise<number> {
  return Number((await run('id', [which, USER])).stdout);
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

let databases = 0;

/** Makes a database, from a template when one is named; answers its URL. */
export async function createDatabase(template?: string, name = `t_${process.pid}_${(databases += 1)}`): Promise<string> {
  const url = await postgresServer();
  await query(url, `create database ${name}${template === undefined ? '' : ` template ${template}`}`);
  return databaseUrl(url, name);
}

export function databaseUrl(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

/** Drops a database, ending the sessions on it. */
export async function dropDatabase(url: string): Promise<void> {
  await query(await postgresServer(), `drop database if exists ${new URL(url).pathname.slice(1)} with (force)`);
}
