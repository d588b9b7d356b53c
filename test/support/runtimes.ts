/**
 * The three runtimes: use as `describe.each(RUNTIMES)('… on $name', (runtime) => { … })`.
 * Services come from Docker where an engine answers that has or can pull the image, else from local binaries; a runtime
 * whose services are missing is skipped with one line, or fails the file when REQUIRE_SERVICES=1.
 */
import { cpSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { openEmbedded } from '../../src/ledger/embedded.ts';
import type { SqlPool } from '../../src/ledger/index.ts';
import { migrateLedger } from '../../src/ledger/migrate.ts';
import { kyselyOver } from '../../src/ledger/open.ts';
import { postgresPool } from '../../src/ledger/postgres.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { openQueue, type QueueOptions } from '../../src/queue/index.ts';
import { imageAtHand, POSTGRES_IMAGE, REDIS_IMAGE } from './containers.ts';
import { onceARun } from './once-a-run.ts';
import { openOn, type Opened } from './open.ts';
import { createDatabase, databaseUrl, dropDatabase, postgresBinaries, postgresServer } from './postgres-server.ts';
import { onPath } from './processes.ts';
import { startRedis } from './redis-server.ts';
import { runDirectory } from './run-directory.ts';

export { advanceClock, setClock } from './clock.ts';
export { ROOT_KEY, openOn } from './open.ts';

const TEMPLATE_DATABASE = 'keyturn_template';

export interface RunningRuntime {
  readonly name: Runtime['name'];
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly dataDir: string;
  readonly stop: () => Promise<void>;
}

export interface Runtime {
  readonly name: 'embedded' | 'postgres' | 'redis';
  /** Fresh services and an empty data directory. `migrated: false` for a ledger that nobody has opened yet. */
  start(options?: { readonly migrated?: boolean }): Promise<RunningRuntime>;
}

const embedded: Runtime = {
  name: 'embedded',
  async start({ migrated = true } = {}) {
    const dataDir = newDataDir();
    if (migrated) cpSync(await embeddedTemplate(), join(dataDir, 'ledger'), { recursive: true, mode: constants.COPYFILE_FICLONE });
    return { name: 'embedded', dataDir, stop: async () => removeDataDir(dataDir) };
  },
};

const postgres: Runtime = {
  name: 'postgres',
  async start({ migrated = true } = {}) {
    const dataDir = newDataDir();
    const url = await createDatabase(migrated ? await postgresTemplate() : undefined);
    const stop = async (): Promise<void> => {
      await dropDatabase(url);
      removeDataDir(dataDir);
    };
    return { name: 'postgres', databaseUrl: url, dataDir, stop };
  },
};

const redis: Runtime = {
  name: 'redis',
  async start(options) {
    const [ledger, server] = await Promise.all([postgres.start(options), startRedis()]);
    const stop = async (): Promise<void> => {
      await server.stop();
      await ledger.stop();
    };
    return { ...ledger, name: 'redis', redisUrl: server.url, stop };
  },
};

function newDataDir(): string {
  return mkdtempSync(join(tmpdir(), 'keyturn-data-'));
}

function removeDataDir(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true });
}

/** A migrated PGlite directory to copy: making one takes seconds. */
function embeddedTemplate(): Promise<string> {
  return onceARun('embedded-template', async () => {
    const directory = join(runDirectory(), 'embedded-template');
    const { pool, close } = await openEmbedded(directory);
    await migrateBoth(pool, 'embedded');
    await close();
    return directory;
  });
}

async function postgresTemplate(): Promise<string> {
  const server = await postgresServer();
  await onceARun(`postgres-template-${new URL(server).port}`, async () => {
    await createDatabase(undefined, TEMPLATE_DATABASE);
    const pool = postgresPool(databaseUrl(server, TEMPLATE_DATABASE));
    await migrateBoth(pool, 'postgres');
    await pool.end();
  });
  return TEMPLATE_DATABASE;
}

async function migrateBoth(pool: SqlPool, kind: Ledger['kind']): Promise<void> {
  await migrateLedger(kyselyOver(pool));
  const queue = await openQueue({ pool, kind });
  await queue.close(0);
}

export type OpenRuntime = Opened<RunningRuntime>;

/** Starts a runtime and opens a ledger and a queue on it. */
export async function openRuntime(runtime: Runtime, queueOptions: Partial<QueueOptions> = {}): Promise<OpenRuntime> {
  const running = await runtime.start();
  const opened = await openOn(running, queueOptions);
  const close = async (): Promise<void> => {
    await opened.close();
    await running.stop();
  };
  return { ...opened, close };
}

async function missingFor(name: Runtime['name']): Promise<string | null> {
  if (name === 'embedded') return null;
  if (!(await imageAtHand(POSTGRES_IMAGE)) && postgresBinaries() === null) {
    return `no Docker engine that has or can pull ${POSTGRES_IMAGE}, and no PostgreSQL under /usr/lib/postgresql or on the path`;
  }
  if (name === 'redis' && !(await imageAtHand(REDIS_IMAGE)) && onPath('redis-server') === null) {
    return `no Docker engine that has or can pull ${REDIS_IMAGE}, and no redis-server on the path`;
  }
  return null;
}

/** Runtimes that can run here. Those that cannot are reported in each file that asks, as a skipped test or a failure. */
export const RUNTIMES: readonly Runtime[] = await available([embedded, postgres, redis]);

async function available(all: readonly Runtime[]): Promise<readonly Runtime[]> {
  const missing = await Promise.all(all.map((runtime) => missingFor(runtime.name)));
  all.forEach((runtime, index) => {
    const reason = missing[index];
    if (reason === null || reason === undefined) return;
    const line = `runtime ${runtime.name} cannot run here: ${reason}`;
    if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`${line} (REQUIRE_SERVICES=1)`);
    describe.skip(line, () => test('skipped', () => undefined));
  });
  return all.filter((_runtime, index) => missing[index] === null);
}
