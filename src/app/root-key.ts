import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretRef } from '../core/plan.ts';
import { KeyturnError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Resolve } from './registry.ts';

const MIN_LENGTH = 32;
const ROOT_KEY_FILE = 'root.key';

/**
 * The installation's root key: by reference when one is configured, else a file in the data directory that is made on
 * first use (mode 0600). Another worker of the same ledger must be given the same key; the ledger refuses a wrong one.
 */
export async function rootKey(ref: SecretRef | undefined, dataDir: string, resolve: Resolve): Promise<Secret> {
  if (ref === undefined) return ownRootKey(dataDir);
  return await configured(ref, resolve);
}

/** The same for those who only read: null where none was made yet, and none is made. */
export async function existingRootKey(ref: SecretRef | undefined, dataDir: string, resolve: Resolve): Promise<Secret | null> {
  if (ref !== undefined) return await configured(ref, resolve);
  const file = join(dataDir, ROOT_KEY_FILE);
  return existsSync(file) ? new Secret(readFileSync(file, 'utf8').trim()) : null;
}

async function configured(ref: SecretRef, resolve: Resolve): Promise<Secret> {
  const key = await resolve(ref);
  if (key.reveal().length >= MIN_LENGTH) return key;
  throw new KeyturnError('CONFIG_INVALID', `security.rootKey holds fewer than ${MIN_LENGTH} characters, so it could be guessed.`, { effect: 'none', todo: 'Make one with `openssl rand -hex 32`.' });
}

function ownRootKey(dataDir: string): Secret {
  const file = join(dataDir, ROOT_KEY_FILE);
  try {
    if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    // `wx`: of two processes that begin at once, one makes it and both read it.
    writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new KeyturnError('USAGE', `The data directory ${dataDir} cannot be written: ${(error as Error).message}.`, { effect: 'none', todo: 'Create it for the user that runs Keyturn, or set `worker.dataDir` or KEYTURN_DATA_DIR.' });
    }
  }
  return new Secret(readFileSync(file, 'utf8').trim());
}
