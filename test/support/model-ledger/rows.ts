/** From rows to the port's records: a new object each time, with Dates of its own. */
import type { KeyRecord, RevocationDebt } from '../../../src/core/vocabulary.ts';
import type { AuditEvent, CredentialRecord, Delivery, NameWatch, Page, Pause, Rotation, Transition } from '../../../src/ports/ledger.ts';
import type { AuditRow, CredentialRow, DebtRow, DeliveryRow, KeyRow, PauseRow, RotationRow, TransitionRow, WatchRow } from './tables.ts';

const MAX_PAGE = 1000;

export function maybe(at: number | null): Date | null {
  return at === null ? null : new Date(at);
}

export function toRotation(row: RotationRow): Rotation {
  const { asked: _asked, pacedAt: _pacedAt, worker: _worker, leaseUntil: _leaseUntil, leasedAt: _leasedAt, ...rest } = row;
  return {
    ...rest,
    occurrence: maybe(row.occurrence),
    createdAt: new Date(row.createdAt),
    stateSince: new Date(row.stateSince),
    wakeAt: maybe(row.wakeAt),
    finishedAt: maybe(row.finishedAt),
  };
}

export function toTransition(row: TransitionRow): Transition {
  return { ...row, at: new Date(row.at) };
}

export function toKey(row: KeyRow): KeyRecord {
  return { ...row, createdAt: new Date(row.createdAt), revokedAt: maybe(row.revokedAt) };
}

export function toCredential(row: CredentialRow): CredentialRecord {
  const dueAt = Number.isFinite(row.dueAt) ? new Date(row.dueAt) : null;
  return { ...row, dueAt, firstSeenAt: new Date(row.firstSeenAt), lastRotatedAt: maybe(row.lastRotatedAt) };
}

export function toDebt(row: DebtRow): RevocationDebt {
  const { worker: _worker, leaseUntil: _leaseUntil, outcome: _outcome, ...rest } = row;
  return {
    ...rest,
    createdAt: new Date(row.createdAt),
    nextTryAt: new Date(row.nextTryAt),
    settledAt: maybe(row.settledAt),
    alertedAt: maybe(row.alertedAt),
  };
}

export function toWatch(row: WatchRow): NameWatch {
  return { ...row, until: new Date(row.until) };
}

export function toPause(row: PauseRow): Pause {
  return { ...row, since: new Date(row.since) };
}

export function toDelivery(row: DeliveryRow): Delivery {
  const { worker: _worker, leaseUntil: _leaseUntil, dedupeKey: _dedupeKey, origin: _origin, ...rest } = row;
  return { ...rest, createdAt: new Date(row.createdAt), nextTryAt: new Date(row.nextTryAt), deliveredAt: maybe(row.deliveredAt), incident: null };
}

export function toAuditEvent(row: AuditRow, seq: number): AuditEvent {
  const { id: _id, pos: _pos, ...rest } = row;
  return { ...rest, seq, at: new Date(row.at) };
}

/** By a number, then by id: where SQL leaves the order of equals open, the model takes that of their making. */
export function inOrder<Row>(rows: Row[], number: (row: Row) => number, id: (row: Row) => string): Row[] {
  return rows.sort((a, b) => number(a) - number(b) || (id(a) < id(b) ? -1 : 1));
}

/** One page of rows with ids, newest first. */
export function pageOf<Row extends { readonly id: string }>(rows: readonly Row[], page: Page): Row[] {
  const { before } = page;
  const older = before === undefined ? [...rows] : rows.filter((row) => row.id < before);
  return older.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, bounded(page));
}

export function bounded(page: Pick<Page, 'limit'>): number {
  return Math.min(Math.max(Math.trunc(page.limit), 1), MAX_PAGE);
}
