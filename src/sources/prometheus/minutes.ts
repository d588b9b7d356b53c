/** From series to counts by minute and key. Pure. */
import { clueOf } from '../../core/usage-fields.ts';
import type { UsageEvent, UsageOutcome } from '../../core/usage.ts';
import type { PrometheusOptions } from './options.ts';

export const MINUTE_MS = 60_000;
const MOST_REQUESTS = 1_000_000_000;

/** Requests by minute (its beginning, epoch milliseconds) and clue. */
export type Counts = Map<number, Map<string, number>>;

export interface CountedSeries {
  readonly counts: Counts;
  readonly malformed: number;
  /** Quotes nothing of a label. */
  readonly example: string | null;
}

/** Adds up series of one key. A value belongs to the minute that ends at its time; NaN is no value. */
export function count(series: readonly unknown[], { key, fingerprint }: PrometheusOptions): CountedSeries {
  const counts: Counts = new Map();
  const problems: string[] = [];
  for (const one of series) {
    const { metric, values } = (typeof one === 'object' && one !== null ? one : {}) as { metric?: Readonly<Record<string, unknown>> | null; values?: unknown };
    const told = clueOf(key.by, metric?.[key.label], fingerprint);
    if ('problem' in told) problems.push(`a series whose ${told.problem}`);
    else if ('none' in told) problems.push(`a series without the label ${key.label}`);
    else if (!Array.isArray(values)) problems.push('a series without values');
    else problems.push(...values.flatMap((sample: unknown) => add(counts, told.clue, sample)));
  }
  return { counts, malformed: problems.length, example: problems[0] ?? null };
}

function add(counts: Counts, clue: string, sample: unknown): readonly string[] {
  const [time, written] = Array.isArray(sample) ? (sample as readonly unknown[]) : [];
  if (typeof time !== 'number' || typeof written !== 'string') return ['a sample that is none'];
  const value = written === '+Inf' ? Number.POSITIVE_INFINITY : Number(written);
  if (Number.isNaN(value)) return written === 'NaN' ? [] : ['a sample that is no number'];
  if (value < 0 || value > MOST_REQUESTS) return [`a sample that is ${value < 0 ? 'less than nothing' : 'beyond all bounds'}`];
  const minute = Math.round((time * 1_000) / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
  const ofMinute = counts.get(minute) ?? new Map<string, number>();
  counts.set(minute, ofMinute.set(clue, (ofMinute.get(clue) ?? 0) + value));
  return [];
}

/** Of one minute, in an order that is the same each time. `ok` is what is left of all requests. */
export function eventsOf(minute: number, all: Counts, failures: Counts, denied: Counts): readonly UsageEvent[] {
  const [total, failed, refused] = [all, failures, denied].map((counts) => counts.get(minute) ?? new Map<string, number>()) as [Map<string, number>, Map<string, number>, Map<string, number>];
  const clues = [...new Set([...total.keys(), ...failed.keys(), ...refused.keys()])].sort();
  return clues.flatMap((clue) => {
    const [bad, no] = [whole(failed.get(clue)), whole(refused.get(clue))];
    const ok = Math.max(whole(total.get(clue)) - bad - no, 0);
    return ([['ok', ok], ['failed', bad], ['denied', no]] as const).flatMap(([outcome, requests]) => eventOf(minute, clue, outcome, requests));
  });
}

function eventOf(minute: number, clue: string, outcome: UsageOutcome, requests: number): readonly UsageEvent[] {
  return requests === 0 ? [] : [{ at: new Date(minute), clue, outcome, requests, address: null, agent: null }];
}

/** `increase` extrapolates, so counts are fractions; whatever is more than nothing was at least one request. */
function whole(value: number | undefined): number {
  return value === undefined || value <= 0 ? 0 : Math.max(Math.round(value), 1);
}
