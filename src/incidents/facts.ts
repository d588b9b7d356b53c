/** What is known of an incident when its report is made: gathered by src/app, from the ledger alone. */
import type { Alert } from '../core/alert.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { Familiar, Peak } from '../core/watching.ts';
import type { AuditEvent } from '../ports/ledger.ts';
import type { SourceState, UsageBucket, UsageCaller } from '../ports/usage-ledger.ts';

/**
 * One emergency revocation. Its id is that of the emergency rotation; `debt` is for the revocation of a single key without
 * a rotation, whose id is then its debt's.
 */
export interface IncidentRef {
  readonly id: string;
  readonly of: 'rotation' | 'debt';
}

/** Where it leaked, as far as anybody told. */
export interface Leak {
  readonly foundAt: Date | null;
  /** The earliest instant from which others are known to have been able to read it. */
  readonly earliestAt: Date | null;
  readonly where: string | null;
  readonly by: string | null;
}

/** A key that the incident revokes. */
export interface DyingKey {
  readonly issuerKeyId: string;
  /** Null when the ledger does not know it: a leftover of a lost attempt. */
  readonly key: KeyRecord | null;
  /** Null while it lives. */
  readonly revokedAt: Date | null;
  /** `gone`: somebody had revoked it before. */
  readonly outcome: 'revoked' | 'gone' | null;
  readonly attempts: number;
  readonly lastError: string | null;
}

export interface Recovery {
  /** Of the rotation, with its reason and message. */
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  readonly finishedAt: Date | null;
  /** When every place and every application check was healthy; null before. */
  readonly recoveredAt: Date | null;
  readonly newKey: KeyRecord | null;
  /** Every place and application check of the plan, with the instant at which it was first seen healthy; null before. */
  readonly places: readonly Healed[];
  readonly applications: readonly Healed[];
}

export interface Healed {
  readonly name: string;
  readonly at: Date | null;
}

/** How one source has seen this credential used so far. */
export interface History {
  readonly source: string;
  /** When its callers have been learned: one that was not seen before is new then. Null while nothing is known. */
  readonly ripeAt: Date | null;
  /** Null where so many were seen that none is new. */
  readonly networks: readonly Familiar[] | null;
  readonly programs: readonly Familiar[] | null;
  /** The most remarkable moment of late. */
  readonly peak: Peak | null;
  readonly woke: { readonly at: number; readonly silentMs: number } | null;
}

/** Requests that asked for one scope, as one source tells. */
export interface ScopeUse {
  readonly keyId: string;
  readonly source: string;
  readonly scope: string;
  readonly requests: number;
  /** Of these: not allowed to the key. */
  readonly refused: number;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
}

export interface Usage {
  /** Of every key that the incident revokes: by the hour from the beginning of the window on, by the minute in its first and last hour and after it. */
  readonly hours: readonly UsageBucket[];
  readonly minutes: readonly UsageBucket[];
  /** What was asked of the scopes of the keys that the incident revokes; null where no source tells. */
  readonly scopes: readonly ScopeUse[] | null;
  /** Of every key of the credential. */
  readonly callers: readonly UsageCaller[];
  /** Those that are configured. */
  readonly sources: readonly (Pick<SourceState, 'source' | 'failingSince' | 'unknown' | 'unknownExample'> & { readonly shownUntil: Date | null })[];
  readonly histories: readonly History[];
  /** What is older is no longer kept. */
  readonly kept: { readonly minutesFrom: Date; readonly hoursFrom: Date; readonly callersFrom: Date };
}

export interface IncidentFacts {
  readonly ref: IncidentRef;
  /** The ledger's time. */
  readonly now: Date;
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly asked: { readonly by: string; readonly why: string; readonly at: Date };
  readonly leak: Leak | null;
  readonly dying: readonly DyingKey[];
  /** Null where no replacement was asked for. */
  readonly recovery: Recovery | null;
  readonly usage: Usage;
  /** Of the credential. */
  readonly alerts: readonly Alert[];
  /** Oldest first. */
  readonly audit: readonly AuditEvent[];
}
