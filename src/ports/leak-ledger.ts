/** The part of the ledger that remembers reported leaks: never a value. */
import type { LeakOutcome } from '../core/leak.ts';
import type { AuditEntry, Change } from './ledger.ts';

/** How the secret was told. */
export type LeakForm = 'value' | 'hash' | 'reference';

/** One leaked secret, as the ledger is told of it. */
export interface LeakSeen {
  readonly form: LeakForm;
  /** Null where it is not known yet: then `sought` says what is known. */
  readonly fingerprint: string | null;
  /** A hash of the value (`hmsl:<hex>`), or the source's reference, until the key is found. */
  readonly sought: string | null;
  readonly looksLike: string | null;
  readonly url: string | null;
  readonly foundAt: Date | null;
  readonly detail: string | null;
}

export interface LeakDelivered {
  readonly source: string;
  /** Of its content: the same again is the same delivery. */
  readonly deliveryId: string;
  readonly leaks: readonly LeakSeen[];
  readonly malformed: number;
}

export type TakenLeaks =
  | { readonly outcome: 'taken'; readonly matched: number; readonly alike: number; readonly sought: number }
  | { readonly outcome: 'repeated' };

export interface Leak {
  readonly id: string;
  readonly source: string;
  readonly deliveryId: string;
  readonly form: LeakForm;
  readonly reportedAt: Date;
  readonly foundAt: Date | null;
  readonly url: string | null;
  readonly detail: string | null;
  readonly sought: string | null;
  readonly keyId: string | null;
  readonly credential: string | null;
  readonly looksLike: string | null;
  /** What a worker set out to do, written before it does. */
  readonly intent: LeakOutcome | null;
  readonly outcome: LeakOutcome | null;
  readonly settledAt: Date | null;
  readonly rotationId: string | null;
  /** A sentence on the outcome. */
  readonly message: string | null;
  readonly attempts: number;
  readonly nextTryAt: Date;
  readonly lastError: string | null;
}

export interface SettledLeak {
  readonly outcome: LeakOutcome;
  readonly rotationId: string | null;
  readonly message: string;
  readonly audit: Omit<AuditEntry, 'type'>;
  readonly notices: NonNullable<Change['notices']>;
  /** Notices of one origin and key are told once, however many leaks say it. */
  readonly noticeOrigin: string;
}

/** What a source has told so far. */
export interface LeakSourceFigures {
  readonly source: string;
  readonly deliveries: number;
  readonly leaks: number;
  /** Of these: secrets that are not ours, of which nothing else is kept. */
  readonly foreign: number;
  readonly malformed: number;
  readonly lastAt: Date;
}

export interface LeakLedger {
  /**
   * Takes a delivery once: those that are keys of ours, look like them (a thousand at most) or must be looked up are remembered, the others
   * counted. One question for all of them, one transaction with its audit event.
   */
  take(delivered: LeakDelivered): Promise<TakenLeaks>;
  /** Takes leaks that wait, keys of ours before all others, then the longest waiting: whose key is known or surely not ours (`ready`), or those to be looked up. */
  claim(what: 'ready' | 'hash' | 'reference', worker: string, ttlMs: number, limit: number): Promise<readonly Leak[]>;
  /** Whether any of them waits to be claimed now. */
  waiting(): Promise<Readonly<Record<'ready' | 'hash' | 'reference', boolean>>>;
  /** What was looked up is found, or found to be none of ours: the leak becomes `ready`. `url` and the others take the place of what was not told. Throws LEASE_LOST. */
  found(leak: Leak, worker: string, seen: Pick<LeakSeen, 'fingerprint' | 'looksLike' | 'url' | 'foundAt' | 'detail'>): Promise<void>;
  /** Throws LEASE_LOST. */
  intend(leak: Leak, worker: string, outcome: LeakOutcome): Promise<void>;
  /** Writes outcome, audit event (`leak.<outcome>`) and notices: one transaction. Throws LEASE_LOST. */
  settle(leak: Leak, worker: string, settled: SettledLeak): Promise<void>;
  /** Throws LEASE_LOST. */
  postpone(leak: Leak, worker: string, error: string, delayMs: number): Promise<void>;
  /** Newest first. */
  leaks(filter: { readonly source?: string; readonly credential?: string; readonly open?: boolean }, limit: number): Promise<readonly Leak[]>;
  /** In the order of their names. */
  leakFigures(): Promise<readonly LeakSourceFigures[]>;
}
