import { KeyturnError } from '../core/errors.ts';
import type { Actor, KeyRecord, KeyState } from '../core/vocabulary.ts';
import type { Change, Ledger, NewKey } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { newId } from './ids.ts';
import { toKey } from './rows.ts';
import { NOW, inTransaction, json, type Db, type Tx } from './sql.ts';
import { sql } from 'kysely';

const MAX_KEYS = 10_000;
const DEAD: readonly KeyState[] = ['revoked', 'lost'];

export function keyMethods(db: Db): Pick<Ledger, 'key' | 'keysOf' | 'keysOfIssuer' | 'adopt' | 'markKey'> {
  /** Living keys first, then the newest: a bound never hides one that matters. */
  const list = async (column: 'credential' | 'issuer', value: string): Promise<readonly KeyRecord[]> => {
    const query = db.selectFrom('keys').selectAll().where(column, '=', value);
    const rows = await query.orderBy(sql`state in ('revoked', 'lost')`).orderBy('id', 'desc').limit(MAX_KEYS).execute();
    return rows.map(toKey);
  };
  return {
    async key(id) {
      const row = await db.selectFrom('keys').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : toKey(row);
    },
    keysOf: (credential) => list('credential', credential),
    keysOfIssuer: (issuer) => list('issuer', issuer),
    adopt: (key, actor, detail) => inTransaction(db, (tx) => adopt(tx, key, actor, detail)),
    markKey: (keyId, state, actor, why) => inTransaction(db, (tx) => mark(tx, keyId, state, actor, why)),
  };
}

/**
 * Records a key, or brings its record up to date: a worker may come back with a key that it already wrote.
 * Throws BLOCKED when the issuer's key belongs to another credential.
 */
export async function upsertKey(tx: Tx, key: NewKey): Promise<KeyRecord> {
  const facts = {
    name: key.name,
    prefix: key.prefix,
    fingerprint: key.fingerprint,
    scopes: json(key.scopes),
    state: key.state,
    proven: key.proven,
  };
  const row = await tx
    .insertInto('keys')
    .values({
      id: newId(),
      credential: key.credential,
      issuer: key.issuer,
      issuer_key_id: key.issuerKeyId,
      rotation_id: key.rotationId,
      created_at: key.createdAt ?? NOW,
      ...facts,
    })
    .onConflict((conflict) =>
      conflict.columns(['issuer', 'issuer_key_id']).doUpdateSet(facts).where('keys.credential', '=', key.credential),
    )
    .returningAll()
    .executeTakeFirst();
  if (row !== undefined) return toKey(row);
  throw new KeyturnError('BLOCKED', `The key ${key.issuerKeyId} of ${key.issuer} already belongs to another credential: two cannot share one.`, {
    todo: 'Declare a key of its own for each credential.',
    effect: 'none',
  });
}

/** Applies key states of a change and keeps `credentials.current_key_id` with them. */
export async function setKeyStates(tx: Tx, states: NonNullable<Change['keyStates']>): Promise<void> {
  for (const { keyId, state, proven } of states) {
    const dead = DEAD.includes(state);
    const change = { state, ...(proven === undefined ? {} : { proven }), ...(dead ? { revoked_at: NOW } : {}) };
    const row = await tx.updateTable('keys').set(change).where('id', '=', keyId).returningAll().executeTakeFirst();
    if (row === undefined) throw new KeyturnError('INTERNAL', `There is no key ${keyId} whose state could become ${state}.`, { effect: 'none' });
    if (state === 'current') await bindCurrent(tx, row.credential, keyId);
    if (dead) await unbindCurrent(tx, keyId);
  }
}

export async function bindCurrent(tx: Tx, credential: string, keyId: string): Promise<void> {
  await tx.updateTable('credentials').set({ current_key_id: keyId }).where('name', '=', credential).execute();
}

async function unbindCurrent(tx: Tx, keyId: string): Promise<void> {
  const holder = tx.selectFrom('keys').select('credential').where('id', '=', keyId);
  const query = tx.updateTable('credentials').set({ current_key_id: null }).where('name', '=', holder);
  await query.where('current_key_id', '=', keyId).execute();
}

/** Records that a key is dead at its issuer; answers its id when the ledger knows it. */
export async function killKey(tx: Tx, issuer: string, issuerKeyId: string, state: 'revoked' | 'lost'): Promise<string | null> {
  const query = tx.updateTable('keys').set({ state, revoked_at: NOW }).where('issuer', '=', issuer);
  const row = await query.where('issuer_key_id', '=', issuerKeyId).returning('id').executeTakeFirst();
  if (row === undefined) return null;
  await unbindCurrent(tx, row.id);
  return row.id;
}

async function adopt(tx: Tx, key: NewKey, actor: Actor, detail: Readonly<Record<string, unknown>>): Promise<KeyRecord> {
  const credential = await tx
    .selectFrom('credentials')
    .select('current_key_id')
    .where('name', '=', key.credential)
    .forUpdate()
    .executeTakeFirst();
  if (credential === undefined) throw new KeyturnError('UNKNOWN_CREDENTIAL', `No credential ${key.credential} is declared.`, { effect: 'none' });
  const record = await upsertKey(tx, key);
  const current = credential.current_key_id;
  if (key.state === 'current' && current !== null && current !== record.id) throw alreadyBound(key.credential);
  if (key.state === 'current') await bindCurrent(tx, key.credential, record.id);
  const event = { type: 'credential.adopted', actor, credential: key.credential, rotationId: key.rotationId };
  await appendAudit(tx, [{ ...event, keyId: record.id, detail: { ...detail, issuerKeyId: key.issuerKeyId, proven: key.proven } }]);
  return record;
}

function alreadyBound(credential: string): KeyturnError {
  return new KeyturnError('BLOCKED', `${credential} has a current key already: adopting another would leave that one alive and forgotten.`, {
    todo: `Rotate it with \`keyturn rotate ${credential}\` instead.`,
    effect: 'none',
  });
}

async function mark(tx: Tx, keyId: string, state: 'lost' | 'revoked', actor: Actor, why: string): Promise<void> {
  const row = await tx.updateTable('keys').set({ state, revoked_at: NOW }).where('id', '=', keyId).returningAll().executeTakeFirst();
  if (row === undefined) throw new KeyturnError('UNKNOWN_NAME', `There is no key ${keyId} in the ledger.`, { effect: 'none' });
  await unbindCurrent(tx, keyId);
  const entry = { type: `key.${state}`, actor, credential: row.credential, rotationId: null, keyId };
  await appendAudit(tx, [{ ...entry, detail: { why, issuerKeyId: row.issuer_key_id } }]);
}
