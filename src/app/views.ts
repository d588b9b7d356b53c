/** From ledger records to the plain JSON that API and CLI show. Pure. */
import type { KeyRecord, RevocationDebt } from '../core/vocabulary.ts';
import type { AuditEvent, Rotation, Transition } from '../ports/ledger.ts';
import type { AuditView, DebtView, KeyName, RotationSummary, TransitionView } from './operations.ts';

export const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function keyName(key: KeyRecord | null | undefined): KeyName | null {
  return key == null ? null : { issuerKeyId: key.issuerKeyId, name: key.name, prefix: key.prefix };
}

export function rotationSummary(rotation: Rotation, keys: ReadonlyMap<string, KeyRecord>): RotationSummary {
  const { id, credential, issuer, kind, path, state, reason, message, actor } = rotation;
  return {
    id, credential, issuer, kind, path, state, reason, message,
    requestedBy: actor.who,
    why: actor.why,
    oldKey: keyName(rotation.oldKeyId === null ? null : keys.get(rotation.oldKeyId)),
    newKey: keyName(rotation.newKeyId === null ? null : keys.get(rotation.newKeyId)),
    createdAt: rotation.createdAt.toISOString(),
    stateSince: rotation.stateSince.toISOString(),
    wakeAt: iso(rotation.wakeAt),
    finishedAt: iso(rotation.finishedAt),
  };
}

export function transitionView(transition: Transition): TransitionView {
  const { seq, at, from, to, reason, message, epoch, worker } = transition;
  return { seq, at: at.toISOString(), from, to, reason, message, epoch, worker };
}

export function debtView(debt: RevocationDebt, now: Date): DebtView {
  const { id, credential, issuerKeyId, cause, attempts, lastError } = debt;
  return { id, credential, issuerKeyId, cause, attempts, lastError, ageMs: now.getTime() - debt.createdAt.getTime(), nextTryAt: debt.nextTryAt.toISOString() };
}

export function auditView(event: AuditEvent): AuditView {
  const { seq, type, actor, credential, rotationId, keyId, detail, hash } = event;
  return { seq, at: event.at.toISOString(), type, who: actor.who, why: actor.why, credential, rotationId, keyId, detail, hash };
}
