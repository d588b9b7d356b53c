import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { KeyturnError, describeError } from '../core/errors.ts';

const OWNER_ONLY = 0o700;
const LOCK_FILE = 'lock';
const HOLDER_FILE = 'lock.pid';

export interface DataDirLock {
  readonly dataDir: string;
  readonly release: () => void;
}

/**
 * Takes the data directory for this process, making it when missing. PGlite does not lock its files, and two
 * processes on them would corrupt the ledger. SQLite's exclusive lock is the kernel's: it goes with the process,
 * however that dies. Throws DATA_DIR_IN_USE; USAGE when the directory cannot be made or written.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  const database = openLockFile(dataDir);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
  } catch (error) {
    database.close();
    if (isBusy(error)) throw inUse(dataDir, error);
    throw unusable(dataDir, error);
  }
  writeHolder(dataDir);
  return { dataDir, release: () => release(dataDir, database) };
}

function openLockFile(dataDir: string): DatabaseSync {
  try {
    mkdirSync(dataDir, { recursive: true, mode: OWNER_ONLY });
    closeSync(openSync(join(dataDir, LOCK_FILE), 'a', 0o600)); // SQLite would make it readable to all
    return new DatabaseSync(join(dataDir, LOCK_FILE));
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

function release(dataDir: string, database: DatabaseSync): void {
  if (!database.isOpen) return;
  rmSync(join(dataDir, HOLDER_FILE), { force: true });
  database.close();
}

function writeHolder(dataDir: string): void {
  const fd = openSync(join(dataDir, HOLDER_FILE), 'w', 0o600);
  writeSync(fd, `${process.pid}\n`);
  fsyncSync(fd);
  closeSync(fd);
}

function isBusy(error: unknown): boolean {
  const SQLITE_BUSY = 5;
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function inUse(dataDir: string, cause: unknown): KeyturnError {
  const pid = holder(dataDir);
  const who = pid === null ? 'another process' : `the process ${pid}`;
  return new KeyturnError('DATA_DIR_IN_USE', `The data directory ${dataDir} is in use by ${who}: one worker at a time may open an embedded ledger.`, {
    cause,
    todo: 'Talk to that worker through its control API, stop it, choose another data directory, or set DATABASE_URL to run several workers.',
    effect: 'none',
  });
}

function holder(dataDir: string): string | null {
  try {
    return /^\d+/.exec(readFileSync(join(dataDir, HOLDER_FILE), 'utf8'))?.[0] ?? null;
  } catch {
    return null; // the holder has not written it yet
  }
}

function unusable(dataDir: string, cause: unknown): KeyturnError {
  return new KeyturnError('USAGE', `The data directory ${dataDir} cannot be used: ${describeError(cause)}. Without it there is no embedded ledger.`, {
    cause,
    todo: 'Give the user that runs Keyturn write access to it, or choose another with `worker.dataDir` or KEYTURN_DATA_DIR.',
    effect: 'none',
  });
}
