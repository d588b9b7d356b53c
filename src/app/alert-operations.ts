/** What can be asked of and changed about alerts; a part of `Operations`. */
import type { Actor, Severity } from '../core/vocabulary.ts';

export interface MuteView {
  /** `silence`, `maintenance`, `inhibition`. */
  readonly by: string;
  /** The silence's id, the window's name, or the id of the alert that explains it. */
  readonly id: string;
  readonly until: string | null;
  readonly why: string;
}

export interface AlertView {
  readonly id: string;
  readonly incident: string;
  /** `pending`, `firing`, `recovering`, `resolved`, `expired`. */
  readonly state: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly credential: string | null;
  readonly issuer: string | null;
  readonly owner: string | null;
  readonly title: string;
  readonly expected: string;
  readonly actual: string;
  readonly firedAt: string | null;
  readonly lastSeenAt: string;
  readonly endedAt: string | null;
  readonly acknowledged: { readonly by: string; readonly why: string; readonly at: string } | null;
  /** Why nobody is told of it now; null when people are. */
  readonly muted: MuteView | null;
  /** Channels that were told of it. */
  readonly channels: readonly string[];
}

export interface AlertDetail extends AlertView {
  readonly happened: string;
  readonly means: string;
  readonly todo: readonly string[];
  readonly facts: Readonly<Record<string, string>>;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly firstSeenAt: string;
  /** The farthest that the value went, and the levels at which it fires and clears. */
  readonly peak: number;
  readonly fireAt: number;
  readonly clearAt: number;
  /** How long it must stay clear before it is over, milliseconds. */
  readonly holdMs: number;
  readonly timesTold: number;
  readonly events: readonly { readonly at: string; readonly what: string; readonly detail: string }[];
  /** Others of the same incident. */
  readonly others: readonly AlertView[];
}

export interface SilenceView {
  readonly id: string;
  readonly matchers: readonly string[];
  readonly by: string;
  readonly why: string;
  readonly createdAt: string;
  readonly endsAt: string;
  readonly active: boolean;
  /** Who ended it before its time. */
  readonly endedBy: string | null;
}

export interface AlertRouteRequest {
  readonly rule?: string;
  readonly credential?: string;
  readonly owner?: string;
  readonly severity?: Severity;
}

export interface AlertRoute {
  readonly rule: string | null;
  readonly credential: string | null;
  readonly owner: string | null;
  readonly severity: Severity;
  /** Where it goes; nowhere while it is muted. */
  readonly channels: readonly string[];
  /** `notify` of the credential, `routes`, or `everything`. */
  readonly by: string;
  readonly lines: readonly { readonly line: number; readonly channels: readonly string[]; readonly takes: boolean; readonly because: string | null }[];
  readonly muted: MuteView | null;
}

export interface AlertQuestions {
  /** Open ones first, then the newest first. */
  alerts(filter: { readonly open?: boolean; readonly credential?: string; readonly rule?: string; readonly limit?: number }): Promise<readonly AlertView[]>;
  /** Throws UNKNOWN_NAME, USAGE for an ambiguous prefix. */
  alert(idOrPrefix: string): Promise<AlertDetail>;
  /** Which channels such an alert would go to, and why. Throws UNKNOWN_CREDENTIAL, UNKNOWN_NAME for a rule. */
  alertRoute(request: AlertRouteRequest): Promise<AlertRoute>;
  silences(filter: { readonly active?: boolean; readonly limit?: number }): Promise<readonly SilenceView[]>;
}

export interface AlertChanges {
  /** Stops its repeats until it gets worse or is over, for the whole incident. Throws UNKNOWN_NAME, ALERT_ENDED. */
  acknowledgeAlert(idOrPrefix: string, actor: Actor): Promise<{ readonly alert: AlertView; readonly already: boolean }>;
  /** Throws USAGE for matchers that are none. */
  silence(request: { readonly matchers: readonly string[]; readonly forMs: number }, actor: Actor): Promise<SilenceView & { readonly mutes: number }>;
  /** Throws UNKNOWN_NAME. */
  endSilence(idOrPrefix: string, actor: Actor): Promise<SilenceView & { readonly ended: boolean }>;
}
