import type { ClueKind, UsageEvent } from '../core/usage.ts';

/** Usage that a source read, and where it goes on after it. */
export interface UsageBatch {
  readonly events: readonly UsageEvent[];
  /**
   * Where the next read begins: JSON, no secrets, bounded (16 KiB). It is kept in the ledger in one transaction with the events,
   * so that a crash repeats or loses nothing.
   */
  readonly cursor: unknown;
  /** Everything that happened before this instant has been read now, as far as the source can know; null when it cannot tell. */
  readonly seenUntil: Date | null;
  /** True when more can be read at once. */
  readonly more: boolean;
  /** Records that were left out because they could not be understood, and what is wrong with one of them. */
  readonly malformed: number;
  readonly example: string | null;
}

export interface ReadRequest {
  /** What the last batch that was recorded said; null at the very beginning. */
  readonly cursor: unknown;
  /** The ledger's time. Not before `since` is anything read the first time. */
  readonly now: Date;
  /** How far back to begin without a cursor. */
  readonly since: Date;
}

/**
 * Where usage of keys comes from. `read` takes one bounded batch (at most `MAX_BATCH` events) from where the cursor stands and
 * changes nothing: reading again with the same cursor gives the same events, or the same and later ones. Events that
 * the source repeats or reorders by itself are its own to sort out, by its cursor. Throws SOURCE_UNAVAILABLE (try again later,
 * with `retryAfterMs` where told) or SOURCE_REFUSED (wrong token, no such path: a person must act).
 */
export interface UsageSource {
  readonly name: string;
  readonly type: string;
  /** For people: `issuer hypermemory's audit log`, `access log /var/log/nginx/access.log`. */
  readonly describe: string;
  /** By what its events say which key was used. */
  readonly clue: ClueKind;
  /** The longest that one read may take, milliseconds. */
  readonly callTimeoutMs: number;
  read(request: ReadRequest, signal: AbortSignal): Promise<UsageBatch>;
  /** For `doctor`: reachable and permitted; what is odd, a sentence each. Throws like `read`. */
  probe(signal: AbortSignal): Promise<readonly string[]>;
  close?(): Promise<void>;
}

export const MAX_BATCH = 5_000;
