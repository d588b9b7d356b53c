/** Taking in what was revoked while the ledger was out of reach. Which records were taken in is kept in `meta`: they are few. */
import type { Revocation } from '../core/revocation.ts';
import type { KeyRecord, RotationState } from '../core/vocabulary.ts';
import type { BreakGlassLedger, DeadKeyRecord, TakeOutcome } from '../ports/break-glass-ledger.ts';
import type { Rotation } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { mark } from './keys.ts';
import { requestLock, requestWithin } from './request.ts';
import { toCredential, toKey } from './rows.ts';
import type { Methods } from './schema-fence.ts';
import { advisoryLock, inTransaction, json, type Db, type Tx } from './sql.ts';

export const BREAK_GLASS_METHODS: Methods<BreakGlassLedger> = { take: 'writes' };

/** In these the stores serve the new key or are about to, whatever becomes of it; the ledger calls it current only after them. */
const SERVING: readonly RotationState[] = ['staged', 'verified', 'promoting', 'confirmed'];

export function breakGlassMethods(db: Db): BreakGlassLedger {
  return { take: (record) => inTransaction(db, (tx) => take(tx, record)) };
}

async function take(tx: Tx, record: DeadKeyRecord): Promise<TakeOutcome> {
  const { id, issuer, issuerKeyId, actor, detail } = record;
  const first = await tx.insertInto('meta').values({ key: `break-glass.${id}`, value: json({ issuer, issuerKeyId }) })
    .onConflict((conflict) => conflict.doNothing()).returning('key').executeTakeFirst();
  if (first === undefined) return { outcome: 'already' };
  const key = await keyOf(tx, record);
  const replace = key !== null && (await isRead(tx, key));
  const dies = key !== null && key.state !== 'revoked' && key.state !== 'lost';
  if (dies) await mark(tx, key.id, 'revoked', actor, `revoked past the worker (break glass): ${actor.why}`);
  const rotation = replace && dies ? await replacement(tx, key, record) : null;
  await appendAudit(tx, [{ type: 'break_glass.taken', actor, credential: key?.credential ?? null, rotationId: rotation?.id ?? null, keyId: key?.id ?? null, detail: { ...detail, record: id, issuer, issuerKeyId } }]);
  return { outcome: 'taken', credential: key?.credential ?? null, marked: dies, rotation };
}

/** With nobody else asking for a rotation of its credential until this is committed. */
async function keyOf(tx: Tx, { issuer, issuerKeyId }: DeadKeyRecord): Promise<KeyRecord | null> {
  const query = tx.selectFrom('keys').selectAll().where('issuer', '=', issuer).where('issuer_key_id', '=', issuerKeyId);
  const seen = await query.executeTakeFirst();
  if (seen === undefined) return null;
  await advisoryLock(tx, ...requestLock(seen.credential));
  // The rotation first, as every guarded write does: it may be about to change what the key is.
  await tx.selectFrom('rotations').select('id').where('credential', '=', seen.credential).where('finished_at', 'is', null).forUpdate().execute();
  return toKey(await query.executeTakeFirstOrThrow());
}

/** Whether applications are meant to read it, or may read it already. */
async function isRead(tx: Tx, { id, credential }: KeyRecord): Promise<boolean> {
  const current = await tx.selectFrom('credentials').select('name').where('current_key_id', '=', id).executeTakeFirst();
  if (current !== undefined) return true;
  const promoted = await tx.selectFrom('rotations').select('id').where('credential', '=', credential).where('finished_at', 'is', null)
    .where('new_key_id', '=', id).where('state', 'in', SERVING).executeTakeFirst();
  return promoted !== undefined;
}

/** Null where nobody declares the credential any more: then nothing is to read a new key. */
async function replacement(tx: Tx, key: KeyRecord, { actor }: DeadKeyRecord): Promise<Pick<Rotation, 'id' | 'credential'> | null> {
  const row = await tx.selectFrom('credentials').selectAll().where('name', '=', key.credential).where('declared', '=', true).executeTakeFirst();
  if (row === undefined) return null;
  const { plan } = toCredential(row);
  const { rotation } = await requestWithin(tx, { credential: key.credential, kind: 'emergency', path: 'emergency', plan, actor, oldKeyId: key.id, notes: { revocation: { keys: [key.id], replace: true } satisfies Revocation } });
  return { id: rotation.id, credential: rotation.credential };
}
