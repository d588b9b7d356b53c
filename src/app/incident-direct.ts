/** What an incident owes to break glass: keys that died before the ledger heard of it. Pure. */
import type { KeyRecord } from '../core/vocabulary.ts';
import type { DyingKey } from '../incidents/index.ts';
import type { AuditEvent } from '../ports/ledger.ts';

/**
 * Keys that were revoked past the worker, as the records tell that were taken in. Their instants are by the clock of whoever revoked them, but never
 * later than the ledger heard of it; a record from before the issuer had answered has only that.
 */
export function diedDirectly(audit: readonly AuditEvent[], keys: readonly KeyRecord[]): readonly DyingKey[] {
  const deaths = takenIn(audit).map(({ at, keyId, detail }): DyingKey => ({
    issuerKeyId: String(detail['issuerKeyId']), key: keys.find(({ id }) => id === keyId) ?? null,
    revokedAt: earlier(detail['revokedAt'], at), outcome: detail['outcome'] === 'gone' ? 'gone' : 'revoked', attempts: 1, lastError: null,
  }));
  return [...new Map(deaths.toReversed().map((death) => [death.issuerKeyId, death])).values()];
}

/** When the first of them was asked for; null where none was. */
export function askedDirectly(audit: readonly AuditEvent[]): Date | null {
  const [first, ...more] = takenIn(audit).map(({ at, detail }) => earlier(detail['askedAt'], at));
  return first === undefined ? null : more.reduce((least, at) => (at < least ? at : least), first);
}

function takenIn(audit: readonly AuditEvent[]): readonly AuditEvent[] {
  return audit.filter(({ type }) => type === 'break_glass.taken');
}

function earlier(told: unknown, at: Date): Date {
  const instant = typeof told === 'string' ? Date.parse(told) : Number.NaN;
  return instant < at.getTime() ? new Date(instant) : at;
}
