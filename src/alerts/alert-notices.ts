/** What people are told of alerts, before any channel gives it a form: what was expected and what is, what it means, what to do. Pure. */
import type { Alert, Digest } from '../core/alert.ts';
import { FINDING_RULES, isRule } from '../core/finding.ts';
import type { Notice, Severity } from '../core/vocabulary.ts';
import { duration, listed, plural, sentence } from '../core/phrases.ts';

export const MESSAGES = ['fired', 'worse', 'joined', 'repeated', 'resolved', 'expired'] as const;
/** joined: another alert of an incident that people know of. */
export type Message = (typeof MESSAGES)[number];

export interface AlertNoticeArgs {
  readonly message: Message;
  /** The alert that it is about. */
  readonly lead: Alert;
  /** The others of its incident that are not over. */
  readonly others: readonly Alert[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

interface Words {
  readonly before: string;
  readonly happened: (args: AlertNoticeArgs) => string;
  readonly over: boolean;
}

const asFound = ({ lead: { finding } }: AlertNoticeArgs): string => `${sentence(finding.happened)} Expected: ${sentence(finding.expected)}`;
const lasted = ({ lead, now }: AlertNoticeArgs): string => duration(Math.max(0, (lead.endedAt ?? now) - (lead.firedAt ?? lead.firstSeenAt)));

const WORDS: Readonly<Record<Message, Words>> = {
  fired: { before: '', happened: asFound, over: false },
  worse: { before: 'Worse: ', happened: (args) => `It is ${args.lead.worst} now. ${asFound(args)}`, over: false },
  joined: { before: 'Also: ', happened: asFound, over: false },
  repeated: { before: 'Still: ', happened: (args) => `It has lasted for ${lasted(args)}. ${asFound(args)}`, over: false },
  resolved: { before: 'Over: ', happened: (args) => `It is back to what is expected, and stayed so for ${duration(args.lead.holdMs)}. It lasted for ${lasted(args)}.`, over: true },
  expired: { before: 'No longer watched: ', happened: (args) => `Keyturn can not tell any more: ${args.lead.events.findLast(({ what }) => what === 'expired')?.detail ?? 'it is not looked at'}. It had lasted for ${lasted(args)}.`, over: true },
};

const MEANS_OVER: Readonly<Record<'resolved' | 'expired', string>> = {
  resolved: 'Nothing needs to be done about it any more.',
  expired: 'This does not say that it is over: nobody looks at it any more.',
};

/** What is over is for information, however bad it was: it calls nobody. */
export function alertNotice(args: AlertNoticeArgs): Notice {
  const { message, lead, others } = args;
  const { finding } = lead;
  const { before, happened, over } = WORDS[message];
  return {
    kind: 'alert',
    severity: over ? 'info' : lead.worst,
    credential: finding.credential,
    issuer: finding.issuer,
    rotationId: null,
    title: `${before}${finding.title}`,
    happened: happened(args),
    means: message === 'resolved' || message === 'expired' ? MEANS_OVER[message] : sentence(meansOf(lead)),
    todo: over ? [] : [...finding.todo, ...standing(lead)],
    facts: factsOf(args, others),
    dedupeKey: dedupeKey(message, lead),
  };
}

function dedupeKey(message: Message, { id, incident, told }: Alert): string {
  return `alert:${incident}:${message}:${id}:${told?.times ?? 0}`;
}

function meansOf({ finding }: Alert): string {
  return finding.means ?? (isRule(finding.rule) ? FINDING_RULES[finding.rule].means : 'A rule of Keyturn found this.');
}

/** What can be done about any alert. */
function standing({ id, acknowledged, finding: { rule, credential } }: Alert): readonly string[] {
  const matchers = [`rule=${rule}`, ...(credential === null ? [] : [`credential=${credential}`])].join(' ');
  return [
    ...(acknowledged === null ? [`Once somebody looks after it: \`keyturn alerts ack ${id} --reason …\`.`] : []),
    `If it is expected for a while: \`keyturn silence ${matchers} --for 2h --reason …\`.`,
  ];
}

const MOST_OTHERS = 5;

function factsOf({ message, lead, now }: AlertNoticeArgs, others: readonly Alert[]): Record<string, string> {
  const { finding, firedAt, firstSeenAt, acknowledged } = lead;
  const over = WORDS[message].over;
  const more = others.slice(0, MOST_OTHERS).map(({ finding }) => finding.title);
  const left = others.length - more.length;
  return {
    Expected: finding.expected,
    [over ? 'Last seen' : 'Actual']: finding.actual,
    Since: since(firedAt ?? firstSeenAt, over ? (lead.endedAt ?? now) : now),
    ...finding.facts,
    ...(more.length === 0 ? {} : { 'With it': listed(left > 0 ? [...more, `${left} more`] : more) }),
    ...(acknowledged === null ? {} : { 'Looked after by': acknowledged.actor.who }),
    ...(finding.owner === null ? {} : { Owner: finding.owner }),
    Rule: finding.rule,
    Alert: lead.id,
  };
}

/** `2026-03-04 05:06 UTC (12 minutes)`. */
function since(at: number, now: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC${now - at >= 1_000 ? ` (${duration(now - at)})` : ''}`;
}

/** For when the builder above fails: nothing that a finding holds can make this one fail. */
export function plainAlertNotice({ message, lead }: AlertNoticeArgs): Notice {
  const { rule, subject, credential, issuer } = lead.finding;
  return {
    kind: 'alert', severity: lead.worst, credential, issuer, rotationId: null,
    title: `Alert ${message}: ${rule}`,
    happened: `The alert on \`${subject}\` is ${lead.state}. Its message could not be written as it should be.`,
    means: 'The alert stands all the same.',
    todo: [`See it whole: \`keyturn alerts show ${lead.id}\`.`],
    facts: {},
    dedupeKey: dedupeKey(message, lead),
  };
}

export interface DigestNoticeArgs {
  readonly digest: Digest;
  /** Its alerts that are not over, the worst first. */
  readonly open: readonly Alert[];
  readonly now: number;
}

const WORST_SHOWN = 5;
const RULES_SHOWN = 5;

export function digestNotice({ digest, open, now }: DigestNoticeArgs): Notice {
  const over = open.length === 0;
  const counts = (['critical', 'warning', 'info'] as const).filter((severity) => digest.bySeverity[severity] > 0).map((severity) => `${digest.bySeverity[severity]} ${severity}`);
  const worst = open.slice(0, WORST_SHOWN).map(({ id, finding }, n) => [`${n + 1}. ${finding.severity}`, `${finding.title}, \`${id}\``] as const);
  return {
    kind: 'alert_digest',
    severity: over ? 'info' : severityOf(digest, open),
    credential: null, issuer: null, rotationId: null,
    title: over ? `Over: ${plural(digest.total, 'incident')} that came together` : `${plural(digest.total, 'incident')} in a short time`,
    happened: `Since ${since(digest.openedAt, now)} ${plural(digest.total, 'incident')} began: ${listed(counts)}. ${over ? 'All are over' : `Not over yet: ${plural(open.length, 'alert')}`}.`,
    means: over ? 'Nothing needs to be done about them any more.' : 'So many at once mostly have one cause. This message stands for all of them, and changes with them.',
    todo: over ? [] : ['See them all, the open ones first: `keyturn alerts`.', 'If they are expected for a while: `keyturn silence … --for 2h --reason …`.'],
    facts: { ...Object.fromEntries(worst), ...byRule(open) },
    dedupeKey: `digest:${digest.id}:${digest.total}:${now}`,
  };
}

function severityOf({ bySeverity }: Digest, open: readonly Alert[]): Severity {
  return open[0]?.worst ?? (bySeverity.critical > 0 ? 'critical' : 'warning');
}

function byRule(open: readonly Alert[]): Record<string, string> {
  const counts = [...Map.groupBy(open, ({ finding }) => finding.rule)].map(([rule, alerts]) => [rule, alerts.length] as const).sort((a, b) => b[1] - a[1]);
  return counts.length === 0 ? {} : { 'By rule': listed(counts.slice(0, RULES_SHOWN).map(([rule, count]) => `${count} ${rule}`)) };
}
