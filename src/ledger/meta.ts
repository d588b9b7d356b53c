import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import { deriveKey, type Secret } from '../core/secret.ts';
import { GENESIS, HEAD_KEY, chainHead } from './chain.ts';
import { emptyLedger } from './migrate.ts';
import { json, type Db } from './sql.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const INSTALLATION = 'installation';
const ROOT_KEY = 'root-key';
const INSTALLATION_LENGTH = 6;

/**
 * Gives a fresh ledger its installation id, root key check and chain start, once, whoever comes first; answers the
 * installation id. Throws ROOT_KEY_MISMATCH when the ledger was begun with another root key.
 */
export async function establish(db: Db, rootKey: Secret): Promise<string> {
  const before = await found(db, [INSTALLATION, ROOT_KEY]);
  const kept = ROOT_KEY in before ? before : await begin(db, rootKey);
  requireSameRoot(kept, rootKey);
  return String(kept[INSTALLATION]);
}

/** All in one statement, and the chain's start only here: whoever removes the record of its end must not get a new one with the next start. */
async function begin(db: Db, rootKey: Secret): Promise<Readonly<Record<string, unknown>>> {
  const values = { [INSTALLATION]: newInstallation(), [ROOT_KEY]: checkOf(rootKey), [HEAD_KEY]: chainHead(deriveKey(rootKey, 'audit'), 0, GENESIS) };
  const rows = Object.entries(values).map(([key, value]) => ({ key, value: json(value) }));
  await db.insertInto('meta').values(rows).onConflict((conflict) => conflict.doNothing()).execute();
  return await found(db, [INSTALLATION, ROOT_KEY]);
}

/** The installation id of a ledger that somebody has established; writes nothing. Throws LEDGER_EMPTY, ROOT_KEY_MISMATCH. */
export async function established(db: Db, rootKey: Secret): Promise<string> {
  const kept = await found(db, [INSTALLATION, ROOT_KEY]);
  if (!(ROOT_KEY in kept)) throw emptyLedger();
  requireSameRoot(kept, rootKey);
  return String(kept[INSTALLATION]);
}

function requireSameRoot(kept: Readonly<Record<string, unknown>>, rootKey: Secret): void {
  if (!timingSafeEqual(Buffer.from(String(kept[ROOT_KEY])), Buffer.from(checkOf(rootKey)))) throw mismatch();
}

function checkOf(rootKey: Secret): string {
  return createHmac('sha256', deriveKey(rootKey, 'check')).update('keyturn').digest('hex');
}

async function found(db: Db, keys: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const rows = await db.selectFrom('meta').select(['key', 'value']).where('key', 'in', keys).execute();
  return Object.fromEntries(rows.map((row) => [row.key, row.value]));
}

function newInstallation(): string {
  return Array.from({ length: INSTALLATION_LENGTH }, () => BASE32[randomInt(BASE32.length)]).join('');
}

function mismatch(): KeyturnError {
  return new KeyturnError(
    'ROOT_KEY_MISMATCH',
    'The root key is not the one that this ledger was begun with: fingerprints would not match and the audit chain could not go on.',
    { todo: 'Give every worker the root key that this ledger was begun with (`security.rootKey`, or root.key in the data directory), or point Keyturn at the ledger that belongs to this key.', effect: 'none' },
  );
}
