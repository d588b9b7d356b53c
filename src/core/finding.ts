/**
 * Findings: what a rule sees of a subject in one scan. Rules give one for each subject that is at or beyond the level at
 * which it would clear; life and telling of the alert that comes of it are not the rule's business (src/alerts/life.ts).
 */
import type { Severity } from './vocabulary.ts';

/**
 * Findings of one family and credential that come together have one cause for people. What is of `security` is never muted
 * by an outage (src/alerts/mutes.ts): somebody else's use of a key does not become harmless because the issuer is down.
 */
export const RULE_FAMILIES = ['traffic', 'failures', 'security', 'quota', 'hygiene', 'keyturn'] as const;
export type RuleFamily = (typeof RULE_FAMILIES)[number];

interface RuleRow {
  readonly family: RuleFamily;
  /** Where neither rule nor configuration says otherwise. */
  readonly severity: Severity;
  /** What it means for people, one or two sentences. */
  readonly means: string;
}

/** Every rule that there is. A rule that is not in here has left Keyturn, and its alerts expire. */
export const FINDING_RULES = {
  request_rate: { family: 'traffic', severity: 'warning', means: 'The key is used more than was declared to be normal: a loop in an application, or somebody else who uses it.' },
  unusual_traffic: { family: 'traffic', severity: 'warning', means: 'The key is used otherwise than it ever was at this hour of the week.' },
  unusual_metric: { family: 'failures', severity: 'warning', means: 'A metric of the key’s use left the range that it has kept so far.' },
  error_rate: { family: 'failures', severity: 'warning', means: 'Many of the key’s requests fail: its application probably does not work as it should.' },
  failed_authentications: { family: 'failures', severity: 'warning', means: 'Requests are refused for their key: an application holds a wrong or dead one, or somebody tries keys out.' },
  retired_key_in_use: { family: 'security', severity: 'warning', means: 'An application still uses a key that was replaced, and fails once that is revoked. Keyturn waits for it as long as the policy allows.' },
  revoked_key_tried: { family: 'security', severity: 'critical', means: 'Somebody tries a key that was revoked: an application that did not read the new one, or whoever has the leaked one.' },
  dormant_key_waking: { family: 'security', severity: 'warning', means: 'A key that was silent for long is used again. If nobody of you does it, it has leaked.' },
  new_network: { family: 'security', severity: 'warning', means: 'The key is used from a network that it was never used from.' },
  new_user_agent: { family: 'security', severity: 'info', means: 'The key is used by a program that never used it.' },
  outside_hours: { family: 'security', severity: 'warning', means: 'The key is used at a time at which, as declared, nobody should.' },
  outside_networks: { family: 'security', severity: 'critical', means: 'The key is used from outside the networks declared for it.' },
  quota_on_course: { family: 'quota', severity: 'warning', means: 'At this pace the quota runs out before the month does, and requests are refused then.' },
  key_limit_near: { family: 'quota', severity: 'warning', means: 'The issuer allows few more keys. At the limit rotations stop, since Keyturn deletes nothing to make room.' },
  key_unused: { family: 'hygiene', severity: 'info', means: 'A key that nobody uses can only do harm.' },
  key_older_than_policy: { family: 'hygiene', severity: 'warning', means: 'The key should have been rotated by now.' },
  unmanaged_key: { family: 'hygiene', severity: 'info', means: 'Nobody rotates this key, and Keyturn does not touch keys that it did not make.' },
  name_against_convention: { family: 'hygiene', severity: 'info', means: 'From its name nobody can tell whose key it is.' },
  scopes_wider_than_declared: { family: 'hygiene', severity: 'warning', means: 'The key may do more than was declared.' },
  scopes_wider_than_used: { family: 'hygiene', severity: 'info', means: 'Whoever gets hold of the key may do with it what its applications never do.' },
  undeclared_key: { family: 'hygiene', severity: 'warning', means: 'A credential left the configuration, and its key lives on: nobody rotates it, and whoever has it may use it.' },
  key_missing: { family: 'failures', severity: 'critical', means: 'Somebody revoked the key without Keyturn, or the admin key is one of another account. Applications that read it are refused.' },
  revoked_key_alive: { family: 'security', severity: 'critical', means: 'Whoever has the key can go on using it. Something answered in the issuer’s place when it was revoked.' },
  issuer_unavailable: { family: 'keyturn', severity: 'warning', means: 'The issuer does not answer: nothing of its keys can be rotated or revoked, and findings of them are muted meanwhile.' },
  source_unavailable: { family: 'keyturn', severity: 'warning', means: 'A usage source is not read: Keyturn is blind to what it would tell, and old keys wait for evidence.' },
  scanner_silent: { family: 'keyturn', severity: 'critical', means: 'Usage is not being looked at, so nothing unusual would be found.' },
  channel_failing: { family: 'keyturn', severity: 'critical', means: 'Messages of this channel do not arrive: whoever reads only that one hears of nothing.' },
} as const satisfies Readonly<Record<string, RuleRow>>;

export type RuleName = keyof typeof FINDING_RULES;
export const RULE_NAMES = Object.keys(FINDING_RULES) as readonly RuleName[];

export function isRule(name: string): name is RuleName {
  return Object.hasOwn(FINDING_RULES, name);
}

/** Plain JSON: it is kept in the ledger with its alert. No secret, no text from outside that was not cleaned (core/text.ts). */
export interface Finding {
  readonly rule: RuleName;
  /** Stable text: `key:<id>`, `credential:<name>`, `issuer:<name>`, `source:<name>`, `keyturn:<what>`, and maybe which part of it after a blank. One alert at a time for each rule and subject. */
  readonly subject: string;
  readonly credential: string | null;
  readonly issuer: string | null;
  /** The usage source that it was seen by. */
  readonly source: string | null;
  readonly owner: string | null;
  /** The credential's. */
  readonly labels: Readonly<Record<string, string>>;
  readonly severity: Severity;
  /** Measured now. It fires at `fireAt` and beyond, and clears at `clearAt` and beyond; where `clearAt` is the higher one, low values fire. */
  readonly value: number;
  readonly fireAt: number;
  readonly clearAt: number;
  /** How long it must be at the firing level before people hear of it, milliseconds. */
  readonly pendingMs: number;
  /** How long it must have cleared before it is over, milliseconds; null for the configured. */
  readonly holdMs: number | null;
  /** One line, without a full stop. */
  readonly title: string;
  /** A sentence or two. */
  readonly happened: string;
  /** For people: `at most 120 requests a minute`. */
  readonly expected: string;
  /** For people: `1,900 requests a minute`. */
  readonly actual: string;
  /** In place of the rule's own; null for that. */
  readonly means: string | null;
  /** With the exact commands between backticks. */
  readonly todo: readonly string[];
  /** Labelled facts: masked key, last rotation, who called. */
  readonly facts: Readonly<Record<string, string>>;
  /** Keyturn's ids of the keys that it was done with, the most used first; absent where that is not known, or is not the question. */
  readonly keys?: readonly string[];
  /** What the rule went by, for later questions; shown by `--json` only. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

export type Level = 'fire' | 'between' | 'clear';

/** Where the value stands. What is no number tells nothing, so it is between. */
export function levelOf({ value, fireAt, clearAt }: Pick<Finding, 'value' | 'fireAt' | 'clearAt'>): Level {
  const way = fireAt >= clearAt ? 1 : -1;
  if (value * way >= fireAt * way) return 'fire';
  return value * way <= clearAt * way ? 'clear' : 'between';
}

export const SEVERITY_RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export function worseOf(a: Severity, b: Severity): Severity {
  return SEVERITY_RANK[a] >= SEVERITY_RANK[b] ? a : b;
}
