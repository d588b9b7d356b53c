/** PostgreSQL and Redis of the driver's own, on local binaries, which it can stop and start again in their place. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { initialised, postgresBinaries, query, serverOptions, urlAt, type PostgresCommand } from '../support/postgres-server.ts';
import { freePort, onPath, until } from '../support/processes.ts';
import { answers, redisOptions } from '../support/redis-server.ts';
import type { RuntimeName } from './config.ts';

/** What is not on this machine and this runtime needs, or null. Containers do not serve: the driver stops and starts its servers. */
export function missingFor(runtime: RuntimeName): string | null {
  if (onPath('moto_server') === null) return 'moto_server is not on the path (pip install "moto[server]")';
  if (runtime !== 'embedded' && postgresBinaries() === null) return 'no PostgreSQL under /usr/lib/postgresql or on the path';
  return runtime === 'redis' && onPath('redis-server') === null ? 'redis-server is not on the path' : null;
}

const run = promisify(execFile);
const START_MS = 60_000;

export type PostgresStop = 'fast' | 'immediate';

export interface PostgresProcess {
  readonly url: string;
  /** `fast` ends all sessions, `immediate` is a crash: the log is replayed at the next start. Then starts it again, once `meanwhile` is done. One restart at a time. */
  restart(how: PostgresStop, meanwhile: () => Promise<unknown>): Promise<void>;
  /** All of it as SQL text. */
  dump(): Promise<string>;
  stop(): Promise<void>;
}

export async function startPostgres(directory: string): Promise<PostgresProcess> {
  const data = join(directory, 'postgres');
  const command = await initialised(data);
  const [port, log] = [await freePort(), openSync(join(directory, 'postgres.log'), 'a')];
  const url = urlAt('127.0.0.1', port);
  const start = async (): Promise<void> => {
    const [program, args] = command('postgres', ...serverOptions(data, port));
    spawn(program, args, { stdio: ['ignore', log, log], cwd: '/' });
    await until(() => query(url, 'select 1'), START_MS, 'PostgreSQL');
  };
  const lastResort = (): void => spawn(...command('pg_ctl', '-D', data, 'stop', '-m', 'immediate', '-W'), { stdio: 'ignore', detached: true, cwd: '/' }).unref();
  process.once('exit', lastResort);
  await start();
  return {
    url,
    restart: inTurn(async (how, meanwhile) => {
      await stopped(command, data, how);
      try {
        await meanwhile();
      } finally {
        await start();
      }
    }),
    dump: async () => (await run(...command('pg_dump', '--inserts', url), { maxBuffer: 2 ** 31 - 1, cwd: '/' })).stdout,
    stop: async () => {
      process.removeListener('exit', lastResort);
      await stopped(command, data, 'immediate');
      closeSync(log);
    },
  };
}

/** Nobody begins before those are done that came earlier. */
function inTurn<Given extends readonly unknown[]>(work: (...given: Given) => Promise<void>): (...given: Given) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (...given) => {
    const mine = last.then(() => work(...given));
    last = mine.catch(() => undefined);
    return mine;
  };
}

async function stopped(command: PostgresCommand, data: string, how: PostgresStop): Promise<void> {
  await run(...command('pg_ctl', '-D', data, 'stop', '-w', '-m', how), { cwd: '/' });
}

export interface RedisProcess {
  readonly url: string;
  flush(): Promise<void>;
  /** Killed, so that everything in it is gone; then started again, once `meanwhile` is done. One restart at a time. */
  restart(meanwhile: () => Promise<unknown>): Promise<void>;
  /** Writes everything it holds to a file, uncompressed, and says where. */
  dump(): Promise<string>;
  stop(): Promise<void>;
}

export async function startRedisProcess(directory: string): Promise<RedisProcess> {
  const program = onPath('redis-server');
  if (program === null) throw new Error('redis-server is not on the path');
  const [port, data] = [await freePort(), join(directory, 'redis')];
  mkdirSync(data);
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess;
  const kill = (): void => void child.kill('SIGKILL');
  const start = async (): Promise<void> => {
    child = spawn(program, [...redisOptions(port), '--dir', data, '--rdbcompression', 'no'], { stdio: 'ignore' });
    await answers(url);
  };
  const end = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    kill();
    await gone;
  };
  const asked = async (...command: [string, ...string[]]): Promise<void> => {
    const client = new Redis(url);
    await client.call(...command).finally(() => client.disconnect());
  };
  process.once('exit', kill);
  await start();
  return {
    url,
    flush: () => asked('FLUSHALL'),
    restart: inTurn(async (meanwhile) => {
      await end();
      try {
        await meanwhile();
      } finally {
        await start();
      }
    }),
    dump: async () => {
      await asked('SAVE');
      return join(data, 'dump.rdb');
    },
    stop: async () => {
      process.removeListener('exit', kill);
      await end();
    },
  };
}
