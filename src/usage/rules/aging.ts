/** Keys that are too old, or that nobody uses. Pure. */
import { duration, keyLabel } from '../../core/phrases.ts';
import { minutes } from '../../core/duration.ts';
import type { Finding } from '../../core/finding.ts';
import type { CurrentKey } from '../../core/inventory.ts';
import { nextDue, type DueFacts } from '../../core/policy.ts';
import type { KeyRecord } from '../../core/vocabulary.ts';
import type { RuleSettings } from '../../core/watching.ts';
import { windowState } from '../../core/window.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import { findingOf, ofKey } from './finding.ts';

/** Where last use is known from. */
export interface UseEvidence {
  /** The issuer tells last use: a key without one was never used. */
  readonly issuerTells: boolean;
  /** The last minute in which a usage source saw the key used; null where none did. */
  readonly seenAt: Date | null;
  /** Every usage source is being read, so that a key that one of them has seen would be seen again. */
  readonly sourcesWell: boolean;
}

/** How long nobody has used it, milliseconds. Null where that is not known: that a source never saw a key does not say that it would have. */
export function unusedFor({ key, lastUsedAt }: CurrentKey, { issuerTells, seenAt, sourcesWell }: UseEvidence, now: Date): number | null {
  const told = issuerTells ? (lastUsedAt ?? key.createdAt) : null;
  if (told === null && (seenAt === null || !sourcesWell)) return null;
  const last = Math.max(told?.getTime() ?? 0, seenAt?.getTime() ?? 0);
  return Number.isFinite(last) ? Math.max(0, now.getTime() - last) : null;
}

/** `unusedMs`: see `unusedFor`. */
export function keyUnused(record: CredentialRecord, key: KeyRecord, unusedMs: number, settings: RuleSettings['key_unused']): Finding | null {
  if (settings === null || unusedMs < settings.after) return null;
  const label = keyLabel(key);
  return findingOf('key_unused', settings, ofKey(key, record, null), {
    value: unusedMs, fireAt: settings.after, clearAt: 0,
    title: `${record.name}: nobody uses its key`,
    happened: `Nobody has used the key \`${label}\` of \`${record.name}\` for ${duration(unusedMs)}.`,
    expected: `used within ${duration(settings.after)}`,
    actual: `unused for ${duration(unusedMs)}`,
    todo: [
      `If nobody needs it, take \`${record.name}\` out of the configuration and revoke the key with id \`${key.issuerKeyId}\` at \`${record.issuer}\`.`,
      'If it is kept for a rare use, switch the rule off for this credential: `rules: { key_unused: off }`.',
    ],
    facts: { Key: label },
    evidence: { keyId: key.id },
  });
}

/** When the rotation that the key still waits for could have begun: the first that no rotation has answered, and the window that it may wait for. Null for never. */
export function shouldHaveBegun({ plan: { policy } }: CredentialRecord, facts: DueFacts): Date | null {
  const due = nextDue(policy, { ...facts, after: facts.lastRotatedAt ?? facts.createdAt });
  if (due === null || policy.window === null) return due;
  const window = windowState(policy.window, due);
  return window.open ? due : window.opensAt;
}

/** After downtime, or a change of the policy, what is long overdue is rotated at once: people hear of what is not. */
const BEING_ROTATED_MS = minutes(30);

export function keyOlderThanPolicy(record: CredentialRecord, key: KeyRecord, facts: DueFacts, now: Date, settings: RuleSettings['key_older_than_policy']): Finding | null {
  const due = settings === null ? null : shouldHaveBegun(record, facts);
  if (settings === null || due === null) return null;
  const lateMs = now.getTime() - due.getTime();
  if (lateMs < settings.late) return null;
  const [label, age] = [keyLabel(key), now.getTime() - key.createdAt.getTime()];
  return findingOf('key_older_than_policy', settings, ofKey(key, record, null), {
    value: lateMs, fireAt: settings.late, clearAt: 0, pendingMs: BEING_ROTATED_MS,
    title: `${record.name}: its key is overdue`,
    happened: `The key \`${label}\` of \`${record.name}\` is ${duration(age)} old. By policy \`${record.plan.policy.name}\` its rotation could have begun ${duration(lateMs)} ago.`,
    expected: `rotated within ${duration(settings.late)} of falling due`,
    actual: `${duration(lateMs)} overdue`,
    todo: [`See what keeps it: \`keyturn plan ${record.name}\` and \`keyturn status\`.`, `Or begin now: \`keyturn rotate ${record.name} --wait\`.`],
    facts: { Key: label, Policy: record.plan.policy.name, 'Due since': due.toISOString(), Age: duration(age) },
    evidence: { keyId: key.id },
  });
}
