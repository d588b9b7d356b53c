/**
 * Why people are not told of an alert now: a silence, a maintenance window, or an alert that explains it. A view on the
 * alert, not a state of it: it goes on living, and what is still true when the mute ends is said then. Pure.
 */
import { isEnded, type Alert, type Matcher, type Silence } from '../core/alert.ts';
import { FINDING_RULES, isRule, type Finding, type RuleFamily, type RuleName } from '../core/finding.ts';
import { matchesAny } from '../core/pattern.ts';
import type { MaintenanceWindow } from '../core/window.ts';
import { windowState } from '../core/window.ts';

/** What mutes and routes go by. */
export type Matched = Pick<Finding, 'rule' | 'subject' | 'credential' | 'issuer' | 'source' | 'owner' | 'severity' | 'labels'>;

/** A weekly window in which nobody is told of what it matches. */
export interface Maintenance {
  readonly name: string;
  readonly window: MaintenanceWindow;
  /** All must hold; empty matches everything. */
  readonly matchers: readonly Matcher[];
}

export interface Mute {
  readonly by: 'silence' | 'maintenance' | 'inhibition';
  /** The silence's id, the window's name, or the id of the alert that explains it. */
  readonly id: string;
  /** Milliseconds since the epoch; null when that is not known. */
  readonly until: number | null;
  /** A sentence without its full stop. */
  readonly why: string;
}

/** What mutes at one instant: see `mutesAt`. */
export interface Mutes {
  /** Those in force, the one that ends last first. */
  readonly silences: readonly Silence[];
  /** Those that are open. */
  readonly maintenance: readonly (Pick<Maintenance, 'name' | 'matchers'> & { readonly until: number })[];
  /** Those that explain others: see INHIBITIONS. */
  readonly inhibitors: readonly Alert[];
}

interface Inhibition {
  readonly by: RuleName;
  /** It mutes findings with the same of these. */
  readonly same: 'issuer' | 'source';
  readonly mutes: readonly RuleFamily[];
}

/** What explains what. Nothing explains what is of `security`, and nothing mutes what is of Keyturn itself. */
export const INHIBITIONS: readonly Inhibition[] = [
  { by: 'issuer_unavailable', same: 'issuer', mutes: ['traffic', 'failures', 'quota', 'hygiene'] },
  { by: 'source_unavailable', same: 'source', mutes: ['traffic', 'failures', 'quota', 'hygiene'] },
];

export function isInhibitor(rule: string): boolean {
  return INHIBITIONS.some(({ by }) => by === rule);
}

/** Looked at once for all alerts. */
export function mutesAt(silences: readonly Silence[], maintenance: readonly Maintenance[], now: Date): Omit<Mutes, 'inhibitors'> {
  return {
    silences: silences.filter((silence) => isActive(silence, now)).sort((a, b) => b.endsAt.getTime() - a.endsAt.getTime()),
    maintenance: maintenance.flatMap(({ name, window, matchers }) => {
      const state = windowState(window, now);
      return state.open ? [{ name, matchers, until: state.closesAt.getTime() }] : [];
    }),
  };
}

/** The first reason why nobody is told of it; null when people are. */
export function muteOf(matched: Matched, { silences, maintenance, inhibitors }: Mutes): Mute | null {
  return silencing(matched, silences) ?? maintaining(matched, maintenance) ?? inhibiting(matched, inhibitors);
}

function silencing(matched: Matched, silences: Mutes['silences']): Mute | null {
  const found = silences.find((silence) => matches(matched, silence.matchers));
  return found === undefined ? null : { by: 'silence', id: found.id, until: found.endsAt.getTime(), why: `silenced by ${found.actor.who}: ${found.actor.why}` };
}

export function isActive({ endsAt, endedBy }: Silence, now: Date): boolean {
  return endedBy === null && endsAt > now;
}

function maintaining(matched: Matched, windows: Mutes['maintenance']): Mute | null {
  const found = windows.find(({ matchers }) => matches(matched, matchers));
  return found === undefined ? null : { by: 'maintenance', id: found.name, until: found.until, why: `maintenance window ${found.name} is open` };
}

/** A pending one mutes too: if it goes away, what it muted is said then. */
function inhibiting(matched: Matched, inhibitors: readonly Alert[]): Mute | null {
  const { family } = isRule(matched.rule) ? FINDING_RULES[matched.rule] : { family: 'keyturn' as const };
  const found = inhibitors.find((alert) => !isEnded(alert) && INHIBITIONS.some(({ by, same, mutes }) => by === alert.finding.rule && matched[same] !== null && matched[same] === alert.finding[same] && mutes.includes(family)));
  return found === undefined ? null : { by: 'inhibition', id: found.id, until: null, why: `explained by: ${found.finding.title}` };
}

/** True when every matcher holds. */
export function matches(matched: Matched, matchers: readonly Matcher[]): boolean {
  return matchers.every(({ field, pattern }) => {
    const value = valueOf(matched, field);
    return value !== null && matchesAny([pattern], value);
  });
}

const LABEL = 'label.';

function valueOf(matched: Matched, field: string): string | null {
  const { rule, credential, issuer, owner, severity, labels } = matched;
  const [values, name] = field.startsWith(LABEL) ? [labels, field.slice(LABEL.length)] : [{ rule, credential, issuer, owner, severity }, field];
  return (Object.hasOwn(values, name) ? (values as Readonly<Record<string, string | null>>)[name] : null) ?? null;
}
