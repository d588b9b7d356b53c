/**
 * The words of the domain, as types. See docs/architecture.md for the glossary.
 * A credential outlives its keys; a rotation replaces a credential's current key.
 */
import type { Fingerprint } from './secret.ts';

export const ROTATION_KINDS = ['scheduled', 'manual', 'emergency'] as const;
export type RotationKind = (typeof ROTATION_KINDS)[number];

/** How a rotation gets from the old key to the new one; chosen by capabilities and policy, never silently. */
export const PATHS = ['displace', 'replace', 'emergency'] as const;
export type Path = (typeof PATHS)[number];

export const ROTATION_STATES = [
  'requested',
  'preflight',
  'blocked',
  'creating',
  'staged',
  'verified',
  'promoting',
  'confirmed',
  'draining',
  'revoking',
  'reporting',
  'aborting',
  'rolling_back',
  'done',
  'aborted',
  'rolled_back',
] as const;
export type RotationState = (typeof ROTATION_STATES)[number];

export const TERMINAL_STATES = ['done', 'aborted', 'rolled_back'] as const satisfies readonly RotationState[];
export type TerminalState = (typeof TERMINAL_STATES)[number];

export function isTerminal(state: RotationState): state is TerminalState {
  return (TERMINAL_STATES as readonly RotationState[]).includes(state);
}

/**
 * staged: minted, not yet served. current: what stores serve. draining: displaced, still alive.
 * condemned: a revocation debt is open. revoked: dead at the issuer. lost: gone from the issuer without us.
 */
export const KEY_STATES = ['staged', 'current', 'draining', 'condemned', 'revoked', 'lost'] as const;
export type KeyState = (typeof KEY_STATES)[number];

/** One key that an issuer minted for a credential. Never its value. */
export interface KeyRecord {
  /** Keyturn's own id of the key (ULID). */
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly issuerKeyId: string;
  readonly name: string;
  readonly prefix: string;
  readonly fingerprint: Fingerprint | null;
  readonly scopes: readonly string[];
  readonly state: KeyState;
  /** False while an adopted key's binding to the stored value has not been proved; such a key is never revoked automatically. */
  readonly proven: boolean;
  /** Null for an adopted key. */
  readonly rotationId: string | null;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

/** `replaced`: revoked before its replacement exists, by a policy that allows downtime. */
export type DebtCause = 'superseded' | 'replaced' | 'aborted' | 'rolled_back' | 'orphan' | 'emergency';

/** A durable promise to revoke one key. It outlives the rotation that made it. */
export interface RevocationDebt {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly issuerKeyId: string;
  /** Null for an orphan found by its name, whose value nobody holds. */
  readonly fingerprint: Fingerprint | null;
  readonly cause: DebtCause;
  readonly rotationId: string | null;
  readonly attempts: number;
  readonly createdAt: Date;
  /** Not before this instant: lets a frozen worker's longest effect pass. */
  readonly nextTryAt: Date;
  readonly lastError: string | null;
  readonly settledAt: Date | null;
  readonly alertedAt: Date | null;
}

export type Severity = 'info' | 'warning' | 'critical';

/** What people are told, before any channel gives it a form. Carries no secret. */
export interface Notice {
  /** What kind of event: one of `NOTICE_KINDS`. */
  readonly kind: NoticeKind;
  readonly severity: Severity;
  readonly credential: string | null;
  readonly issuer: string | null;
  readonly rotationId: string | null;
  /** One line. */
  readonly title: string;
  /** What happened, what it means, what to do: in that order. */
  readonly happened: string;
  readonly means: string;
  readonly todo: readonly string[];
  /** Labelled facts shown below the text, e.g. old and new key prefix. */
  readonly facts: Readonly<Record<string, string>>;
  /** Two notices with the same key within a channel are one message for people. */
  readonly dedupeKey: string;
  /** What people may decide by a link; absent for most. */
  readonly ask?: Ask;
}

/** A decision that a message asks for. */
export interface Ask {
  /** The id of the response that waits for it. */
  readonly response: string;
  /** ISO. */
  readonly expiresAt: string;
  /** Opens the decision to whoever has it: put in right before the message is sent, and kept nowhere. */
  readonly url?: string;
}

export const NOTICE_KINDS = [
  'rotation_done',
  'rotation_aborted',
  'rotation_rolled_back',
  'rotation_blocked',
  'rotation_waiting',
  'key_revoked',
  'debt_overdue',
  'store_drift',
  'incident_report',
  'daily_summary',
  'alert',
  'alert_digest',
  'channel_failing',
  'leak',
  'drill',
  'response',
  'test',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Who asked for a change, and why; goes into the audit log with it. */
export interface Actor {
  /** e.g. `cli:alice@host`, `api:token:ci`, `schedule`, `worker:<id>`. */
  readonly who: string;
  readonly why: string;
}
