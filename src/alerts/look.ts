/** One look at every alert and finding of a scan: what became of each, and what is to be said of it. Pure. */
import { isEnded, type Alert, type Silence } from '../core/alert.ts';
import { isRule, levelOf, SEVERITY_RANK, type Finding } from '../core/finding.ts';
import { incidentsOf } from './groups.ts';
import { step, type LifeSettings, type News, type Seen } from './life.ts';
import { isInhibitor, muteOf, mutesAt, type Maintenance, type Mutes } from './mutes.ts';

/** What a scan saw. */
export interface Scan {
  readonly findings: readonly Finding[];
  /** Of an alert without a finding: the rule looked and had nothing, could not look, or is gone with its subject. */
  readonly without: (alert: Alert) => Exclude<Seen['what'], 'found'>;
}

export interface LookSettings {
  readonly life: LifeSettings;
  /** Alerts of one credential and family that fire within this are one incident, milliseconds. */
  readonly groupWindowMs: number;
  readonly maintenance: readonly Maintenance[];
}

export interface Looked {
  /** Null where it begins. */
  readonly before: Alert | null;
  /** Null where it went without having fired. */
  readonly after: Alert | null;
  readonly news: News | null;
}

interface Entry {
  readonly before: Alert | null;
  readonly seen: Seen;
}

interface Looking {
  readonly settings: LookSettings;
  readonly now: Date;
  readonly newId: () => string;
}

/** What explains others is looked at first, so that it mutes them in the same scan. */
export function lookAtAll(open: readonly Alert[], silences: readonly Silence[], scan: Scan, looking: Looking): readonly Looked[] {
  const muting = mutesAt(silences, looking.settings.maintenance, looking.now);
  const [explaining, others] = split(entriesOf(open, scan), ({ before, seen }) => isInhibitor((seen.what === 'found' ? seen.finding : before?.finding)?.rule ?? ''));
  const first = explaining.map((entry) => look(entry, { ...muting, inhibitors: [] }, looking));
  const inhibitors = first.flatMap(({ after }) => (after === null || isEnded(after) ? [] : [after]));
  return grouped([...first, ...others.map((entry) => look(entry, { ...muting, inhibitors }, looking))], looking);
}

/** Above every severity. */
const FIRING_RANK = 10;

const keyOf = ({ rule, subject }: Finding): string => `${rule}\u0001${subject}`;

function entriesOf(open: readonly Alert[], scan: Scan): readonly Entry[] {
  const findings = onceEach(scan.findings);
  const known = open.map((before): Entry => {
    const finding = isEnded(before) ? undefined : findings.get(keyOf(before.finding));
    if (finding !== undefined) findings.delete(keyOf(finding));
    return { before, seen: seenOf(before, finding, scan) };
  });
  return [...known, ...[...findings.values()].map((finding): Entry => ({ before: null, seen: { what: 'found', finding } }))];
}

function seenOf(before: Alert, finding: Finding | undefined, scan: Scan): Seen {
  if (finding !== undefined) return { what: 'found', finding };
  return { what: isEnded(before) ? 'unseen' : isRule(before.finding.rule) ? scan.without(before) : 'gone' };
}

const rank = (finding: Finding): number => (levelOf(finding) === 'fire' ? FIRING_RANK : 0) + SEVERITY_RANK[finding.severity];

/** Of several for one rule and subject (two sources see the same key) the worst. */
function onceEach(findings: readonly Finding[]): Map<string, Finding> {
  const once = new Map<string, Finding>();
  for (const finding of findings) {
    const other = once.get(keyOf(finding));
    if (other === undefined || rank(finding) > rank(other)) once.set(keyOf(finding), finding);
  }
  return once;
}

function look({ before, seen }: Entry, mutes: Mutes, { settings, now, newId }: Looking): Looked {
  const finding = seen.what === 'found' ? seen.finding : before?.finding;
  const muted = finding !== undefined && muteOf(finding, mutes) !== null;
  const { alert, news } = step(before, { seen, muted, id: before?.id ?? newId() }, now.getTime(), settings.life);
  return { before, after: alert, news };
}

/** Those that fired just now get their incident. */
function grouped(looked: readonly Looked[], { settings, now }: Looking): readonly Looked[] {
  const [fired, rest] = split(looked, ({ before, after }) => after?.state === 'firing' && (before === null || before.state === 'pending'));
  const alerts = (some: readonly Looked[]): readonly Alert[] => some.flatMap(({ after }) => (after === null ? [] : [after]));
  const incidents = incidentsOf(alerts(fired), alerts(rest), now.getTime(), settings.groupWindowMs);
  return [...rest, ...fired.map((one) => (one.after === null ? one : { ...one, after: { ...one.after, incident: incidents.get(one.after.id) ?? one.after.id } }))];
}

function split<T>(all: readonly T[], test: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
