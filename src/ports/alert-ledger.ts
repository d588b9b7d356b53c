/**
 * The part of the ledger that holds alerts, silences and what storm control remembers. What happens to alerts and the
 * messages that tell of it are written in one transaction, under the versions that were seen: both happen or neither, and once.
 */
import type { Alert, ChannelStorm, Matcher, Silence } from '../core/alert.ts';
import type { Actor, Notice, Severity } from '../core/vocabulary.ts';
import type { IncidentNews } from './channel.ts';

export interface AlertDelivery {
  readonly channel: string;
  /** An incident, or a digest of many. */
  readonly incident: string;
  readonly status: IncidentNews['status'];
  /** Its `dedupeKey` is unique among the incident's messages. */
  readonly notice: Notice;
}

export interface AlertChanges {
  /** Each with the version that was seen, 0 for a new one. */
  readonly alerts: readonly Alert[];
  /** Went without ever having fired. */
  readonly dropped: readonly Pick<Alert, 'id' | 'version'>[];
  /** Each with the version that was seen, 0 for a new one. */
  readonly channels: readonly ChannelStorm[];
  readonly deliveries: readonly AlertDelivery[];
}

export interface AlertFilter {
  /** Only those of which something may still happen. */
  readonly open?: boolean;
  readonly credential?: string;
  readonly rule?: string;
}

export interface AlertFigures {
  readonly fired: number;
  /** Not over yet, by severity. */
  readonly open: Readonly<Record<Severity, number>>;
  /** The worst of those, of these the oldest. */
  readonly worst: { readonly id: string; readonly title: string; readonly severity: Severity } | null;
}

export type AcknowledgeOutcome = 'acknowledged' | 'already' | 'ended';

export interface AlertLedger {
  /** All that are not closed: of those that have ended, the ones whose end people are still to be told. */
  open(): Promise<readonly Alert[]>;
  /** By id or the beginning of it. Throws USAGE when several begin so. */
  alert(idOrPrefix: string): Promise<Alert | null>;
  /** Open ones first, then the newest first. */
  list(filter: AlertFilter, page: { readonly limit: number }): Promise<readonly Alert[]>;
  /** Alerts of one incident, the oldest first. */
  incident(id: string): Promise<readonly Alert[]>;
  channels(): Promise<readonly ChannelStorm[]>;
  /** Counts for the summary: what fired within the last `spanMs`, and what fires now. */
  figures(spanMs: number): Promise<AlertFigures>;
  /** One transaction. `stale`: somebody else has written one of them, or has begun the same alert; nothing changed then. */
  apply(changes: AlertChanges): Promise<'applied' | 'stale'>;
  /** Of the whole incident, with its audit event. Null: no such alert. */
  acknowledge(id: string, actor: Actor): Promise<AcknowledgeOutcome | null>;
  /** Those in force, or all of the last ones; those that end last first. */
  silences(filter: { readonly active?: boolean }, page: { readonly limit: number }): Promise<readonly Silence[]>;
  /** With its audit event; it begins now. */
  addSilence(matchers: readonly Matcher[], forMs: number, actor: Actor): Promise<Silence>;
  /** With its audit event. Null: no such silence. One that has ended stays as it was. */
  endSilence(idOrPrefix: string, actor: Actor): Promise<{ readonly silence: Silence; readonly ended: boolean } | null>;
  /** Deletes what was over before that, a bounded piece; answers how many rows. */
  prune(keptMs: number): Promise<number>;
}
