/** Counts of the exposure window and of what came after it. Pure. */
import { STEPS, type UsageBucket, type UsageCounts } from '../ports/usage-ledger.ts';
import type { DyingKey, IncidentFacts } from './facts.ts';
import { isWithout } from './recovery.ts';
import type { IncidentReport, SeenKey } from './schema.ts';
import { windowOf, type Window } from './window.ts';

const NONE: UsageCounts = { requests: 0, failed: 0, denied: 0 };

const startOf = (at: Date, step: number): number => Math.floor(at.getTime() / step) * step;

/** Requests that were not refused for their key. */
export function served({ requests, denied }: UsageCounts): number {
  return requests - denied;
}

export function sum(all: readonly UsageCounts[]): UsageCounts {
  return all.reduce((total, { requests, failed, denied }) => ({ requests: total.requests + requests, failed: total.failed + failed, denied: total.denied + denied }), NONE);
}

/**
 * The hours of a window, its first and last one up to the minute where minutes are still kept. Attempts that were refused within the minute
 * of a revocation count as after it: which came first is not known, and what is refused is not exposed.
 */
export function hoursIn(window: Window, dead: boolean, { hours, minutes, kept }: { readonly hours: readonly UsageBucket[]; readonly minutes: readonly UsageBucket[]; readonly kept: { readonly minutesFrom: Date } }): readonly UsageBucket[] {
  const [first, last] = [startOf(window.from, STEPS.hour), startOf(window.until, STEPS.hour)];
  const [begin, end] = [startOf(window.from, STEPS.minute), startOf(window.until, STEPS.minute)];
  const isEdge = (at: number): boolean => ((at === first && begin > first) || at === last) && at >= kept.minutesFrom.getTime();
  return hours.flatMap((hour): UsageBucket[] => {
    const at = hour.at.getTime();
    if (at < first || at > last) return [];
    if (!isEdge(at)) return [hour];
    const within = minutes.filter((minute) => startOf(minute.at, STEPS.hour) === at && minute.at.getTime() >= begin && minute.at.getTime() <= end);
    const counts = sum(within.map((minute) => (dead && minute.at.getTime() === end ? { ...minute, requests: served(minute), denied: 0 } : minute)));
    return counts.requests === 0 ? [] : [{ ...hour, ...counts }];
  });
}

export interface CountedKey extends SeenKey {
  readonly hours: readonly UsageBucket[];
}

/** Each key as each source saw it; those that nobody saw are absent. */
export function countsOf(facts: IncidentFacts): readonly CountedKey[] {
  return facts.dying.flatMap((dying) => {
    const { key } = dying;
    if (key === null) return [];
    const [hours, minutes] = [facts.usage.hours, facts.usage.minutes].map((buckets) => buckets.filter(({ keyId }) => keyId === key.id));
    const sources = [...new Set([...(hours ?? []), ...(minutes ?? [])].map(({ source }) => source))].sort();
    return sources.map((source) => countOf(facts, dying, source, { hours: ofSource(hours, source), minutes: ofSource(minutes, source) }));
  });
}

const ofSource = (buckets: readonly UsageBucket[] = [], source: string): readonly UsageBucket[] => buckets.filter((bucket) => bucket.source === source);

function countOf(facts: IncidentFacts, dying: DyingKey, source: string, { hours, minutes }: { readonly hours: readonly UsageBucket[]; readonly minutes: readonly UsageBucket[] }): CountedKey {
  const within = hoursIn(windowOf(dying, facts), dying.revokedAt !== null, { hours, minutes, kept: facts.usage.kept });
  const death = dying.revokedAt === null ? null : startOf(dying.revokedAt, STEPS.minute);
  const after = death === null ? [] : minutes.filter(({ at }) => at.getTime() >= death);
  const recovered = facts.recovery === null || isWithout(facts) ? null : (facts.recovery.recoveredAt ?? facts.now);
  const inGap = recovered === null ? null : after.filter(({ at }) => at <= recovered);
  return {
    source, issuerKeyId: dying.issuerKeyId, ...sum(within), hours: within,
    mostAddresses: within.reduce((most, { addresses }) => Math.max(most, addresses), 0),
    usedAfter: sum(after.filter(({ at }) => at.getTime() !== death).map((minute) => ({ ...NONE, requests: served(minute) }))).requests,
    refusedAfter: sum(after).denied,
    refusedInGap: inGap === null ? null : sum(inGap).denied,
  };
}

/** All keys together, by source and hour, oldest first. */
export function hoursOf(counted: readonly CountedKey[]): IncidentReport['usage']['hours'] {
  const groups = Map.groupBy(counted.flatMap(({ hours }) => hours), ({ at, source }) => `${at.toISOString()} ${source}`);
  const rows = [...groups.values()].flatMap(([first, ...others]) => (first === undefined ? [] : [{ at: first.at.toISOString(), source: first.source, ...sum([first, ...others]) }]));
  return rows.sort((a, b) => (a.at === b.at ? (a.source < b.source ? -1 : 1) : a.at < b.at ? -1 : 1));
}

/** What of the window a source has not shown yet, milliseconds. */
export function behindMs(shownUntil: Date | null, window: IncidentReport['window']): number {
  const [from, until] = [Date.parse(window.from), Date.parse(window.until)];
  return Math.max(0, until - Math.max(from, shownUntil?.getTime() ?? from));
}
