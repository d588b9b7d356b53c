/** The daily summary: what happened, what comes, what waits for a person, and the audit chain's end as an anchor outside the ledger. Pure. */
import { anchorText, type Anchor } from '../core/anchor.ts';
import type { Notice } from '../core/vocabulary.ts';
import type { DailyFigures } from '../ports/ledger.ts';
import { duration, listed, plural } from './phrases.ts';

export interface DailySummaryArgs {
  /** The day that it is of, `2026-03-04`; one summary a day. */
  readonly day: string;
  readonly figures: DailyFigures;
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
    title: `Daily summary: ${concerns.length === 0 ? 'nothing needs you' : `${plural(concerns.length, 'thing')} need${concerns.length === 1 ? 's' : ''} you`}`,
    happened: `${pastOf(args.figures)} ${comingOf(args.figures)}`,
    means: [...(concerns.length === 0 ? ['Nothing waits for a person.'] : concerns.map(({ is }) => is)), ...keepOf(args)].join(' '),
    todo: concerns.map(({ todo }) => todo),
    facts: factsOf(args),
    dedupeKey: `daily_summary:${args.day}`,
  };
}

function keepOf({ auditHead }: DailySummaryArgs): readonly string[] {
  return auditHead === null || auditHead === 'broken' ? [] : ['Keep this message: its audit head proves later that nothing was cut off the audit log.'];
}

function pastOf({ done, aborted, rolledBack }: DailyFigures): string {
  const ended = [[done, 'done'], [aborted, 'aborted'], [rolledBack, 'rolled back']] as const;
  const said = ended.filter(([count]) => count > 0);
  const [first, ...more] = said;
  if (first === undefined) return 'In the last 24 hours no rotation ended.';
  return `In the last 24 hours ${plural(first[0], 'rotation')} ${first[0] === 1 ? 'was' : 'were'} ${listed([first[1], ...more.map(([count, word]) => `${count} ${word}`)])}.`;
}

const NAMED = 5;

function comingOf({ due }: DailyFigures): string {
  if (due.length === 0) return 'No credential falls due in the next 24 hours.';
  return `${plural(due.length, 'credential')} ${due.length === 1 ? 'falls' : 'fall'} due in the next 24 hours: ${named(due)}.`;
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
function concernsOf({ figures, auditHead }: DailySummaryArgs): readonly Concern[] {
  const { blocked, openDebts, deliveriesStuck } = figures;
  return [
    ...(auditHead === 'broken' ? [{ is: 'The record of the audit chain’s end is missing or was changed: somebody or something wrote to the ledger.', todo: 'Keep a copy of the ledger, and see what was changed: `keyturn audit verify`.' }] : []),
    ...(blocked.length > 0 ? [{ is: `Blocked: ${named(blocked)}.`, todo: 'See what blocks: `keyturn plan` and `keyturn doctor`.' }] : []),
    ...(openDebts > 0 ? [{ is: `Not revoked yet: ${plural(openDebts, 'key')}.`, todo: 'See which, and what stands in the way: `keyturn status`.' }] : []),
    ...(deliveriesStuck > 0 ? [{ is: `Refused by a channel: ${plural(deliveriesStuck, 'message')}.`, todo: 'Mend the channel, then `keyturn deliveries retry`.' }] : []),
  ];
}

function factsOf({ figures, auditHead }: DailySummaryArgs): Record<string, string> {
  const { done, aborted, rolledBack, blocked, due, openDebts, oldestDebtAgeMs, deliveriesStuck } = figures;
  return {
    Rotations: `${done} done, ${aborted} aborted, ${rolledBack} rolled back`,
    'Due next': String(due.length),
    'Blocked now': String(blocked.length),
    'Keys to revoke': oldestDebtAgeMs === null ? String(openDebts) : `${openDebts}, the oldest for ${duration(oldestDebtAgeMs)}`,
    'Stuck messages': String(deliveriesStuck),
    'Audit head': auditHead === null ? 'none yet' : auditHead === 'broken' ? 'broken' : anchorText(auditHead),
  };
}
