import { sql } from 'kysely';
import { isUnconditional } from '../core/debt.ts';
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import type { Actor, RevocationDebt } from '../core/vocabulary.ts';
import type { Ledger, NewDebt } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { newId } from './ids.ts';
import { killKey } from './keys.ts';
import { insertNotices } from './outbox.ts';
import { toDebt } from './rows.ts';
import { LEASE_FREE, NOW, inTransaction, nowPlus, type Db, type Tx } from './sql.ts';

type DebtMethods = 'openDebts' | 'debt' | 'payableDebts' | 'addDebt' | 'addOrphan' | 'hurryDebt' | 'leaseDebt' | 'settleDebt' | 'postponeDebt';
const MAX_OPEN_DEBTS = 10_000;

export function debtMethods(db: Db): Pick<Ledger, DebtMethods> {
  return {
    async openDebts(filter) {
      let query = db.selectFrom('debts').selectAll().where('settled_at', 'is', null);
      if (filter.credential !== undefined) query = query.where('credential', '=', filter.credential);
      if (filter.issuer !== undefined) query = query.where('issuer', '=', filter.issuer);
      return (await query.orderBy('id').limit(MAX_OPEN_DEBTS).execute()).map(toDebt);
    },
    async debt(id) {
      const row = await db.selectFrom('debts').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : toDebt(row);
    },
    async payableDebts(limit) {
      const query = db.selectFrom('debts').select('id').where('settled_at', 'is', null);
      const due = query.where('next_try_at', '<=', NOW).where(LEASE_FREE).orderBy('next_try_at').limit(limit);
      return (await due.execute()).map((row) => row.id);
    },
    addDebt: (debt, actor) => inTransaction(db, (tx) => insertDebt(tx, debt, actor)),
    addOrphan: (debt, actor) => inTransaction(db, (tx) => addOrphan(tx, debt, actor)),
    hurryDebt: (id, actor) => inTransaction(db, (tx) => hurry(tx, id, actor)),
    leaseDebt: (id, worker, ttlMs) => leaseDebt(db, id, worker, ttlMs),
    settleDebt: (debt, worker, outcome, notices) => inTransaction(db, (tx) => settle(tx, debt, worker, outcome, notices)),
    postponeDebt: (debt, worker, error, delayMs, notices) =>
      inTransaction(db, (tx) => postpone(tx, debt, worker, error, delayMs, notices)),
  };
}

/**
 * Adds a debt and condemns its key, unless one for that key is open (null). `once`: also not when one was ever settled,
 * for keys seen in a listing that may be stale.
 */
export async function insertDebt(tx: Tx, debt: NewDebt, actor: Actor, once = false): Promise<RevocationDebt | null> {
  if (once && (await hadDebt(tx, debt))) return null;
  const row = await tx
    .insertInto('debts')
    .values({
      id: newId(),
      credential: debt.credential,
      issuer: debt.issuer,
      issuer_key_id: debt.issuerKeyId,
      fingerprint: debt.fingerprint,
      cause: debt.cause,
      rotation_id: debt.rotationId,
      created_at: NOW,
      next_try_at: nowPlus(debt.notBeforeMs),
    })
    .onConflict((conflict) => conflict.columns(['issuer', 'issuer_key_id']).where('settled_at', 'is', null).doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return await hasten(tx, debt, actor);
  const key = await tx
    .updateTable('keys')
    .set({ state: 'condemned' })
    .where('issuer', '=', debt.issuer)
    .where('issuer_key_id', '=', debt.issuerKeyId)
    .where('state', 'not in', ['revoked', 'lost'])
    .returning('id')
    .executeTakeFirst();
  const { credential, rotationId, issuer, issuerKeyId, cause } = debt;
  const detail = { debt: row.id, issuer, issuerKeyId, cause };
  await appendAudit(tx, [{ type: 'debt.added', actor, credential, rotationId, keyId: key?.id ?? null, detail }]);
  return toDebt(row);
}

/**
 * The key has an open debt already. One that asks nothing of stores (an emergency, a replacement with downtime) makes
 * the open one its own, payable now: an emergency waits behind no evidence, and not for a worker that took the debt and may
 * be dead. Any other leaves it as it is (null).
 */
async function hasten(tx: Tx, debt: NewDebt, actor: Actor): Promise<RevocationDebt | null> {
  if (!isUnconditional(debt.cause)) return null;
  const { credential, rotationId, issuer, issuerKeyId, cause } = debt;
  const row = await tx
    .updateTable('debts')
    .set({ cause, rotation_id: rotationId, next_try_at: nowPlus(debt.notBeforeMs), worker: null, lease_until: null })
    .where('issuer', '=', issuer)
    .where('issuer_key_id', '=', issuerKeyId)
    .where('settled_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return null;
  await appendAudit(tx, [{ type: 'debt.hastened', actor, credential, rotationId, keyId: null, detail: { debt: row.id, issuer, issuerKeyId, cause } }]);
  return toDebt(row);
}

async function addOrphan(tx: Tx, debt: NewDebt, actor: Actor): Promise<RevocationDebt | null> {
  return (await lookedAfter(tx, debt)) ? null : await insertDebt(tx, debt, actor);
}

/**
 * Whether the ledger has it as a key that is in use, or that an open rotation works on: a staged key of none is nobody's. The
 * key's row is locked: whoever makes it a living key at the same moment comes first, and this finds it living.
 */
export async function lookedAfter(tx: Tx, { issuer, issuerKeyId }: Pick<NewDebt, 'issuer' | 'issuerKeyId'>): Promise<boolean> {
  const query = tx.selectFrom('keys').select(['id', 'state', 'credential']).where('issuer', '=', issuer).where('issuer_key_id', '=', issuerKeyId);
  const key = await query.forUpdate().executeTakeFirst();
  if (key === undefined || ['condemned', 'revoked', 'lost'].includes(key.state)) return false;
  if (key.state !== 'staged') return true;
  const open = tx.selectFrom('rotations').select('id').where('credential', '=', key.credential).where('finished_at', 'is', null).where('new_key_id', '=', key.id);
  return (await open.executeTakeFirst()) !== undefined;
}

async function hurry(tx: Tx, id: string, actor: Actor): Promise<boolean> {
  const open = tx.updateTable('debts').set({ next_try_at: sql<Date>`least(next_try_at, ${NOW})` }).where('id', '=', id).where('settled_at', 'is', null);
  const row = await open.where(LEASE_FREE).where((or) => or.or([or('attempts', '>', 0), or('next_try_at', '<=', NOW)])).returningAll().executeTakeFirst();
  if (row === undefined) return false;
  const { credential, rotation_id: rotationId, issuer, issuer_key_id: issuerKeyId, cause } = row;
  await appendAudit(tx, [{ type: 'debt.hurried', actor, credential, rotationId, keyId: null, detail: { debt: id, issuer, issuerKeyId, cause } }]);
  return true;
}

async function hadDebt(tx: Tx, debt: NewDebt): Promise<boolean> {
  const query = tx.selectFrom('debts').select('id').where('issuer', '=', debt.issuer);
  return (await query.where('issuer_key_id', '=', debt.issuerKeyId).executeTakeFirst()) !== undefined;
}

async function leaseDebt(db: Db, id: string, worker: string, ttlMs: number): Promise<RevocationDebt | null> {
  const row = await db
    .updateTable('debts')
    .set({ worker, lease_until: nowPlus(ttlMs), attempts: sql<number>`attempts + 1` })
    .where('id', '=', id)
    .where('settled_at', 'is', null)
    .where('next_try_at', '<=', NOW)
    .where(LEASE_FREE)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toDebt(row);
}

/**
 * That a key is dead is a fact, whoever saw it and whether or not its lease still held: only the first to say so
 * writes, and saying it again does nothing.
 */
async function settle(
  tx: Tx,
  debt: RevocationDebt,
  worker: string,
  outcome: 'revoked' | 'gone',
  notices: Parameters<Ledger['settleDebt']>[3],
): Promise<void> {
  const settled = await tx
    .updateTable('debts')
    .set({ settled_at: NOW, outcome, worker: null, lease_until: null, last_error: null })
    .where('id', '=', debt.id)
    .where('settled_at', 'is', null)
    .returning('attempts')
    .executeTakeFirst();
  if (settled === undefined) return;
  const keyId = await killKey(tx, debt.issuer, debt.issuerKeyId, 'revoked');
  if (debt.rotationId !== null) {
    const open = tx.updateTable('rotations').set({ wake_at: NOW }).where('id', '=', debt.rotationId);
    await open.where('finished_at', 'is', null).execute();
  }
  await insertNotices(tx, notices ?? [], debt.rotationId ?? debt.id);
  const { credential, rotationId, issuer, issuerKeyId, cause } = debt;
  const actor = { who: `worker:${worker}`, why: cause };
  const detail = { debt: debt.id, issuer, issuerKeyId, outcome, attempts: settled.attempts };
  await appendAudit(tx, [{ type: 'key.revoked', actor, credential, rotationId, keyId, detail }]);
}

async function postpone(
  tx: Tx,
  debt: RevocationDebt,
  worker: string,
  error: string,
  delayMs: number,
  notices: Parameters<Ledger['postponeDebt']>[4],
): Promise<void> {
  const told = notices !== undefined && notices.length > 0;
  const mine = await tx
    .updateTable('debts')
    .set({ next_try_at: nowPlus(delayMs), last_error: scrub(error), worker: null, lease_until: null, ...(told ? { alerted_at: NOW } : {}) })
    .where('id', '=', debt.id)
    .where('worker', '=', worker)
    .where('attempts', '=', debt.attempts)
    .where('settled_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  if (mine === undefined) throw new KeyturnError('LEASE_LOST', `Another worker took over the revocation debt ${debt.id}: nothing was written.`, { effect: 'none' });
  await insertNotices(tx, notices ?? [], debt.rotationId ?? debt.id);
}
