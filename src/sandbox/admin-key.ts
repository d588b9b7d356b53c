import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { mintKey, revokeKey } from './account.ts';
import type { Account } from './account.ts';
import { codeOf } from './errors.ts';
import { mintValue, sha256 } from './key-forms.ts';
import { GENERATIONS } from './plans.ts';
import { transaction } from './tables/database.ts';

export const ADMIN_KEY_NAME = 'sandbox-admin';

export function adminKeyFile(dataDir: string): string {
  return join(dataDir, 'admin.key');
}

/**
 * Makes sure that the account has its first admin key, and returns its value: the given one, else the one in
 * `admin.key`, else a new one. The file is written before the key exists, so a crash in between is repaired by the
 * next start; where the file was lost, the former bootstrap key is revoked, for nobody holds it.
 */
export function ensureAdminKey(account: Account, dataDir: string | undefined, given: string | undefined): string {
  const kept = dataDir === undefined ? undefined : readKept(adminKeyFile(dataDir));
  const value = given ?? kept ?? mintValue(account.generation, account.environment);
  if (dataDir !== undefined && value !== kept) writePrivate(adminKeyFile(dataDir), `${value}\n`);
  if (account.keys.bySha256(sha256(value))) return value;
  transaction(account.db, () => {
    for (const { id, origin } of account.keys.all()) if (origin === 'bootstrap') revokeKey(account, id);
    mintKey(account, { name: ADMIN_KEY_NAME, scopes: GENERATIONS[account.generation].adminScopes, graphId: null, origin: 'bootstrap', value });
  });
  return value;
}

function readKept(file: string): string | undefined {
  try {
    const value = readFileSync(file, 'utf8').trim();
    return value === '' ? undefined : value;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function writePrivate(file: string, text: string): void {
  const fresh = `${file}.new`;
  const fd = openSync(fresh, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  // An older file of that name may have had a wider mode, which opening it does not narrow.
  chmodSync(fresh, 0o600);
  renameSync(fresh, file);
}
