import type { Limit } from '../core/pace.ts';
import type { Notice, Severity } from '../core/vocabulary.ts';

export interface ChannelCapabilities {
  /** The sink can be asked whether a message arrived, so an ambiguous send is no duplicate. */
  readonly reconcile: boolean;
}

export interface Outgoing {
  /** Stable over every attempt at this delivery: Message-ID, metadata, idempotency key. */
  readonly deliveryId: string;
  readonly notice: Notice;
  readonly createdAt: Date;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The incident that it tells of; null for a message that stands alone. */
  readonly incident: IncidentNews | null;
}

/** Several messages tell of one incident: it fired, it got worse, it is over. People see one thread, or one message that changes. */
export interface IncidentNews {
  /** Stable over the incident's life. */
  readonly id: string;
  readonly status: 'firing' | 'recovering' | 'resolved' | 'expired' | 'silenced';
  /** What this channel gave back for the incident's first message; null when this is the first that gets through. */
  readonly rootReceipt: string | null;
  /** Under which severities this channel was told of it before, each once. */
  readonly toldAs: readonly Severity[];
}

/** Waits for a place in each of these limits, which all workers share, and takes it. Throws CHANNEL_UNAVAILABLE with `retryAfterMs` when that takes long. */
export type TakePlaces = (limits: readonly Limit[], signal: AbortSignal) => Promise<void>;

/**
 * A way to reach people. `send` makes one attempt, without library retries, bounded by `signal`. Throws CHANNEL_REFUSED
 * (will never work: wrong token, no such channel) or CHANNEL_UNAVAILABLE (with `retryAfterMs` where told).
 */
export interface Channel {
  readonly name: string;
  readonly type: string;
  readonly capabilities: ChannelCapabilities;
  /** What the sink bears: each message takes one from every bucket before it is sent. Shared by all workers through the ledger; the first is the channel's own. */
  readonly limits?: readonly Limit[];
  /** Returns the sink's own id of the message, for the ledger. */
  send(message: Outgoing, signal: AbortSignal): Promise<string>;
  /** For `doctor`: reachable and permitted, without sending anything. Throws like `send`. */
  probe(signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}
