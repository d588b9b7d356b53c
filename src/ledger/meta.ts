import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import { deriveKey, type Secret } from '../core/secret.ts';
import { GENESIS, chainHead } from './chain.ts';
import { HEAD_KEY } from './seal.ts';
import { json, type Db } from './sql.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const INSTALLATION_LENGTH = 6;

/**
 * Gives a fresh ledger its installation id, root key check and chain start, once, whoever comes first; answers the
 * installation id. Throws ROOT_KEY_MISMATCH when the ledger was begun with another root key.
 */
export async function establish(db: Db, rootKey: Secret): Promise<string> {
  const auditKey = deriveKey(rootKey, 'audit');
  const check = createHmac('sha256', deriveKey(rootKey, 'check')).update('keyturn').digest('hex');
  const kept = await keepFirst(db, { installation: newInstallation(), 'root-key': check });
  if (!timingSafeEqual(Buffer.from(String(kept['root-key'])), Buffer.from(check))) throw mismatch();
  await keepFirst(db, { [HEAD_KEY]: chainHead(auditKey, 0, GENESIS) });
  return String(kept['installation']);
}

async function keepFirst(db: Db, values: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  const keys = Object.keys(values);
  const found = async (): Promise<Readonly<Record<string, unknown>>> => {
    const rows = await db.selectFrom('meta').select(['key', 'value']).where('key', 'in', keys).execute();
    return Object.fromEntries(rows.map((row) => [row.key, row.value]));
  };
  const before = await found();
  if (keys.every((key) => key in before)) return before;
  const rows = keys.map((key) => ({ key, value: json(values[key]) }));
  await db.insertInto('meta').values(rows).onConflict((conflict) => conflict.doNothing()).execute();
  return found();
}

function newInstallation(): string {
  return Array.from({ length: INSTALLATION_LENGTH }, () => BASE32[randomInt(BASE32.length)]).join('');
}

function mismatch(): KeyturnError {
  return new KeyturnError(
    'ROOT_KEY_MISMATCH',
    'The root key is not the one that this ledger was begun with: fingerprints would not match and the audit chain could not go on.',
    { todo: 'Give the root key that this ledger was begun with, or point Keyturn at the ledger that belongs to this key.', effect: 'none' },
  );
}
