/** Once a day or week: people get the summary, and the log the audit chain's end. Any number of workers may try. */
import { anchorText, type Anchor } from '../core/anchor.ts';
import { days } from '../core/duration.ts';
import { KeyturnError } from '../core/errors.ts';
import { lastOccurrence } from '../core/schedule.ts';
import { wallAt } from '../core/zone.ts';
import type { AlertLedger } from '../ports/alert-ledger.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import { dailySummary } from './summary.ts';

export interface DailySetting {
  readonly every: 'day' | 'week';
  /** Weekday of a weekly one: `mon`. */
  readonly on: string;
  /** `08:00`, on the clocks of `timezone`. */
  readonly at: string;
  readonly timezone: string;
  /** May be empty: then only the log has it. */
  readonly channels: readonly string[];
}

const SPAN_MS = { day: days(1), week: days(7) } as const;

/**
 * Writes the summary of the latest day or week whose time has come, named by that day, unless `lastDay` is that day; answers the day. The outbox
 * takes one a day and channel, whoever asks. A ledger that was begun since gets its first summary with the next.
 */
export async function summarise({ ledger, alerts, log }: { readonly ledger: Ledger; readonly alerts?: Pick<AlertLedger, 'figures'>; readonly log: Log }, setting: DailySetting, lastDay: string | null): Promise<string | null> {
  const now = await ledger.now();
  const came = latestTime(setting, now);
  if (came === null || came.day === lastDay) return lastDay;
  const span = SPAN_MS[setting.every];
  const [figures, found] = await Promise.all([ledger.daily(span), alerts?.figures(span) ?? null]);
  if (figures.begunAt === null || figures.begunAt.getTime() >= came.at) return came.day;
  const auditHead = await headOf(ledger);
  const { begunAt: _begunAt, ...shown } = figures;
  log.info({ day: came.day, auditHead: headText(auditHead), ...shown, alerts: found }, 'summary');
  // For longer than until the next one: the day's name in the dedupe key does the rest.
  await ledger.notify(dailySummary({ day: came.day, every: setting.every, figures, alerts: found, auditHead }), setting.channels, 2 * span);
  return came.day;
}

function latestTime({ every, on, at, timezone }: DailySetting, now: Date): { readonly at: number; readonly day: string } | null {
  const [hour, minute] = at.split(':').map(Number);
  const instant = lastOccurrence(`${minute} ${hour} * * ${every === 'week' ? on : '*'}`, timezone, now.getTime());
  return instant === null ? null : { at: instant, day: new Date(wallAt(instant, timezone)).toISOString().slice(0, 10) };
}

/** What is sealed now; events of the last moment are sealed first. */
export async function headOf(ledger: Pick<Ledger, 'seal' | 'auditHead'>): Promise<Anchor | 'broken' | null> {
  try {
    while ((await ledger.seal(1_000)) === 1_000);
    return await ledger.auditHead();
  } catch (error) {
    if (error instanceof KeyturnError && error.code === 'AUDIT_BROKEN') return 'broken';
    throw error;
  }
}

/** For the log: `<seq>:<hash>`, `broken`, or null while nothing is sealed. */
export function headText(head: Anchor | 'broken' | null): string | null {
  return head === null || head === 'broken' ? head : anchorText(head);
}
