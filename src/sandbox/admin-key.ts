import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { mintKey, revokeKey } from './account.ts';
import type { Account } from './account.ts';
import { codeOf, SandboxError } from './errors.ts';
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
  const value = dataDir === undefined ? (given ?? freshValue(account)) : keptValue(adminKeyFile(dataDir), given, () => freshValue(account));
  if (account.keys.bySha256(sha256(value))) return value;
  transaction(account.db, () => {
    for (const { id, origin } of account.keys.all()) if (origin === 'bootstrap') revokeKey(account, id);
    mintKey(account, { name: ADMIN_KEY_NAME, scopes: GENERATIONS[account.generation].adminScopes, graphId: null, origin: 'bootstrap', value });
  });
  return value;
}

function freshValue(account: Account): string {
  return mintValue(account.generation, account.environment);
}

/** The value in the file, after making sure that it is there, whole, the given one if any, and of mode 0600. */
function keptValue(file: string, given: string | undefined, fresh: () => string): string {
  try {
    const kept = readKept(file);
    const value = given ?? kept ?? fresh();
    if (value !== kept) writePrivate(file, `${value}\n`);
    chmodSync(file, 0o600);
    return value;
  } catch (error) {
    throw new SandboxError('DATA_DIR_UNUSABLE', `The admin key cannot be kept in ${file} (${codeOf(error)}), so the sandbox cannot start. Make that file readable and writable for this user.`, { cause: error });
  }
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
  // One that a crash left behind may be somebody else's to read.
  rmSync(fresh, { force: true });
  const fd = openSync(fresh, 'wx', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, file);
}
