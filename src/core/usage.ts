/**
 * Usage of keys as sources report it, before anything is concluded from it. Nothing in it is trusted: it comes from logs
 * and from other systems, and whoever uses a key chooses much of it.
 */

/** What a source says a key by: the issuer's key id, its first characters, Keyturn's own fingerprint, or the value itself, which is never kept. */
export const CLUES = ['id', 'prefix', 'fingerprint', 'value'] as const;
export type ClueKind = (typeof CLUES)[number];

/** `ok`: served. `failed`: refused or failed for another reason than the key. `denied`: the authentication failed. */
export const USAGE_OUTCOMES = ['ok', 'failed', 'denied'] as const;
export type UsageOutcome = (typeof USAGE_OUTCOMES)[number];

/** One request, or several alike. */
export interface UsageEvent {
  /** When it happened, by the source's clock. */
  readonly at: Date;
  /** Which key was shown: a `value` clue holds its fingerprint already when it gets here. */
  readonly clue: string;
  /** What the clue is, where it is not what its source says it tells: a failed authentication may carry a prefix only. */
  readonly clueKind?: ClueKind;
  readonly outcome: UsageOutcome;
  /** How many requests it stands for: a whole number from 1 on. */
  readonly requests: number;
  /** Address of the caller, as written by the source and made fit to keep by `core/usage-fields.ts`; null when it does not tell. */
  readonly address: string | null;
  /** Likewise. */
  readonly agent: string | null;
  /** The least scope that it asks for, in the issuer's words; null where that is not known. Absent from a source that tells nothing of scopes. */
  readonly need?: string | null;
  /** The key was good, and what it asked for was not allowed to it. */
  readonly refused?: boolean;
}

/** Longest address and user agent that are kept, characters; what is longer is cut. */
export const MAX_ADDRESS = 64;
export const MAX_AGENT = 160;
/** Longest clue: what is longer is no clue, since cutting it would make one key of two. */
export const MAX_CLUE = 128;
/** What is kept of a clue that is a prefix: logs that hold the whole key there must not bring it in. */
export const MAX_PREFIX = 16;
/** Longest scope: of what is longer the need counts as not known. */
export const MAX_SCOPE = 64;
/** Instants that lie further ahead of Keyturn's clock are not believed, milliseconds. */
export const MAX_AHEAD_MS = 300_000;
