/** Puts a recorded history where it came from: rows into a ledger of its schema, keys into a sandbox, files into a directory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprinter, Secret } from '../../src/core/secret.ts';
import type { SqlPool } from '../../src/ledger/index.ts';
import { openEmbedded } from '../../src/ledger/embedded.ts';
import { migrateLedger } from '../../src/ledger/migrate.ts';
import { MIGRATIONS } from '../../src/ledger/migrations/index.ts';
import { kyselyOver } from '../../src/ledger/open.ts';
import { postgresPool } from '../../src/ledger/postgres.ts';
import type { RunningSandbox } from '../../src/sandbox/index.ts';
import type { RunningRuntime } from '../support/runtimes.ts';
import { instantsFrom, replaceEach, withPlans, type History, type Row } from './fixture.ts';
import { DATA_DIRECTORY, DIRECTORY, ROOT_KEY, SANDBOX } from './stage.ts';

export interface Loaded {
  readonly configPath: string;
  /** Where the applications' files are. */
  readonly applications: string;
}

/** The migrations that a Keyturn of that schema had. */
export function migrationsUpTo(schema: string): typeof MIGRATIONS {
  return Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name <= schema));
}

/** `agoMs`: how long before now the recording is said to have been. */
export async function load(history: History, running: RunningRuntime, sandbox: RunningSandbox, directory: string, agoMs: number): Promise<Loaded> {
  const applications = join(directory, 'app');
  mkdirSync(applications);
  const pairs = [...(await seed(history, sandbox)), [DIRECTORY, applications], [DATA_DIRECTORY, running.dataDir], [SANDBOX, sandbox.url]] as const;
  const filled = <T>(given: T): T => JSON.parse(instantsFrom(replaceEach(JSON.stringify(given), pairs), new Date(Date.now() - agoMs))) as T;
  for (const { path, mode, text } of filled(history.files)) writeFileSync(join(applications, path), text, { mode });
  const configPath = join(directory, 'keyturn.yaml');
  writeFileSync(configPath, replaceEach(history.config, pairs));
  await withPool(running, async (pool) => {
    await migrateLedger(kyselyOver(pool), migrationsUpTo(history.schema));
    for (const [table, rows] of Object.entries(filled(withPlans(history.rows)))) await insert(pool, table, rows);
  });
  return { configPath, applications };
}

/** Mints every key anew, and gives what its placeholders stand for now. */
async function seed({ keys }: History, sandbox: RunningSandbox): Promise<readonly [string, string][]> {
  const print = fingerprinter(ROOT_KEY);
  const pairs: [string, string][] = [];
  for (const { label, name, scopes, live } of keys) {
    const { id, key } = await sandbox.mintKey({ name, scopes: [...scopes], ignore_limit: true });
    if (!live) await sandbox.revokeKey(id);
    pairs.push([`@id:${label}`, id], [`@value:${label}`, key], [`@print:${label}`, print(new Secret(key))]);
  }
  return pairs;
}

export async function withPool(running: RunningRuntime, work: (pool: SqlPool) => Promise<void>): Promise<void> {
  if (running.databaseUrl !== undefined) {
    const pool = postgresPool(running.databaseUrl, 2);
    await work(pool);
    return await pool.end();
  }
  const directory = join(running.dataDir, 'ledger');
  mkdirSync(directory, { recursive: true });
  const { pool, close } = await openEmbedded(directory);
  await work(pool);
  await close();
}

export async function insert(pool: SqlPool, table: string, rows: readonly Row[]): Promise<void> {
  await pool.query(`insert into keyturn.${table} overriding system value select * from jsonb_populate_recordset(null::keyturn.${table}, $1::jsonb)`, [JSON.stringify(rows)]);
  const counted = { audit: 'id', transitions: 'seq' }[table];
  if (counted !== undefined) await pool.query(`select setval(pg_get_serial_sequence('keyturn.${table}', '${counted}'), (select coalesce(max(${counted}), 0) + 1 from keyturn.${table}))`);
}
