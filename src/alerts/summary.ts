/** The summary of a day or week: what happened, what comes, how old keys are, what waits for a person, and the audit chain's end as an anchor outside the ledger. Pure. */
import { anchorText, type Anchor } from '../core/anchor.ts';
import type { Notice } from '../core/vocabulary.ts';
import type { AlertFigures } from '../ports/alert-ledger.ts';
import { KEY_AGE_DAYS, type DailyFigures } from '../ports/ledger.ts';
import { duration, listed, plural } from '../core/phrases.ts';

export interface DailySummaryArgs {
  /** The day that it is of, `2026-03-04`; one summary a day. */
  readonly day: string;
  readonly every: 'day' | 'week';
  readonly figures: DailyFigures;
  /** Null where alerts are not to be had. */
  readonly alerts: AlertFigures | null;
  /** Null while nothing is sealed; `broken` when the record of the chain's end is missing or was changed. */
  readonly auditHead: Anchor | 'broken' | null;
}

export function dailySummary(args: DailySummaryArgs): Notice {
  const concerns = concernsOf(args);
  return {
    kind: 'daily_summary',
    severity: args.auditHead === 'broken' ? 'critical' : concerns.length > 0 ? 'warning' : 'info',
    credential: null,
    issuer: null,
    rotationId: null,
    title: `${args.every === 'week' ? 'Weekly' : 'Daily'} summary: ${concerns.length === 0 ? 'nothing needs you' : `${plural(concerns.length, 'thing')} need${concerns.length === 1 ? 's' : ''} you`}`,
    happened: `${pastOf(args)} ${comingOf(args)}`,
    means: [...(concerns.length === 0 ? ['Nothing waits for a person.'] : concerns.map(({ is }) => is)), ...keepOf(args)].join(' '),
    todo: concerns.map(({ todo }) => todo),
    facts: factsOf(args),
    dedupeKey: `daily_summary:${args.day}`,
  };
}

function keepOf({ auditHead }: DailySummaryArgs): readonly string[] {
  return auditHead === null || auditHead === 'broken' ? [] : ['Keep this message: its audit head proves later that nothing was cut off the audit log.'];
}

const SPAN = { day: '24 hours', week: '7 days' } as const;

function pastOf({ every, figures: { done, aborted, rolledBack } }: DailySummaryArgs): string {
  const ended = [[done, 'done'], [aborted, 'aborted'], [rolledBack, 'rolled back']] as const;
  const said = ended.filter(([count]) => count > 0);
  const [first, ...more] = said;
  if (first === undefined) return `In the last ${SPAN[every]} no rotation ended.`;
  return `In the last ${SPAN[every]} ${plural(first[0], 'rotation')} ${first[0] === 1 ? 'was' : 'were'} ${listed([first[1], ...more.map(([count, word]) => `${count} ${word}`)])}.`;
}

const NAMED = 5;

function comingOf({ every, figures: { due } }: DailySummaryArgs): string {
  if (due.length === 0) return `No credential falls due in the next ${SPAN[every]}.`;
  return `${plural(due.length, 'credential')} ${due.length === 1 ? 'falls' : 'fall'} due in the next ${SPAN[every]}: ${named(due)}.`;
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, NAMED).map((name) => `\`${name}\``);
  return listed(names.length > NAMED ? [...shown, `${names.length - NAMED} more`] : shown);
}

interface Concern {
  readonly is: string;
  readonly todo: string;
}

/** The most urgent first. */
function concernsOf({ figures, alerts, auditHead }: DailySummaryArgs): readonly Concern[] {
  const { blocked, openDebts, deliveriesStuck } = figures;
  return [
    ...(auditHead === 'broken' ? [{ is: 'The record of the audit chain’s end is missing or was changed: somebody or something wrote to the ledger.', todo: 'Keep a copy of the ledger, and see what was changed: `keyturn audit verify`.' }] : []),
    ...openAlerts(alerts),
    ...(blocked.length > 0 ? [{ is: `Blocked: ${named(blocked)}.`, todo: 'See what blocks: `keyturn plan` and `keyturn doctor`.' }] : []),
    ...(openDebts > 0 ? [{ is: `Not revoked yet: ${plural(openDebts, 'key')}.`, todo: 'See which, and what stands in the way: `keyturn status`.' }] : []),
    ...(deliveriesStuck > 0 ? [{ is: `Refused by a channel: ${plural(deliveriesStuck, 'message')}.`, todo: 'Mend the channel, then `keyturn deliveries retry`.' }] : []),
  ];
}

/** What is merely for information needs nobody. */
function openAlerts(alerts: AlertFigures | null): readonly Concern[] {
  const urgent = (alerts?.open.critical ?? 0) + (alerts?.open.warning ?? 0);
  if (urgent === 0 || alerts?.worst == null) return [];
  return [{ is: `Alerts that are not over: ${countsOf(alerts)}, the worst: ${alerts.worst.title}.`, todo: 'See them, the open ones first: `keyturn alerts`.' }];
}

function countsOf({ open }: AlertFigures): string {
  return listed((['critical', 'warning', 'info'] as const).filter((severity) => open[severity] > 0).map((severity) => `${open[severity]} ${severity}`)) || 'none';
}

function agesOf({ keyAges, oldestKey }: DailyFigures): Record<string, string> {
  const [first, second, third] = KEY_AGE_DAYS;
  const names = [`younger than ${first} days`, `of ${first} to ${second} days`, `of ${second} to ${third} days`, 'older'];
  const said = names.flatMap((name, bucket) => ((keyAges[bucket] ?? 0) > 0 ? [`${keyAges[bucket]} ${name}`] : []));
  return { 'Keys by age': said.length === 0 ? 'none yet' : said.join(', '), ...(oldestKey === null ? {} : { 'Oldest key': `\`${oldestKey.credential}\`, ${duration(oldestKey.ageMs)}` }) };
}

function alertFacts(alerts: AlertFigures | null): Record<string, string> {
  if (alerts === null) return {};
  const { fired, worst } = alerts;
  return { Alerts: `${fired} fired, not over: ${countsOf(alerts)}`, ...(worst === null ? {} : { 'Worst alert': `${worst.title}, \`${worst.id}\`` }) };
}

function factsOf({ figures, alerts, auditHead }: DailySummaryArgs): Record<string, string> {
  const { done, aborted, rolledBack, blocked, due, openDebts, oldestDebtAgeMs, deliveriesStuck } = figures;
  return {
    Rotations: `${done} done, ${aborted} aborted, ${rolledBack} rolled back`,
    'Due next': String(due.length),
    ...agesOf(figures),
    ...alertFacts(alerts),
    'Blocked now': String(blocked.length),
    'Keys to revoke': oldestDebtAgeMs === null ? String(openDebts) : `${openDebts}, the oldest for ${duration(oldestDebtAgeMs)}`,
    'Stuck messages': String(deliveriesStuck),
    'Audit head': auditHead === null ? 'none yet' : auditHead === 'broken' ? 'broken' : anchorText(auditHead),
  };
}
