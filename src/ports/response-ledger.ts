/** The part of the ledger that remembers what critical findings were answered with: once for each incident and key. */
import type { LeakOutcome } from '../core/leak.ts';
import type { BreakerLimits, ResponseMode, ResponseState } from '../core/response.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { AlertDelivery } from './alert-ledger.ts';
import type { AuditEntry, Change } from './ledger.ts';

/** What is known of a response from its beginning. */
export interface ResponseSeed {
  readonly id: string;
  readonly alert: string;
  readonly incident: string;
  readonly rule: string;
  readonly credential: string;
  readonly issuer: string;
  /** Keyturn's id. */
  readonly keyId: string;
  readonly mode: ResponseMode;
  readonly policy: string;
  readonly owner: string | null;
  /** Of the finding, as people were told. */
  readonly said: { readonly title: string; readonly happened: string; readonly expected: string; readonly facts: Readonly<Record<string, string>> };
  /** By channel: the incident or digest in whose thread the alert was told there. */
  readonly threads: Readonly<Record<string, string>>;
}

export interface Response extends ResponseSeed {
  readonly state: ResponseState;
  readonly openedAt: Date;
  /** Of one that people are asked about. */
  readonly expiresAt: Date | null;
  readonly decidedBy: Actor | null;
  readonly decidedAt: Date | null;
  /** What a worker set out to do, written before it does. */
  readonly intent: LeakOutcome | null;
  readonly rotationId: string | null;
  /** A sentence on how it stands, where there is more to say than its state does. */
  readonly message: string | null;
  readonly attempts: number;
  readonly lastError: string | null;
}

/** What is written with a change of a response. */
export interface ResponseWords {
  readonly audit: Omit<AuditEntry, 'type'>;
  readonly deliveries: readonly AlertDelivery[];
}

/** One that may begin. */
export interface Opening extends ResponseWords {
  readonly seed: ResponseSeed;
  /** What it becomes unless the breaker holds it back; `withheld` is never held back, as it does nothing. */
  readonly as: 'accepted' | 'waiting' | 'withheld';
  /** Milliseconds; null where nobody is asked. */
  readonly expiresInMs: number | null;
  readonly message: string | null;
}

/** One that the breaker held back. */
export interface HeldBack {
  readonly seed: ResponseSeed;
  /** Which breaker, in a sentence. */
  readonly why: string;
}

export type HeldNotices = (held: readonly HeldBack[]) => NonNullable<Change['notices']>;

/** dead: what it was about is no longer so; nothing was decided. over: it was decided or dropped before. */
export type DecideOutcome = 'decided' | 'over' | 'expired' | 'dead';

export interface ResponseFigures {
  /** Begun within the last hour, as the breaker counts. */
  readonly hour: number;
  readonly byIssuer: Readonly<Record<string, number>>;
  readonly waiting: number;
  /** Held back within the last day. */
  readonly tripped: number;
}

export interface ResponseLedger {
  /** Of these incidents, `<incident> <key id>` of each that has its response. */
  answered(incidents: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Begins responses: each once for its incident and key, none while another of the same key is open, none for a key that is dead or dying.
   * One transaction, one at a time over all workers, so that no number of them gets past the limits.
   */
  open(openings: readonly Opening[], limits: BreakerLimits, held: HeldNotices): Promise<readonly Response[]>;
  /** A person's decision, once. The answer holds the response as it is now; null for an unknown one. `words` are written with it. */
  decide(id: string, decision: 'accepted' | 'declined', actor: Actor, words: ResponseWords): Promise<{ readonly outcome: DecideOutcome; readonly response: Response } | null>;
  /** Those that wait for people longer than they may. */
  overdue(limit: number): Promise<readonly Response[]>;
  /** False where it was decided in the last moment. */
  expire(id: string, words: ResponseWords): Promise<boolean>;
  /** Takes accepted ones that wait to be carried out, the oldest first. */
  claim(worker: string, ttlMs: number, limit: number): Promise<readonly Response[]>;
  /** Throws LEASE_LOST. */
  intend(response: Response, worker: string, intent: LeakOutcome): Promise<void>;
  /** Throws LEASE_LOST. */
  settle(response: Response, worker: string, settled: ResponseWords & { readonly state: 'done' | 'moot' | 'withheld'; readonly rotationId: string | null; readonly message: string }): Promise<void>;
  /** Throws LEASE_LOST. */
  postpone(response: Response, worker: string, error: string, delayMs: number): Promise<void>;
  /** By id or the beginning of it. Throws USAGE when several begin so. */
  response(idOrPrefix: string): Promise<Response | null>;
  /** Newest first; `open`: those that wait for a person, or to be carried out. */
  list(filter: { readonly credential?: string; readonly open?: boolean; readonly state?: ResponseState }, page: { readonly limit: number }): Promise<readonly Response[]>;
  figures(): Promise<ResponseFigures>;
  /** Deletes what was over before that; answers how many rows. */
  prune(keptMs: number): Promise<number>;
}
