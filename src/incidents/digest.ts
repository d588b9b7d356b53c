/** What people were told of an incident, and what is worth telling them again. Pure. */
import { networkOf, programOf } from '../core/callers.ts';
import { hours, minutes } from '../core/duration.ts';
import type { IncidentReport, ReportedCaller } from './schema.ts';
import { callerText, named, number, outside, percent, requests } from './words.ts';

/** Plain JSON, kept in the ledger with each report that was sent. */
export interface Digest {
  readonly status: IncidentReport['status'];
  /** Requests of the window that were not refused for their key, by source. */
  readonly served: Readonly<Record<string, number>>;
  /** Who made them: network and program. */
  readonly callers: readonly string[];
  /** Requests that were served after the revocation. */
  readonly usedAfter: number;
}

/** People hear again of what becomes known within this time of the first report, so often, and not sooner than so long after the last. */
export const FOLLOWED_MS = hours(24);
export const MOST_FOLLOW_UPS = 5;
export const BETWEEN_MS = minutes(10);
/** Of counts only what is so much more than people were told. */
export const MATERIAL_SHARE = 0.2;
const LEAST_MORE = 10;
const KEPT_CALLERS = 200;

const nameOf = ({ address, program }: ReportedCaller): string => `${networkOf(address)} ${programOf(program)}`.trim();
const used = (report: IncidentReport): readonly ReportedCaller[] => report.usage.callers.filter(({ requests, denied }) => requests > denied);

export function digestOf(report: IncidentReport): Digest {
  const { seen } = report.usage;
  const sources = [...new Set(seen.map(({ source }) => source))];
  return {
    status: report.status,
    served: Object.fromEntries(sources.map((source) => [source, seen.reduce((sum, one) => sum + (one.source === source ? one.requests - one.denied : 0), 0)])),
    callers: [...new Set(used(report).map(nameOf))].slice(0, KEPT_CALLERS),
    usedAfter: seen.reduce((sum, { usedAfter }) => sum + usedAfter, 0),
  };
}

/** What has changed so much since that people should read it again, a sentence each; empty while nothing has. */
export function newsSince(told: Digest, report: IncidentReport): readonly string[] {
  const now = digestOf(report);
  const fresh = told.callers.length >= KEPT_CALLERS ? [] : used(report).filter((caller) => !told.callers.includes(nameOf(caller)));
  return [
    ...statusNews(told, now),
    ...(now.usedAfter > 0 && told.usedAfter === 0 ? [`After the revocation ${requests(now.usedAfter)} were served.`] : []),
    ...(fresh.length === 0 ? [] : [`Another caller is known now: ${named([...new Set(fresh.map(callerText))])}.`]),
    ...Object.entries(now.served).flatMap(([source, count]) => countNews(source, told.served[source] ?? 0, count)),
  ];
}

function statusNews(told: Digest, now: Digest): readonly string[] {
  if (told.status === now.status) return [];
  if (now.status === 'recovered') return ['Stores and applications are healthy now.'];
  return told.status === 'revoking' ? ['Every key is dead now.'] : [];
}

function countNews(source: string, before: number, count: number): readonly string[] {
  const more = count - before;
  if (more < LEAST_MORE || more < before * MATERIAL_SHARE) return [];
  return [`As ${outside(source)} tells now, it was ${requests(count)} in place of ${number(before)}${before === 0 ? '' : ` (${percent(more / before)} more)`}.`];
}
