import { sql } from 'kysely';
import { isUnconditional } from '../core/debt.ts';
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import type { CredentialPlan } from '../core/plan.ts';
import type { Actor, RevocationDebt } from '../core/vocabulary.ts';
import type { AuditEntry, HeldDebt, Ledger, NewDebt } from '../ports/ledger.ts';
import { appendAudit, auditRows } from './audit.ts';
import { Refused, because, orRefuse, type Batch } from './batch.ts';
import { newId } from './ids.ts';
import { noticeStatements } from './outbox.ts';
import { debtOf, keyOf, toDebt, type JsonRow } from './rows.ts';
import { LEASE_FREE, NOW, inTransaction, type Db, type Tx } from './sql.ts';
import { AT_NOW, atNowPlus, fragment, statement, type Statement } from './statement.ts';

type DebtMethods = 'openDebts' | 'debt' | 'payableDebts' | 'addDebt' | 'addOrphan' | 'hurryDebt' | 'leaseDebt' | 'settleDebt' | 'postponeDebt';
const MAX_OPEN_DEBTS = 10_000;

export function debtMethods(db: Db, batch: Batch): Pick<Ledger, DebtMethods> {
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
    addDebt: (debt, actor) => addDebt(batch, debt, actor),
    addOrphan: (debt, actor) => addOrphan(batch, debt, actor),
    hurryDebt: (id, actor) => inTransaction(db, (tx) => hurry(tx, id, actor)),
    leaseDebt: (id, worker, ttlMs) => leaseDebt(batch, id, worker, ttlMs),
    settleDebt: (debt, worker, outcome, notices) => settle(batch, debt, worker, outcome, notices),
    postponeDebt: (debt, worker, error, delayMs, notices) => postpone(batch, debt, worker, error, delayMs, notices),
  };
}

interface Adding {
  /** Also not when one was ever settled: for keys seen in a listing that may be stale. */
  readonly once?: boolean;
  /** Written to the audit log besides when the debt is new. */
  readonly told?: AuditEntry;
}

/**
 * Adds a debt and condemns its key, unless one for that key is open. One that asks nothing of stores (an emergency, a
 * replacement with downtime) makes an open one its own, payable now: an emergency waits behind no evidence, and not for a
 * worker that took the debt and may be dead. Each answers the debt.
 */
export function debtStatements(debt: NewDebt, actor: Actor, { once = false, told }: Adding = {}): readonly Statement[] {
  const id = newId();
  const { credential, issuer, issuerKeyId, cause, rotationId } = debt;
  const entry = { actor, credential, rotationId, keyId: null, detail: { debt: id, issuer, issuerKeyId, cause } };
  const add = addStatement(id, debt, once, [{ ...entry, type: 'debt.added' }, ...(told === undefined ? [] : [told])]);
  return isUnconditional(cause) && !once ? [add, hastenStatement(id, debt, entry)] : [add];
}

function addStatement(id: string, debt: NewDebt, once: boolean, entries: readonly AuditEntry[]): Statement {
  const { credential, issuer, issuerKeyId, fingerprint, cause, rotationId, notBeforeMs } = debt;
  return statement`
    with added as (
      insert into keyturn.debts (id, credential, issuer, issuer_key_id, fingerprint, cause, rotation_id, created_at, next_try_at)
      select ${id}, ${credential}, ${issuer}, ${issuerKeyId}, ${fingerprint}, ${cause}, ${rotationId}, ${AT_NOW}, ${atNowPlus(notBeforeMs)}
      where not (${once}::boolean and exists (select from keyturn.debts where issuer = ${issuer} and issuer_key_id = ${issuerKeyId}))
      on conflict (issuer, issuer_key_id) where settled_at is null do nothing returning *
    ), condemned as (
      update keyturn.keys k set state = 'condemned' from added a
      where k.issuer = a.issuer and k.issuer_key_id = a.issuer_key_id and k.state not in ('revoked', 'lost') returning k.id
    ), logged as (
      insert into keyturn.audit (at, type, actor, credential, rotation_id, key_id, detail)
      select date_trunc('milliseconds', ${AT_NOW}), e.type, e.actor, e.credential, e.rotation_id,
        case when e.type = 'debt.added' then (select c.id from condemned c) end, e.detail
      from added, jsonb_to_recordset(${auditRows(entries)}::jsonb) as e(type text, actor jsonb, credential text, rotation_id text, detail jsonb)
    )
    select to_jsonb(added)::text from added`;
}

function hastenStatement(id: string, debt: NewDebt, entry: Omit<AuditEntry, 'type'>): Statement {
  const { issuer, issuerKeyId, cause, rotationId, notBeforeMs } = debt;
  return statement`
    with hastened as (
      update keyturn.debts set cause = ${cause}, rotation_id = ${rotationId}, next_try_at = ${atNowPlus(notBeforeMs)}, worker = null, lease_until = null
      where issuer = ${issuer} and issuer_key_id = ${issuerKeyId} and settled_at is null and id <> ${id} returning *
    ), logged as (
      insert into keyturn.audit (at, type, actor, credential, rotation_id, detail)
      select date_trunc('milliseconds', ${AT_NOW}), e.type, e.actor, e.credential, e.rotation_id, e.detail || jsonb_build_object('debt', h.id)
      from hastened h, jsonb_to_recordset(${auditRows([{ ...entry, type: 'debt.hastened' }])}::jsonb) as e(type text, actor jsonb, credential text, rotation_id text, detail jsonb)
    )
    select to_jsonb(hastened)::text from hastened`;
}

async function addDebt(batch: Batch, debt: NewDebt, actor: Actor): Promise<RevocationDebt | null> {
  return added(await batch(debtStatements(debt, actor)));
}

function added(answers: readonly unknown[]): RevocationDebt | null {
  const row = answers.find((answer) => answer !== null);
  return row === undefined ? null : debtOf(row as JsonRow<'debts'>);
}

const LOOKED_AFTER = { outcome: 'looked-after' };

/**
 * Adds the debt unless the ledger has the key as one that is in use, or that an open rotation works on: a staged key of none is
 * nobody's. The key's row is locked: whoever makes it a living key at the same moment comes first, and what is asked
 * after that finds it living.
 */
export async function addOrphan(batch: Batch, debt: NewDebt, actor: Actor, adding: Adding = {}): Promise<RevocationDebt | null> {
  const { issuer, issuerKeyId } = debt;
  const lock = statement`select null::text from (select from keyturn.keys where issuer = ${issuer} and issuer_key_id = ${issuerKeyId} for update) locked`;
  const notLookedAfter = statement`
    select keyturn.refuse(${because(LOOKED_AFTER)}) from keyturn.keys k
    where k.issuer = ${issuer} and k.issuer_key_id = ${issuerKeyId} and (k.state in ('current', 'draining') or (k.state = 'staged'
      and exists (select from keyturn.rotations r where r.credential = k.credential and r.finished_at is null and r.new_key_id = k.id)))`;
  try {
    return added(await batch([lock, notLookedAfter, ...debtStatements(debt, actor, adding)]));
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

async function hurry(tx: Tx, id: string, actor: Actor): Promise<boolean> {
  const open = tx.updateTable('debts').set({ next_try_at: sql<Date>`least(next_try_at, ${NOW})` }).where('id', '=', id).where('settled_at', 'is', null);
  const row = await open.where(LEASE_FREE).where((or) => or.or([or('attempts', '>', 0), or('next_try_at', '<=', NOW)])).returningAll().executeTakeFirst();
  if (row === undefined) return false;
  const { credential, rotation_id: rotationId, issuer, issuer_key_id: issuerKeyId, cause } = row;
  await appendAudit(tx, [{ type: 'debt.hurried', actor, credential, rotationId, keyId: null, detail: { debt: id, issuer, issuerKeyId, cause } }]);
  return true;
}

interface Held {
  readonly debt: JsonRow<'debts'>;
  readonly key: JsonRow<'keys'> | null;
  readonly plan: CredentialPlan | null;
}

async function leaseDebt(batch: Batch, id: string, worker: string, ttlMs: number): Promise<HeldDebt | null> {
  const [answer] = await batch([statement`
    with held as (
      update keyturn.debts set worker = ${worker}, lease_until = ${atNowPlus(ttlMs)}, attempts = attempts + 1
      where id = ${id} and settled_at is null and next_try_at <= ${AT_NOW} and (lease_until is null or lease_until <= ${AT_NOW}) returning *
    )
    select json_build_object(
      'debt', to_jsonb(h),
      'key', (select to_jsonb(k) from keyturn.keys k where k.issuer = h.issuer and k.issuer_key_id = h.issuer_key_id),
      'plan', (select c.plan from keyturn.credentials c where c.name = h.credential)
    )::text from held h`]);
  if (answer == null) return null;
  const { debt, key, plan } = answer as Held;
  return { ...debtOf(debt), key: key === null ? null : keyOf(key), plan };
}

/**
 * That a key is dead is a fact, whoever saw it and whether or not its lease still held: only the first to say so
 * writes, and saying it again does nothing.
 */
async function settle(batch: Batch, debt: RevocationDebt, worker: string, outcome: 'revoked' | 'gone', notices: Parameters<Ledger['settleDebt']>[3]): Promise<void> {
  const { credential, rotationId, issuer, issuerKeyId, cause } = debt;
  const detail = { debt: debt.id, issuer, issuerKeyId, outcome };
  const entry = { type: 'key.revoked', actor: { who: `worker:${worker}`, why: cause }, credential, rotationId, keyId: null, detail };
  await onceOnly(batch, [statement`
    with settled as (
      update keyturn.debts set settled_at = ${AT_NOW}, outcome = ${outcome}, worker = null, lease_until = null, last_error = null
      where id = ${debt.id} and settled_at is null returning attempts
    ), killed as (
      update keyturn.keys set state = 'revoked', revoked_at = ${AT_NOW} from settled where issuer = ${issuer} and issuer_key_id = ${issuerKeyId} returning id, credential
    ), unbound as (
      update keyturn.credentials c set current_key_id = null, due_at = '-infinity' from killed where c.name = killed.credential and c.current_key_id = killed.id
    ), woken as (
      update keyturn.rotations set wake_at = ${AT_NOW} from settled where id = ${rotationId} and finished_at is null
    ), logged as (
      insert into keyturn.audit (at, type, actor, credential, rotation_id, key_id, detail)
      select date_trunc('milliseconds', ${AT_NOW}), e.type, e.actor, e.credential, e.rotation_id, (select id from killed), e.detail || jsonb_build_object('attempts', attempts)
      from settled, jsonb_to_recordset(${auditRows([entry])}::jsonb) as e(type text, actor jsonb, credential text, rotation_id text, detail jsonb)
    )
    select ${orRefuse(fragment`(select to_json(attempts)::text from settled)`, because(NOT_MINE))}`, ...noticeStatements(notices ?? [], rotationId ?? debt.id)]);
}

const NOT_MINE = { outcome: 'not-mine' };

/** Answers whether it was written. */
async function onceOnly(batch: Batch, statements: readonly Statement[]): Promise<boolean> {
  try {
    await batch(statements);
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

async function postpone(batch: Batch, debt: RevocationDebt, worker: string, error: string, delayMs: number, notices: Parameters<Ledger['postponeDebt']>[4]): Promise<void> {
  const told = notices !== undefined && notices.length > 0;
  const mine = await onceOnly(batch, [statement`
    with mine as (
      update keyturn.debts set next_try_at = ${atNowPlus(delayMs)}, last_error = ${scrub(error)}, worker = null, lease_until = null,
        alerted_at = case when ${told}::boolean then ${AT_NOW} else alerted_at end
      where id = ${debt.id} and worker = ${worker} and attempts = ${debt.attempts} and settled_at is null returning id
    )
    select ${orRefuse(fragment`(select to_json(id)::text from mine)`, because(NOT_MINE))}`, ...noticeStatements(notices ?? [], debt.rotationId ?? debt.id)]);
  if (!mine) throw new KeyturnError('LEASE_LOST', `Another worker took over the revocation debt ${debt.id}: nothing was written.`, { effect: 'none' });
}
