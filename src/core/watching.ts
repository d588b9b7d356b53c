/**
 * What a scan looks for, and what it remembers of a credential between two scans. Settings are as configured for all
 * credentials, with those of a credential in their place. Durations are milliseconds. Null: the rule is off.
 */
import type { RuleName } from './finding.ts';
import type { MaintenanceWindow } from './window.ts';
import type { Severity } from './vocabulary.ts';

/** What each rule goes by; `severity` may stand in for the rule's own. */
export interface RuleSettings {
  /** More than so many requests in each minute for that long. */
  readonly request_rate: Rule<{ readonly perMinute: number; readonly for: number }>;
  /** `budget`: false incidents a credential and week. */
  readonly unusual_traffic: Rule<{ readonly budget: number; readonly timezone: string }>;
  /** `score`: −log10 of how rarely the series looked as strange. */
  readonly unusual_metric: Rule<{ readonly score: number }>;
  /** A share of failures, of at least so many requests within that time. */
  readonly error_rate: Rule<{ readonly percent: number; readonly requests: number; readonly over: number }>;
  readonly failed_authentications: Rule<{ readonly requests: number; readonly over: number }>;
  readonly retired_key_in_use: Rule<{ readonly over: number }>;
  readonly revoked_key_tried: Rule<{ readonly requests: number; readonly over: number }>;
  readonly dormant_key_waking: Rule<{ readonly after: number }>;
  /** Nothing is new while the credential's callers are being learned. */
  readonly new_network: Rule<{ readonly learn: number }>;
  readonly new_user_agent: Rule<{ readonly learn: number }>;
  readonly outside_hours: Rule<{ readonly window: MaintenanceWindow }>;
  readonly outside_networks: Rule<{ readonly networks: readonly string[] }>;
  readonly quota_on_course: Rule<{ readonly percent: number }>;
  /** Fires when so many keys or fewer are left. */
  readonly key_limit_near: Rule<{ readonly left: number }>;
  readonly key_unused: Rule<{ readonly after: number }>;
  /** So much later than its policy says. */
  readonly key_older_than_policy: Rule<{ readonly late: number }>;
  readonly unmanaged_key: Rule<object>;
  readonly name_against_convention: Rule<object>;
  readonly scopes_wider_than_declared: Rule<object>;
  /** Every request of it was seen and understood for so long. */
  readonly scopes_wider_than_used: Rule<{ readonly after: number }>;
  readonly undeclared_key: Rule<object>;
  readonly key_missing: Rule<object>;
  readonly revoked_key_alive: Rule<object>;
  readonly issuer_unavailable: Rule<{ readonly after: number }>;
  readonly source_unavailable: Rule<{ readonly after: number }>;
  readonly scanner_silent: Rule<{ readonly after: number }>;
}

type Rule<Settings> = (Settings & { readonly severity?: Severity | undefined }) | null;

export type ScannedRule = keyof RuleSettings & RuleName;

/** What a credential declares in place of what holds for all. */
export type RuleOverrides = { readonly [Name in keyof RuleSettings]?: RuleSettings[Name] | undefined };

/** What holds for a credential: its own rules in place of those of all, each as a whole. */
export function rulesOf(all: RuleSettings, { rules }: { readonly rules?: RuleOverrides }): RuleSettings {
  return rules === undefined ? all : ({ ...all, ...rules } as RuleSettings);
}

/** The most remarkable moment of late, as a detector judged it. */
export interface Peak {
  /** When it was. */
  readonly at: number;
  /** Up to where the scan looked that found it. */
  readonly seen: number;
  readonly score: number;
  /** Minutes of the window that stood out. */
  readonly minutes: number;
  readonly actual: number;
  readonly low: number;
  readonly high: number;
}

/** A network or user agent that a credential was used from: when it was seen first and last. */
export interface Familiar {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

/** Bounded plain JSON. Instants are milliseconds since the epoch. */
export interface WatchRecord {
  /** When its callers began to be learned. */
  readonly begunAt: number;
  /** The last minute with requests that were not refused; null before the first. */
  readonly usedAt: number | null;
  /** It was used again after so long a silence. */
  readonly woke: { readonly at: number; readonly silentMs: number } | null;
  readonly peak: Peak | null;
  readonly metricPeak: Peak | null;
  readonly networks: readonly Familiar[];
  readonly agents: readonly Familiar[];
}

/** A credential as one usage source sees it. */
export interface WatchState {
  readonly credential: string;
  readonly source: string;
  /** Rises with every write; a write names the one that it saw. 0 before the first. */
  readonly version: number;
  /** Detectors have taken all minutes before; null before the first. */
  readonly until: number | null;
  /** The counts detector's state. */
  readonly counts: Uint8Array | null;
  /** The metric detector's, plain JSON; null while that rule is off. */
  readonly metric: unknown;
  readonly record: WatchRecord;
}
