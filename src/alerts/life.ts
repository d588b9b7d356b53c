/**
 * The life of an alert: pending → firing → recovering → resolved, or expired. Pure. docs/alerts.md tells it in words.
 *
 * Durations go by the alert's own clock, which moves on by what has passed since the last look, but by no more than
 * `LONGEST_STEP_MS` and never back: a clock that jumps neither ends an alert nor repeats it, and downtime of the scanner is no silence of the subject.
 */
import { isEnded, owesItsEnd, withEvent, type Alert, type AlertState } from '../core/alert.ts';
import { days, minutes } from '../core/duration.ts';
import { FINDING_RULES, isRule, levelOf, SEVERITY_RANK, worseOf, type Finding, type Level } from '../core/finding.ts';
import type { Severity } from '../core/vocabulary.ts';

/** Milliseconds. */
export interface LifeSettings {
  readonly repeatMs: number;
  /** Hold of findings that name none: how long it must have cleared before it is over. */
  readonly holdMs: number;
  /** No hold grows beyond this. */
  readonly maxHoldMs: number;
  /** Re-fires that follow each other within this double the hold. */
  readonly flapMs: number;
  /** Not seen for this long: expired. */
  readonly expireMs: number;
}

/** What a look at its subject gave. `clear`: the rule was asked and had nothing. `unseen`: it could not be asked. `gone`: rule or subject left the configuration. */
export type Seen = { readonly what: 'found'; readonly finding: Finding } | { readonly what: 'clear' | 'unseen' | 'gone' };

export interface Observation {
  readonly seen: Seen;
  /** Nobody may be told of it now. */
  readonly muted: boolean;
  /** Of the alert, if one begins. */
  readonly id: string;
}

export type News = 'fired' | 'worse' | 'repeated' | 'resolved' | 'expired';

export interface Stepped {
  /** Null: there is none, or it went without ever having fired. */
  readonly alert: Alert | null;
  /** What people are to be told. */
  readonly news: News | null;
}

/** Longer than scans are apart. */
export const LONGEST_STEP_MS = minutes(5);
const MOST_DOUBLINGS = 10;

/** One look. `now`: the ledger's time, milliseconds. */
export function step(alert: Alert | null, { seen, muted, id }: Observation, now: number, settings: LifeSettings): Stepped {
  const moved = alert === null ? begin(seen, id, now, settings) : live(aged(alert, now), seen, now, settings);
  return moved === null ? { alert: null, news: null } : tell(moved, muted, now, settings);
}

function begin(seen: Seen, id: string, now: number, settings: LifeSettings): Alert | null {
  if (seen.what !== 'found' || levelOf(seen.finding) !== 'fire') return null;
  const { finding } = seen;
  const pending: Alert = {
    id, version: 0, incident: id, state: 'pending', finding, worst: finding.severity, peak: finding.value,
    firstSeenAt: now, lastSeenAt: now, firedAt: null, endedAt: null, at: now, age: 0, stateAge: 0, seenAge: 0,
    refires: 0, refiredAge: null, holdMs: baseHold(finding, settings), told: null, acknowledged: null, threads: {}, events: [{ at: now, what: 'pending', detail: finding.actual }],
  };
  return ripen(pending, { now, settings });
}

function aged(alert: Alert, now: number): Alert {
  return { ...alert, at: now, age: alert.age + Math.min(Math.max(0, now - alert.at), LONGEST_STEP_MS) };
}

interface Moment {
  readonly now: number;
  readonly settings: LifeSettings;
}

type Signal = Level | 'unseen' | 'gone';
type Move = (alert: Alert, moment: Moment) => Alert | null;

const stay: Move = (alert) => alert;
const drop: Move = () => null;
const enter = (alert: Alert, state: AlertState, now: number, detail = alert.finding.actual): Alert => withEvent({ ...alert, state, stateAge: alert.age }, now, state, detail);
const ripen: Move = (alert, { now }) => (alert.age - alert.stateAge < alert.finding.pendingMs ? alert : { ...enter(alert, 'firing', now), firedAt: now });
const recover: Move = (alert, { now }) => enter(alert, 'recovering', now);
const heal: Move = (alert, { now }) => (alert.age - alert.stateAge < alert.holdMs ? alert : { ...enter(alert, 'resolved', now), endedAt: now });
const expire: Move = (alert, { now }) => ({ ...enter(alert, 'expired', now, 'its rule or subject is gone from the configuration'), endedAt: now });
const unseenTooLong = (alert: Alert, { settings }: Moment): boolean => alert.age - alert.seenAge >= settings.expireMs;
const forget: Move = (alert, moment) => (unseenTooLong(alert, moment) ? null : alert);
const outwait: Move = (alert, moment) => (unseenTooLong(alert, moment) ? { ...enter(alert, 'expired', moment.now, 'it was not looked at for too long'), endedAt: moment.now } : alert);

/** The same incident; each time soon after the last one, it has to stay clear for twice as long. */
const refire: Move = (alert, { now, settings }) => {
  const soon = alert.refiredAge === null || alert.age - alert.refiredAge <= settings.flapMs;
  const refires = soon ? alert.refires + 1 : 1;
  const holdMs = Math.min(Math.max(settings.maxHoldMs, baseHold(alert.finding, settings)), baseHold(alert.finding, settings) * 2 ** Math.min(refires, MOST_DOUBLINGS));
  return { ...enter(alert, 'firing', now), refires, refiredAge: alert.age, holdMs };
};

/** What each look does in each state. An alert that has ended only waits to be told of. */
const MOVES: Readonly<Record<AlertState, Readonly<Record<Signal, Move>>>> = {
  pending: { fire: ripen, between: drop, clear: drop, unseen: forget, gone: drop },
  firing: { fire: stay, between: stay, clear: recover, unseen: outwait, gone: expire },
  recovering: { fire: refire, between: heal, clear: heal, unseen: outwait, gone: expire },
  resolved: { fire: stay, between: stay, clear: stay, unseen: stay, gone: stay },
  expired: { fire: stay, between: stay, clear: stay, unseen: stay, gone: stay },
};

function live(alert: Alert, seen: Seen, now: number, settings: LifeSettings): Alert | null {
  const signal: Signal = seen.what === 'found' ? levelOf(seen.finding) : seen.what;
  const known = isEnded(alert) ? alert : noted(alert, seen, now);
  return MOVES[known.state][signal](known, { now, settings });
}

/** What is newly known of it, before it moves. */
function noted(alert: Alert, seen: Seen, now: number): Alert {
  const looked = { ...alert, lastSeenAt: now, seenAge: alert.age };
  if (seen.what !== 'found') return seen.what === 'clear' ? looked : alert;
  const { finding } = seen;
  const worst = worseOf(alert.worst, finding.severity);
  const risen = { ...looked, finding, worst, peak: farther(alert.peak, finding) };
  return SEVERITY_RANK[worst] > SEVERITY_RANK[alert.worst] ? { ...withEvent(risen, now, 'worse', `${alert.worst} → ${worst}`), acknowledged: null } : risen;
}

function farther(peak: number, { value, fireAt, clearAt }: Finding): number {
  return fireAt >= clearAt ? Math.max(peak, value) : Math.min(peak, value);
}

function baseHold(finding: Finding, settings: LifeSettings): number {
  return finding.holdMs ?? settings.holdMs;
}

/** What must be said now. While muted nothing is; what is still true then is said afterwards. */
function tell(alert: Alert, muted: boolean, now: number, settings: LifeSettings): Stepped {
  const news = muted ? null : newsOf(alert, settings);
  return { alert: news === null ? alert : heard(alert, news, now), news };
}

function newsOf(alert: Alert, { repeatMs }: LifeSettings): News | null {
  const { state, told, worst, age, acknowledged } = alert;
  if (state === 'resolved' || state === 'expired') return owesItsEnd(alert) ? state : null;
  if (state !== 'firing') return null;
  if (told === null) return 'fired';
  if (SEVERITY_RANK[worst] > SEVERITY_RANK[told.severity]) return 'worse';
  return acknowledged === null && age - told.age >= Math.max(repeatMs, leastRepeatMs(alert)) ? 'repeated' : null;
}

/** What is untidy stays so until somebody has time: it is not said again several times a day. */
const LEAST_REPEAT_MS: Readonly<Record<Severity, number>> = { info: days(7), warning: days(1), critical: 0 };

function leastRepeatMs({ finding: { rule }, worst }: Alert): number {
  return isRule(rule) && FINDING_RULES[rule].family === 'hygiene' ? LEAST_REPEAT_MS[worst] : 0;
}

function heard(alert: Alert, news: News, now: number): Alert {
  const over = isEnded(alert);
  const severity: Severity = worseOf(alert.worst, alert.told?.severity ?? alert.worst);
  return withEvent({ ...alert, told: { severity, at: now, age: alert.age, times: (alert.told?.times ?? 0) + 1, over } }, now, 'told', news);
}
