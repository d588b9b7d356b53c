/**
 * The part of the ledger that holds usage: counts by key, source and minute (and again by hour, kept longer), who called with
 * each key, and how far every source has been read. Counts of different sources are never added up: two may see the same request.
 */
import type { ClueKind } from '../core/usage.ts';

export interface UsageCounts {
  readonly requests: number;
  /** Of these: failed for another reason than the key. */
  readonly failed: number;
  /** Of these: refused for the key. */
  readonly denied: number;
}

export const STEPS = { minute: 60_000, hour: 3_600_000 } as const;
export type UsageStep = keyof typeof STEPS;

export interface BucketOf {
  /** Keyturn's own id of the key. */
  readonly keyId: string;
  readonly source: string;
  /** Where the minute or hour begins. */
  readonly at: Date;
}

export interface UsageBucket extends BucketOf, UsageCounts {
  /** About how many different addresses called (core/distinct.ts). */
  readonly addresses: number;
}

/** What is added to a minute of a key. */
export interface UsageIncrement extends UsageCounts {
  readonly keyId: string;
  /** The minute. */
  readonly at: Date;
  /** Sketch of the addresses, hexadecimal. */
  readonly addresses: string;
}

/** An address and user agent that used a key. Both come from outside: shown cleaned, never trusted. */
export interface UsageCaller extends UsageCounts {
  readonly keyId: string;
  readonly source: string;
  /** Empty where the source does not tell. */
  readonly address: string;
  readonly agent: string;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
}

/** What requests asked of a key's scopes, as one source tells; attempts that were refused for the key itself are not among them. */
export interface UsageNeed {
  readonly source: string;
  /** The least scope that would have done for them, in the issuer's words; empty where that is not known. */
  readonly need: string;
  readonly requests: number;
  /** Of these: not allowed to that key. */
  readonly refused: number;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
}

export interface KeyNeed extends UsageNeed {
  readonly keyId: string;
}

/** Added up over all keys of the credential, dead ones too, that had just these scopes. */
export interface CredentialNeed extends UsageNeed {
  readonly credential: string;
  readonly scopes: readonly string[];
}

export interface SourceState {
  readonly source: string;
  readonly cursor: unknown;
  /** Rises with every write; a write names the one that it saw. */
  readonly version: number;
  readonly seenUntil: Date | null;
  /** When it was last read or pushed to without failing. */
  readonly readAt: Date | null;
  readonly failingSince: Date | null;
  readonly lastError: string | null;
  /** Requests of keys that the ledger does not know, since ever; and what one of them was named by. */
  readonly unknown: number;
  readonly unknownExample: string | null;
  /** Records that could not be used (malformed, too old, from the future), since ever. */
  readonly malformed: number;
  readonly malformedExample: string | null;
  /** When there were some of these last, as far as is known. */
  readonly malformedAt: Date | null;
}

/** A batch, counted: commits as a whole or not at all. */
export interface UsageRecord {
  readonly source: string;
  /** Of a source that is read: the version that it was read at, and where it goes on. Null for what is pushed. */
  readonly cursor: { readonly expect: number; readonly next: unknown } | null;
  /** Of what is pushed: a batch of the same id within a week is the same batch. */
  readonly batchId: string | null;
  readonly seenUntil: Date | null;
  readonly increments: readonly UsageIncrement[];
  readonly callers: readonly Omit<UsageCaller, 'source'>[];
  /** Absent from a source that tells nothing of scopes. */
  readonly needs?: readonly Omit<KeyNeed, 'source'>[];
  readonly unknown: number;
  readonly unknownExample: string | null;
  readonly malformed: number;
  readonly malformedExample: string | null;
}

/** `stale`: somebody else has read on meanwhile. `repeated`: a batch of this id was recorded before. Nothing changed then. */
export type RecordOutcome = 'recorded' | 'stale' | 'repeated';

export interface UsageRetention {
  readonly minutesMs: number;
  readonly hoursMs: number;
  readonly callersMs: number;
}

export interface UsageLedger {
  /** Keys by what a source calls them; a clue that fits several keys, of which not exactly one lives, is left out. At most `MAX_CLUES`. */
  keysByClue(kind: Exclude<ClueKind, 'value'>, clues: readonly string[]): Promise<ReadonlyMap<string, string>>;
  source(name: string): Promise<SourceState>;
  sources(): Promise<readonly SourceState[]>;
  record(record: UsageRecord): Promise<RecordOutcome>;
  /** A source could not be read: since when, and why. */
  sourceFailed(name: string, error: string): Promise<void>;
  /** Buckets from `from` on and before `until`, oldest first; silent ones are absent. At most 100,000. */
  buckets(keyIds: readonly string[], step: UsageStep, from: Date, until: Date): Promise<readonly UsageBucket[]>;
  /** Keys with counts in minutes that were written after `from` (by the buckets' time), for those who look at what is new. */
  activeKeys(from: Date, until: Date): Promise<readonly Pick<BucketOf, 'keyId' | 'source'>[]>;
  /** The last minute in which each key was used, denied attempts apart, as these sources saw it (all that ever were, unless given); keys that never were are absent. */
  lastUsed(keyIds: readonly string[], sources?: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  /** Who called with these keys: of each key and source those with most requests and those seen last, most requests first. */
  callers(keyIds: readonly string[]): Promise<readonly UsageCaller[]>;
  /** What these keys were asked for in their life, as long as it is kept (by hours, after it was seen last): most requests first. */
  needs(keyIds: readonly string[]): Promise<readonly KeyNeed[]>;
  /** The same of credentials: a rotation begins nothing anew. */
  credentialNeeds(credentials: readonly string[]): Promise<readonly CredentialNeed[]>;
  /** Deletes what is older than its retention, a bounded piece; answers how many rows. */
  prune(retention: UsageRetention): Promise<number>;
}

/** Clues that are looked up at once. */
export const MAX_CLUES = 10_000;

/** Callers kept of a key and source: those with most requests, and those seen last. */
export const CALLERS_BY_REQUESTS = 48;
export const CALLERS_BY_TIME = 16;
