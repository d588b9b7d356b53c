/** From ledger records to the plain JSON that API and CLI show. Pure. */
import { isOverdue } from '../core/debt.ts';
import type { Notes } from '../core/facts.ts';
import { todoOf } from '../core/todo.ts';
import type { KeyRecord, RevocationDebt } from '../core/vocabulary.ts';
import type { AuditEvent, Rotation, Transition } from '../ports/ledger.ts';
import type { AttemptView, AuditView, DebtView, KeyName, RotationSummary, TransitionView } from './operations.ts';

export const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function keyName(key: KeyRecord | null | undefined): KeyName | null {
  return key == null ? null : { issuerKeyId: key.issuerKeyId, name: key.name, prefix: key.prefix };
}

/** `now` is the ledger's. */
export function rotationSummary(rotation: Rotation, keys: ReadonlyMap<string, KeyRecord>, now: Date): RotationSummary {
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
    todo: todoOf({
      id, credential, path, state, reason, plan: rotation.plan, notes: rotation.notes,
      oldKey: keys.get(rotation.oldKeyId ?? '') ?? null, inStateMs: now.getTime() - rotation.stateSince.getTime(),
    }),
  };
}

export function transitionView(transition: Transition): TransitionView {
  const { seq, at, from, to, reason, message, epoch, worker } = transition;
  return { seq, at: at.toISOString(), from, to, reason, message, epoch, worker };
}

/** Null for `stuckMs` where the credential is not known any more. */
export function debtView(debt: RevocationDebt, now: Date, stuckMs: number | null): DebtView {
  const { id, credential, issuerKeyId, cause, attempts, lastError } = debt;
  const ageMs = now.getTime() - debt.createdAt.getTime();
  return { id, credential, issuerKeyId, cause, attempts, lastError, ageMs, nextTryAt: debt.nextTryAt.toISOString(), todo: isOverdue(debt, now, stuckMs ?? 0) ? debtTodo(debt) : [] };
}

function debtTodo({ issuerKeyId, rotationId }: RevocationDebt): readonly string[] {
  return [
    'Check that issuer and stores answer and what the admin key may do: `keyturn doctor`.',
    `Try it now: ${rotationId === null ? '`keyturn doctor --settle`' : `\`keyturn rotations resume ${rotationId}\` while its rotation is open, else \`keyturn doctor --settle\``}.`,
    `If that cannot be mended soon, revoke key ${issuerKeyId} at the issuer by hand: Keyturn notices that it is gone.`,
  ];
}

export function attemptViews({ notes }: Rotation): readonly AttemptView[] {
  const { attempt, pastAttempts = [] }: Notes = notes;
  const now = attempt === undefined ? [] : [{ ...attempt, outcome: attempt.outcome ?? (attempt.sentAt === null ? 'not sent' : 'unknown') }];
  return [...pastAttempts, ...now].map(({ n, name, sentAt, outcome }) => ({ n, name, sentAt, outcome }));
}

export function auditView(event: AuditEvent): AuditView {
  const { seq, type, actor, credential, rotationId, keyId, detail, hash } = event;
  return { seq, at: event.at.toISOString(), type, who: actor.who, why: actor.why, credential, rotationId, keyId, detail, hash };
}
