import { isUnconditional } from '../../../src/core/debt.ts';
import { KeyturnError } from '../../../src/core/errors.ts';
import type { Actor, RevocationDebt } from '../../../src/core/vocabulary.ts';
import type { HeldDebt, Ledger, NewDebt } from '../../../src/ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { killKey } from './keys.ts';
import { insertNotices } from './outbox.ts';
import { inOrder, toDebt, toKey } from './rows.ts';
import { leaseFree, words, type State } from './state.ts';
import { NO_LEASE, type DebtRow } from './tables.ts';

const MAX_OPEN_DEBTS = 10_000;

export function debtMethods(state: State) {
  const open = () => state.by.openDebts.of('open');
  return {
    openDebts: (...[{ credential, issuer }]: Parameters<Ledger['openDebts']>) => {
      const fits = (row: DebtRow): boolean =>
        (credential === undefined || row.credential === credential) && (issuer === undefined || row.issuer === issuer);
      return inOrder(open().filter(fits), () => 0, (row) => row.id).slice(0, MAX_OPEN_DEBTS).map(toDebt);
    },
    debt: (id: string) => orNull(state.debts.get(id)),
    payableDebts: (limit: number) => {
      const payable = open().filter((row) => isPayable(state, row));
      return inOrder(payable, (row) => row.nextTryAt, (row) => row.id).slice(0, limit).map((row) => row.id);
    },
    addDebt: (debt: NewDebt, actor: Actor) => orNull(insertDebt(state, debt, actor) ?? undefined),
    addOrphan: (debt: NewDebt, actor: Actor) => (lookedAfter(state, debt) ? null : orNull(insertDebt(state, debt, actor) ?? undefined)),
    hurryDebt: (id: string, actor: Actor) => hurry(state, id, actor),
    leaseDebt: (...asked: Parameters<Ledger['leaseDebt']>) => leaseDebt(state, ...asked),
    settleDebt: (...told: Parameters<Ledger['settleDebt']>) => settle(state, ...told),
    postponeDebt: (...told: Parameters<Ledger['postponeDebt']>) => postpone(state, ...told),
  };
}

/** In use, or an open rotation works on it: a staged key of none is nobody's. */
export function lookedAfter(state: State, { issuer, issuerKeyId }: Pick<NewDebt, 'issuer' | 'issuerKeyId'>): boolean {
  const key = state.by.keyAtIssuer.one(words(issuer, issuerKeyId));
  if (key === undefined || ['condemned', 'revoked', 'lost'].includes(key.state)) return false;
  return key.state !== 'staged' || state.by.openRotation.one(key.credential)?.newKeyId === key.id;
}

/** Only what waits after a failure: a debt that was never tried waits out a former holder. */
function hurry(state: State, id: string, actor: Actor): boolean {
  const row = state.debts.get(id);
  if (row === undefined || row.settledAt !== null || !leaseFree(state, row) || (row.attempts === 0 && row.nextTryAt > state.now())) return false;
  state.debts.put({ ...row, nextTryAt: Math.min(row.nextTryAt, state.now()) });
  const { credential, rotationId, issuer, issuerKeyId, cause } = row;
  appendAudit(state, { type: 'debt.hurried', actor, credential, rotationId, keyId: null, detail: { debt: id, issuer, issuerKeyId, cause } });
  return true;
}

function orNull(row: DebtRow | undefined): RevocationDebt | null {
  return row === undefined ? null : toDebt(row);
}

function isPayable(state: State, row: DebtRow): boolean {
  return row.settledAt === null && row.nextTryAt <= state.now() && leaseFree(state, row);
}

/** Adds a debt and condemns its key, unless one for that key is open (null). `once`: also not when one was ever settled. */
export function insertDebt(state: State, debt: NewDebt, actor: Actor, once = false): DebtRow | null {
  const { credential, issuer, issuerKeyId, fingerprint, cause, rotationId } = debt;
  const atIssuer = words(issuer, issuerKeyId);
  if (once && state.by.debtsOfKey.one(atIssuer) !== undefined) return null;
  const open = state.by.openDebtOfKey.one(atIssuer);
  if (open !== undefined) return hasten(state, open, debt, actor);
  const [id, createdAt] = [state.newId(), state.now()];
  const row = state.debts.put({
    id, credential, issuer, issuerKeyId, fingerprint, cause, rotationId, attempts: 0, createdAt, nextTryAt: createdAt + debt.notBeforeMs,
    lastError: null, settledAt: null, outcome: null, alertedAt: null, ...NO_LEASE,
  });
  const key = state.by.keyAtIssuer.one(atIssuer);
  const living = key !== undefined && key.state !== 'revoked' && key.state !== 'lost';
  if (living) state.keys.put({ ...key, state: 'condemned' });
  const detail = { debt: id, issuer, issuerKeyId, cause };
  appendAudit(state, { type: 'debt.added', actor, credential, rotationId, keyId: living ? key.id : null, detail });
  return row;
}

/** An emergency or a replacement with downtime makes the open debt its own; any other leaves it as it is (null). */
function hasten(state: State, open: DebtRow, debt: NewDebt, actor: Actor): DebtRow | null {
  const { credential, rotationId, issuer, issuerKeyId, cause } = debt;
  if (!isUnconditional(cause)) return null;
  const row = state.debts.put({ ...open, ...NO_LEASE, cause, rotationId, nextTryAt: state.now() + debt.notBeforeMs });
  const detail = { debt: row.id, issuer, issuerKeyId, cause };
  appendAudit(state, { type: 'debt.hastened', actor, credential, rotationId, keyId: null, detail });
  return row;
}

function leaseDebt(state: State, id: string, worker: string, ttlMs: number): HeldDebt | null {
  const row = state.debts.get(id);
  if (row === undefined || !isPayable(state, row)) return null;
  const held = state.debts.put({ ...row, worker, leaseUntil: state.now() + ttlMs, attempts: row.attempts + 1 });
  const key = state.by.keyAtIssuer.one(words(row.issuer, row.issuerKeyId));
  return { ...toDebt(held), key: key === undefined ? null : toKey(key), plan: state.credentials.get(row.credential)?.plan ?? null };
}

/** That a key is dead is a fact, whoever saw it: the first to say so writes, and saying it again does nothing. */
function settle(state: State, ...[debt, worker, outcome, notices]: Parameters<Ledger['settleDebt']>): void {
  const row = state.debts.get(debt.id);
  if (row === undefined || row.settledAt !== null) return;
  state.debts.put({ ...row, settledAt: state.now(), outcome, lastError: null, ...NO_LEASE });
  const { credential, rotationId, issuer, issuerKeyId, cause } = debt;
  const keyId = killKey(state, issuer, issuerKeyId, 'revoked');
  const rotation = rotationId === null ? undefined : state.rotations.get(rotationId);
  if (rotation?.finishedAt === null) state.rotations.put({ ...rotation, wakeAt: state.now() });
  insertNotices(state, notices ?? [], rotationId ?? debt.id);
  const detail = { debt: debt.id, issuer, issuerKeyId, outcome, attempts: row.attempts };
  appendAudit(state, { type: 'key.revoked', actor: { who: `worker:${worker}`, why: cause }, credential, rotationId, keyId, detail });
}

function postpone(state: State, ...[debt, worker, lastError, delayMs, notices]: Parameters<Ledger['postponeDebt']>): void {
  const row = state.debts.get(debt.id);
  if (row === undefined || row.worker !== worker || row.attempts !== debt.attempts || row.settledAt !== null) {
    throw new KeyturnError('LEASE_LOST', `Another worker took over the revocation debt ${debt.id}: nothing was written.`, { effect: 'none' });
  }
  const alertedAt = notices !== undefined && notices.length > 0 ? state.now() : row.alertedAt;
  state.debts.put({ ...row, nextTryAt: state.now() + delayMs, lastError, alertedAt, ...NO_LEASE });
  insertNotices(state, notices ?? [], debt.rotationId ?? debt.id);
}
