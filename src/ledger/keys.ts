import { KeyturnError } from '../core/errors.ts';
import type { Actor, KeyRecord, KeyState } from '../core/vocabulary.ts';
import type { Change, Ledger, NewKey } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { because, orRefuse } from './batch.ts';
import { newId } from './ids.ts';
import { toKey } from './rows.ts';
import { NOW, inTransaction, json, oneOf, type Db, type Tx } from './sql.ts';
import { AT_NOW, fragment, statement, type Statement } from './statement.ts';
import { sql } from 'kysely';

const MAX_KEYS = 10_000;

/** Each issuer that keys have, found by steps through the index that begins with it; also one that no credential has any more. */
const ANY_ISSUER = sql<string>`any(array(
  with recursive known (issuer) as (
    (select issuer from keyturn.keys order by issuer limit 1)
    union all select (select k.issuer from keyturn.keys k where k.issuer > known.issuer order by k.issuer limit 1) from known where known.issuer is not null
  ) select issuer from known where issuer is not null))`;

export function keyMethods(db: Db): Pick<Ledger, 'key' | 'keys' | 'keysNamed' | 'keysOf' | 'keysOfIssuer' | 'adopt' | 'markKey'> {
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
    async keys(ids) {
      if (ids.length === 0) return [];
      return (await db.selectFrom('keys').selectAll().where('id', '=', oneOf(ids)).execute()).map(toKey);
    },
    async keysNamed(id) {
      const query = db.selectFrom('keys').selectAll().where((or) => or.or([or('id', '=', id), or('issuer', '=', ANY_ISSUER).and('issuer_key_id', '=', id)]));
      const keys = (await query.execute()).map(toKey);
      return keys.sort((a, b) => (a.issuer < b.issuer ? -1 : 1)); // not by the database's collation
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
  throw foreignKey(key.issuer, key.issuerKeyId);
}

function foreignKey(issuer: string, issuerKeyId: string): KeyturnError {
  return new KeyturnError('BLOCKED', `The key ${issuerKeyId} of ${issuer} already belongs to another credential: two cannot share one.`, {
    todo: 'Declare a key of its own for each credential.',
    effect: 'none',
  });
}

/** The same as a part of a rotation's write. `newOf` is the rotation whose new key it becomes. */
export function upsertKeyStatement(key: NewKey, newOf: string | null): Statement {
  const { credential, issuer, issuerKeyId, name, prefix, fingerprint, scopes, state, proven, createdAt } = key;
  return statement`
    with kept as (
      insert into keyturn.keys (id, credential, issuer, issuer_key_id, rotation_id, created_at, name, prefix, fingerprint, scopes, state, proven)
      values (${newId()}, ${credential}, ${issuer}, ${issuerKeyId}, ${key.rotationId}, coalesce(${createdAt}::timestamptz, ${AT_NOW}), ${name}, ${prefix},
        ${fingerprint}, ${json(scopes)}, ${state}, ${proven})
      on conflict (issuer, issuer_key_id) do update set name = excluded.name, prefix = excluded.prefix, fingerprint = excluded.fingerprint,
        scopes = excluded.scopes, state = excluded.state, proven = excluded.proven where keys.credential = excluded.credential
      returning id, credential, state
    ), served as (
      update keyturn.credentials c set current_key_id = kept.id from kept where kept.state = 'current' and c.name = kept.credential
    ), made as (
      update keyturn.rotations r set new_key_id = kept.id from kept where r.id = ${newOf}
    )
    select ${orRefuse(fragment`(select to_json(id)::text from kept)`, because({ outcome: 'foreign-key', issuer, issuerKeyId }))}`;
}

/**
 * Applies key states of a change and keeps `credentials.current_key_id` with them: a key that becomes current has the last
 * word over one that stops being it. A credential that is left without a key is due at once.
 */
export function keyStateStatements(states: NonNullable<Change['keyStates']>): readonly Statement[] {
  if (states.length === 0) return [];
  return [statement`
    with wanted as (
      select * from jsonb_to_recordset(${json(merged(states))}::jsonb) as w(n int, id text, state text, proven boolean, dead boolean)
    ), changed as (
      update keyturn.keys k set state = w.state, proven = coalesce(w.proven, k.proven), revoked_at = case when w.dead then ${AT_NOW} else k.revoked_at end
      from wanted w where k.id = w.id returning w.n, k.id, k.credential, k.state, w.dead
    ), bound as (
      select credential, (array_agg(id order by n desc) filter (where state = 'current'))[1] as current, array_agg(id) filter (where dead) as dead
      from changed group by credential
    ), followed as (
      update keyturn.credentials c set current_key_id = b.current, due_at = case when b.current is null then '-infinity' else c.due_at end from bound b
      where c.name = b.credential and (b.current is not null or c.current_key_id = any(b.dead))
    )
    select keyturn.refuse(json_build_object('outcome', 'no-key', 'keyId', id, 'state', state)::text)
    from wanted where id not in (select id from changed) order by n limit 1`];
}

interface WantedState {
  /** Its place in the change; keys that become current come last. */
  readonly n: number;
  readonly id: string;
  readonly state: KeyState;
  readonly proven: boolean | null;
  /** It dies, whatever the change says of it after that. */
  readonly dead: boolean;
}

/** One for each key: a key that is named more than once goes through its states in turn. */
function merged(states: NonNullable<Change['keyStates']>): readonly WantedState[] {
  const wanted = new Map<string, WantedState>();
  const inTurn = [...states].sort((a, b) => Number(a.state === 'current') - Number(b.state === 'current'));
  for (const [n, { keyId: id, state, proven }] of inTurn.entries()) {
    const before = wanted.get(id);
    const dead = state === 'revoked' || state === 'lost' || before?.dead === true;
    wanted.set(id, { n, id, state, proven: proven ?? before?.proven ?? null, dead });
  }
  return [...wanted.values()];
}

/** The error of a refusal that these statements made; null for any other. */
export function refusedKey(refusal: { readonly outcome: string; readonly keyId?: string; readonly state?: string; readonly issuer?: string; readonly issuerKeyId?: string }): KeyturnError | null {
  if (refusal.outcome === 'foreign-key') return foreignKey(refusal.issuer ?? '', refusal.issuerKeyId ?? '');
  if (refusal.outcome !== 'no-key') return null;
  return new KeyturnError('INTERNAL', `There is no key ${refusal.keyId} whose state could become ${refusal.state}.`, { effect: 'none' });
}

async function bindCurrent(tx: Tx, credential: string, keyId: string): Promise<void> {
  await tx.updateTable('credentials').set({ current_key_id: keyId }).where('name', '=', credential).execute();
}

async function unbindCurrent(tx: Tx, keyId: string): Promise<void> {
  const holder = tx.selectFrom('keys').select('credential').where('id', '=', keyId);
  const query = tx.updateTable('credentials').set({ current_key_id: null, due_at: sql<Date>`'-infinity'` }).where('name', '=', holder);
  await query.where('current_key_id', '=', keyId).execute();
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

/** See `Ledger.markKey`; within a transaction that does more than that. */
export async function mark(tx: Tx, keyId: string, state: 'lost' | 'revoked', actor: Actor, why: string): Promise<void> {
  const row = await tx.updateTable('keys').set({ state, revoked_at: NOW }).where('id', '=', keyId).returningAll().executeTakeFirst();
  if (row === undefined) throw new KeyturnError('UNKNOWN_NAME', `There is no key ${keyId} in the ledger.`, { effect: 'none' });
  await unbindCurrent(tx, keyId);
  const entry = { type: `key.${state}`, actor, credential: row.credential, rotationId: null, keyId };
  await appendAudit(tx, [{ ...entry, detail: { why, issuerKeyId: row.issuer_key_id } }]);
}
