import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely';
import type { Secret } from '../core/secret.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { AlertLedger } from '../ports/alert-ledger.ts';
import type { LeakLedger } from '../ports/leak-ledger.ts';
import type { BreakGlassLedger } from '../ports/break-glass-ledger.ts';
import type { DrillLedger } from '../ports/drill-ledger.ts';
import type { ResponseLedger } from '../ports/response-ledger.ts';
import type { IncidentLedger } from '../ports/incident-ledger.ts';
import type { ScanLedger } from '../ports/scan-ledger.ts';
import type { UsageLedger } from '../ports/usage-ledger.ts';
import { batchOver } from './batch.ts';
import { lockDataDir, type DataDirLock } from './data-dir.ts';
import { ledgerError } from './failures.ts';
import { composeLedger } from './ledger.ts';
import { establish, established } from './meta.ts';
import { migrateLedger, requireMigrated } from './migrate.ts';
import type { SqlPool } from './pool.ts';
import type { Db } from './sql.ts';
import type { Tables } from './tables.ts';

/** How long closing waits for connections that somebody still holds; the process ends soon after. */
const END_WITHIN_MS = 5_000;

export interface LedgerOptions {
  /** PostgreSQL's URL; without it PGlite runs in `<dataDir>/ledger`. */
  readonly databaseUrl?: string;
  readonly dataDir: string;
  readonly rootKey: Secret;
  /** False for those who only read: a ledger that lacks something is refused (LEDGER_EMPTY, LEDGER_OLDER), not mended. */
  readonly migrate?: boolean;
  /** Connections to PostgreSQL; the queue's lanes listen on six of them. */
  readonly poolSize?: number;
}

export interface OpenLedger {
  readonly ledger: Ledger;
  /** Usage, in the same database; closed by `ledger.close`. */
  readonly usage: UsageLedger;
  /** What scans of usage remember, in the same database. */
  readonly scans: ScanLedger;
  readonly alerts: AlertLedger;
  readonly leaks: LeakLedger;
  readonly responses: ResponseLedger;
  readonly incidents: IncidentLedger;
  readonly breakGlass: BreakGlassLedger;
  readonly drills: DrillLedger;
  /** For the queue. Ended by `ledger.close`, so close the queue first. */
  readonly pool: SqlPool;
  /** Null on PostgreSQL, which any number of workers share. Released by `ledger.close`. */
  readonly lock: DataDirLock | null;
}

/**
 * Opens the ledger, migrating it first. Throws LEDGER_UNREACHABLE, LEDGER_NEWER, LEDGER_OLDER, LEDGER_EMPTY, ROOT_KEY_MISMATCH,
 * and for an embedded one DATA_DIR_IN_USE or USAGE; then nothing stays open or locked.
 */
export async function openLedger(options: LedgerOptions): Promise<OpenLedger> {
  const opened = await openPool(options);
  try {
    const db = kyselyOver(opened.pool);
    const reads = options.migrate === false;
    await (reads ? requireMigrated(db) : migrateLedger(db));
    const scoped = db.withSchema('keyturn');
    const installation = await (reads ? established : establish)(scoped, options.rootKey);
    const { kind, pool, lock, sync, close } = opened;
    if (lock !== null && !reads) await freeLeases(scoped);
    await sync();
    return { ...composeLedger({ kind, db: scoped, batch: batchOver(pool), rootKey: options.rootKey, installation, sync, close }), pool, lock };
  } catch (error) {
    await opened.close().catch(() => undefined);
    throw ledgerError(error);
  }
}

/**
 * Holding the data directory proves that whoever leased anything is dead: their leases are not waited out. Rotations keep the
 * name of who held them, so that the next lease is taken over from them: what they had sent may still be under way.
 */
async function freeLeases(db: Db): Promise<void> {
  await db.updateTable('rotations').set({ lease_until: null }).where('worker', 'is not', null).execute();
  for (const table of ['debts', 'deliveries', 'leaks', 'responses'] as const) {
    await db.updateTable(table).set({ worker: null, lease_until: null }).where('worker', 'is not', null).execute();
  }
}

/** Kysely over a pool that it does not own. */
export function kyselyOver(pool: SqlPool): Db {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: pool as unknown as PostgresPool }) });
}

interface OpenPool {
  readonly kind: Ledger['kind'];
  readonly pool: SqlPool;
  readonly lock: DataDirLock | null;
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Each driver is loaded only where it is used: PGlite costs hundreds of megabytes. */
async function openPool({ databaseUrl, dataDir, poolSize }: LedgerOptions): Promise<OpenPool> {
  if (databaseUrl !== undefined) {
    const { postgresPool } = await import('./postgres.ts');
    const pool = postgresPool(databaseUrl, poolSize);
    let ended: Promise<void> | null = null;
    return { kind: 'postgres', pool, lock: null, sync: async () => undefined, close: () => (ended ??= end(pool)) };
  }
  const lock = lockDataDir(dataDir);
  try {
    const { openEmbedded } = await import('./embedded.ts');
    const directory = join(dataDir, 'ledger');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { pool, sync, close } = await openEmbedded(directory);
    return { kind: 'embedded', pool, lock, sync, close: () => close().finally(() => lock.release()) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function end(pool: SqlPool): Promise<void> {
  await Promise.race([pool.end(), sleep(END_WITHIN_MS, undefined, { ref: false })]);
}
