/**
 * Alerts: a finding over time, as the ledger keeps it. Several alerts may be one incident, which is what people hear of.
 * Plain JSON: instants are milliseconds since the epoch on the ledger's clock, for people only; durations go by the alert's own clock.
 */
import type { Finding } from './finding.ts';
import type { Actor, Severity } from './vocabulary.ts';

/** pending: seen, not yet for long enough. recovering: cleared, not yet for long enough. expired: nobody can tell any more. */
export const ALERT_STATES = ['pending', 'firing', 'recovering', 'resolved', 'expired'] as const;
export type AlertState = (typeof ALERT_STATES)[number];

export interface Told {
  /** The worst severity that people were told of. */
  readonly severity: Severity;
  readonly at: number;
  /** On the alert's own clock, milliseconds. */
  readonly age: number;
  /** How often, the end included. */
  readonly times: number;
  /** They were told that it is over. */
  readonly over: boolean;
}

export interface Acknowledgement {
  readonly actor: Actor;
  readonly at: number;
}

export interface AlertEvent {
  readonly at: number;
  /** A state that it went to, `worse`, `told`, `acknowledged`. */
  readonly what: string;
  readonly detail: string;
}

export interface Alert {
  readonly id: string;
  /** Rises with every write; a write names the one that it saw. 0 before the first. */
  readonly version: number;
  /** The id of the incident that it belongs to: that of its first alert. */
  readonly incident: string;
  readonly state: AlertState;
  /** As it was seen last. */
  readonly finding: Finding;
  /** The worst severity since it began. */
  readonly worst: Severity;
  /** The value farthest beyond the firing level since it began. */
  readonly peak: number;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly firedAt: number | null;
  readonly endedAt: number | null;
  /** When it was looked at last, and what its own clock showed then, milliseconds: that one goes on by what passes between two looks, within bounds. */
  readonly at: number;
  readonly age: number;
  /** The age at which the present state began, and at which it was seen last. */
  readonly stateAge: number;
  readonly seenAge: number;
  /** Fired again while recovering, so often one soon after the other. */
  readonly refires: number;
  readonly refiredAge: number | null;
  /** How long it has to have cleared before it is over, milliseconds. */
  readonly holdMs: number;
  readonly told: Told | null;
  readonly acknowledged: Acknowledgement | null;
  /** By channel: the incident or digest whose messages tell of it there. */
  readonly threads: Readonly<Record<string, string>>;
  /** The latest of what happened to it, oldest first. */
  readonly events: readonly AlertEvent[];
}

export function isEnded({ state }: Pick<Alert, 'state'>): boolean {
  return state === 'resolved' || state === 'expired';
}

/** People were told that it fired, and not yet that it is over. */
export function owesItsEnd({ told }: Pick<Alert, 'told'>): boolean {
  return told !== null && !told.over;
}

/** Nothing will ever happen to it any more. */
export function isClosed(alert: Pick<Alert, 'state' | 'told'>): boolean {
  return isEnded(alert) && !owesItsEnd(alert);
}

const MOST_EVENTS = 40;

/** Bounded: of those in the middle the older ones go. */
export function withEvent(alert: Alert, at: number, what: string, detail: string): Alert {
  const events = [...alert.events, { at, what, detail }];
  return { ...alert, events: events.length > MOST_EVENTS ? [...events.slice(0, 2), ...events.slice(events.length - MOST_EVENTS + 2)] : events };
}

export const MATCHED = ['rule', 'credential', 'issuer', 'owner', 'severity'] as const;

/** What an alert must have: `*` in the pattern stands for anything. Several must all hold. */
export interface Matcher {
  /** One of `MATCHED`, or `label.<name>`. */
  readonly field: string;
  readonly pattern: string;
}

/** Nobody is told of what it matches, until it ends. */
export interface Silence {
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly actor: Actor;
  readonly createdAt: Date;
  readonly endsAt: Date;
  /** Ended before its time. */
  readonly endedBy: Actor | null;
}

/** How many new incidents a channel was told of lately, and its digests. */
export interface ChannelStorm {
  readonly channel: string;
  readonly version: number;
  /** When incidents got a message of their own in the last minute. */
  readonly singles: readonly number[];
  /** With alerts that are not over, the newest last. */
  readonly digests: readonly Digest[];
}

/** One message, which changes, for the many incidents that came at once. */
export interface Digest {
  readonly id: string;
  readonly openedAt: number;
  /** When the last incident came into it. */
  readonly lastAt: number;
  /** When people were told of it last; null before the first time. */
  readonly saidAt: number | null;
  /** Something has changed that people were not told of. */
  readonly dirty: boolean;
  /** Incidents that ever came into it, and by severity. */
  readonly total: number;
  readonly bySeverity: Readonly<Record<Severity, number>>;
}
