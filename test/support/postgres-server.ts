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
let server: Promise<string> | null = null;

/** Where PostgreSQL's programs are, newest first, or null. */
export function postgresBinaries(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(DEBIAN, version, 'bin')).find((bin) => isExecutable(join(bin, 'initdb')));
  return found ?? (onPath('initdb') === null ? null : '');
}

/** URL of the server's own database; the server is one for the whole run (local) or for this file (container). */
export function postgresServer(): Promise<string> {
  return (server ??= start());
}

async function start(): Promise<string> {
  const container = await startContainer(POSTGRES_IMAGE, 5432, { POSTGRES_HOST_AUTH_METHOD: 'trust' });
  const url = container === null ? await onceARun('postgres', startLocal) : `postgres://${USER}@${container.host}:${container.port}/postgres`;
  await until(() => query(url, 'select 1'), 60_000, 'PostgreSQL');
  return url;
}

/** initdb refuses root, so root becomes the user `postgres` for both. */
async function startLocal(): Promise<string> {
  const binaries = postgresBinaries();
  if (binaries === null) throw new Error('no PostgreSQL under /usr/lib/postgresql or on the path');
  const data = join(runDirectory(), 'postgres');
  mkdirSync(data, { mode: 0o700 });
  const asPostgres = process.getuid?.() === 0 ? ['runuser', '-u', USER, '--'] : [];
  if (asPostgres.length > 0) chownSync(data, await idOf('-u'), await idOf('-g'));
  const command = (program: string, ...options: string[]): [string, string[]] => {
    const [first = '', ...rest] = [...asPostgres, join(binaries, program), ...options];
    return [first, rest];
  };
  await run(...command('initdb', '-D', data, '-U', USER, '-A', 'trust', '--no-sync', '-E', 'UTF8'));
  const port = await freePort();
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${data}`, 'max_connections=200', 'shared_buffers=64MB'];
  const log = openSync(join(runDirectory(), 'postgres.log'), 'a');
  const child = spawn(...command('postgres', '-D', data, '-p', String(port), ...settings.flatMap((s) => ['-c', s])), {
    stdio: ['ignore', log, log],
    detached: true,
  });
  child.unref();
  const url = `postgres://${USER}@127.0.0.1:${port}/postgres`;
  await until(() => query(url, 'select 1'), 60_000, 'PostgreSQL');
  const pid = await query(url, "select (regexp_split_to_array(pg_read_file('postmaster.pid'), '\\n'))[1] as pid");
  writeFileSync(pidFile('postgres'), String(pid[0]?.['pid']));
  return url;
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
