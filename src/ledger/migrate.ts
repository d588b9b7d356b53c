import { sql, type Kysely } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { KeyturnError } from '../core/errors.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { LEDGER_SCHEMA } from './pool.ts';
import type { Tables } from './tables.ts';

type Migrations = Readonly<Record<string, Migration>>;

const MIGRATION_TABLE = 'migration';

/**
 * Brings the ledger's schema up to this Keyturn's; several processes at once wait for each other (advisory lock).
 * Throws LEDGER_NEWER when a newer Keyturn was here: there is no way back but a backup. `migrations` are another version's,
 * to have a ledger as that version would.
 */
export async function migrateLedger(db: Kysely<Tables>, migrations: Migrations = MIGRATIONS): Promise<void> {
  if ((await pendingMigrations(db, migrations)).length === 0) return;
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableSchema: LEDGER_SCHEMA,
    migrationTableName: MIGRATION_TABLE,
    migrationLockTableName: 'migration_lock',
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

/** For those who only read. Throws LEDGER_EMPTY when nobody was here yet, LEDGER_OLDER when migrations are pending, LEDGER_NEWER when unknown ones were applied. */
export async function requireMigrated(db: Kysely<Tables>): Promise<void> {
  const pending = await pendingMigrations(db, MIGRATIONS);
  if (pending.length === 0) return;
  if (pending.length === Object.keys(MIGRATIONS).length) throw emptyLedger();
  throw new KeyturnError('LEDGER_OLDER', `The ledger lacks the migrations ${pending.join(', ')}: this Keyturn cannot read it yet.`, {
    todo: 'Start one worker that may migrate it, then this one.',
    effect: 'none',
  });
}

export function emptyLedger(): KeyturnError {
  return new KeyturnError('LEDGER_EMPTY', 'No worker has begun this ledger yet, so it holds nothing to read.', { todo: 'Start one with `keyturn up`.', effect: 'none' });
}

/** Names of migrations that the ledger lacks. Throws LEDGER_NEWER. */
async function pendingMigrations(db: Kysely<Tables>, migrations: Migrations): Promise<readonly string[]> {
  const applied = await appliedMigrations(db);
  const unknown = applied.filter((name) => !(name in migrations));
  if (unknown.length > 0) throw newerLedger(unknown);
  return Object.keys(migrations).filter((name) => !applied.includes(name));
}

export function newerLedger(unknown: readonly string[]): KeyturnError {
  return new KeyturnError('LEDGER_NEWER', `The ledger was migrated by a newer Keyturn (${unknown.join(', ')}): this one would misread it, so it changes nothing.`, {
    todo: 'Run that newer Keyturn, or restore a backup of the ledger taken before the upgrade.',
    effect: 'none',
  });
}

async function appliedMigrations(db: Kysely<Tables>): Promise<readonly string[]> {
  const table = `${LEDGER_SCHEMA}.${MIGRATION_TABLE}`;
  const { rows: exists } = await sql<{ there: boolean }>`select to_regclass(${table}) is not null as there`.execute(db);
  if (exists[0]?.there !== true) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(table)} order by name`.execute(db);
  return rows.map((row) => row.name);
}
