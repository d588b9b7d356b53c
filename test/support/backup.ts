/** Backs a ledger up and puts the copy back, as the README says to do it: a copied data directory, or pg_dump of one schema. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresBinaries, query } from './postgres-server.ts';
import type { RunningRuntime } from './runtimes.ts';

export interface Backup {
  /** With every worker stopped. */
  restore(): Promise<void>;
  remove(): void;
}

/** An embedded ledger must be stopped, PostgreSQL need not be. */
export async function backUp(running: RunningRuntime): Promise<Backup> {
  const copy = mkdtempSync(join(tmpdir(), 'keyturn-backup-'));
  const remove = (): void => rmSync(copy, { recursive: true, force: true });
  const { databaseUrl, dataDir } = running;
  if (databaseUrl === undefined) {
    cpSync(dataDir, join(copy, 'data'), { recursive: true });
    const restore = async (): Promise<void> => {
      rmSync(dataDir, { recursive: true, force: true });
      cpSync(join(copy, 'data'), dataDir, { recursive: true });
    };
    return { restore, remove };
  }
  const dump = join(copy, 'keyturn.sql');
  run('pg_dump', ['--schema=keyturn', `--file=${dump}`, databaseUrl]);
  const restore = async (): Promise<void> => {
    await query(databaseUrl, 'drop schema keyturn cascade');
    run('psql', ['--quiet', '--no-psqlrc', '--set=ON_ERROR_STOP=1', `--file=${dump}`, databaseUrl]);
  };
  return { restore, remove };
}

/** Whether this machine has PostgreSQL's client programs. */
export function canBackUp({ name }: { readonly name: string }): boolean {
  return name === 'embedded' || postgresBinaries() !== null;
}

function run(program: string, args: readonly string[]): void {
  execFileSync(join(postgresBinaries() ?? '', program), args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
