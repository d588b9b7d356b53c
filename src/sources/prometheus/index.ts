/** Prometheus as a usage source: counts by key for each minute that is over, once. */
import { z } from 'zod';
import type { UsageEvent } from '../../core/usage.ts';
import { endpoint, shownUrl } from '../../net/endpoint.ts';
import { MAX_BATCH, type ReadRequest, type UsageBatch, type UsageSource } from '../../ports/usage-source.ts';
import { askRange, refused, type Range } from './ask.ts';
import { count, eventsOf, MINUTE_MS, type CountedSeries } from './minutes.ts';
import type { PrometheusOptions } from './options.ts';

export type { PrometheusOptions } from './options.ts';

const DEFAULT_LAG_MS = 120_000;
const DEFAULT_TIMEOUT_MS = 15_000;
/** Minutes that one query spans at most. */
const WIDEST = 60;

const cursorShape = z.object({
  v: z.literal(1),
  /** The minute to go on with, epoch milliseconds. */
  minute: z.number().int().multipleOf(MINUTE_MS),
  /** Events of it that have been told: a minute may hold more than a batch. */
  told: z.number().int().min(0),
  /** Minutes to ask for at once: fewer where an answer was too large. */
  width: z.number().int().min(1).max(WIDEST),
});
type Cursor = z.output<typeof cursorShape>;

/** Throws CONFIG_INVALID for an address that is none or carries a secret. */
export function createPrometheusSource(options: PrometheusOptions): UsageSource {
  const base = endpoint(options.url, `usage source ${options.name}`);
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/+$/, '')}/api/v1/query_range`;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const bounded = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  return {
    name: options.name,
    type: 'prometheus',
    describe: `Prometheus at ${shownUrl(base)}`,
    clue: options.key.by,
    callTimeoutMs: timeoutMs,
    read: (request, signal) => readMinutes(options, url, request, bounded(signal)),
    probe: (signal) => look(options, url, bounded(signal)),
  };
}

async function readMinutes(options: PrometheusOptions, url: URL, { cursor, now, since }: ReadRequest, signal: AbortSignal): Promise<UsageBatch> {
  const from = begin(cursor, since);
  // The first minute that is not over yet, or not long enough.
  const end = Math.floor((now.getTime() - (options.lagMs ?? DEFAULT_LAG_MS)) / MINUTE_MS) * MINUTE_MS;
  if (from.minute >= end) return { events: [], cursor: from, seenUntil: new Date(Math.min(from.minute, now.getTime())), more: false, malformed: 0, example: null };
  const asked = await askAll(options, url, from, end, signal);
  const { events, next } = fill(from, asked);
  const counted = [asked.all, asked.failures, asked.denied];
  return {
    events,
    cursor: next satisfies Cursor,
    seenUntil: new Date(next.minute),
    more: next.minute < end,
    malformed: counted.reduce((sum, one) => sum + one.malformed, 0),
    example: counted.find((one) => one.example !== null)?.example ?? null,
  };
}

function begin(cursor: unknown, since: Date): Cursor {
  const parsed = cursorShape.safeParse(cursor);
  return parsed.success ? parsed.data : { v: 1, minute: Math.ceil(since.getTime() / MINUTE_MS) * MINUTE_MS, told: 0, width: WIDEST };
}

interface Asked {
  readonly all: CountedSeries;
  readonly failures: CountedSeries;
  readonly denied: CountedSeries;
  /** The minute after the last one that was asked for. */
  readonly until: number;
  readonly width: number;
}

/** Halves the range until the answers fit. */
async function askAll(options: PrometheusOptions, url: URL, from: Cursor, end: number, signal: AbortSignal): Promise<Asked> {
  for (let { width } = from; ; width = Math.floor(width / 2)) {
    const until = Math.min(from.minute + width * MINUTE_MS, end);
    const range: Range = { from: from.minute + MINUTE_MS, to: until };
    const [all, failures, denied] = [await ask(options, url, options.query, range, signal), await ask(options, url, options.failures, range, signal), await ask(options, url, options.denied, range, signal)];
    if ('series' in all && 'series' in failures && 'series' in denied) return { all: count(all.series, options), failures: count(failures.series, options), denied: count(denied.series, options), until, width };
    if (width === 1) {
      const why = [all, failures, denied].flatMap((answer) => ('tooMuch' in answer ? [answer.tooMuch] : []));
      throw refused(options, url, `answers too much for a single minute (${why[0] ?? ''})`, 'Let the query give fewer series: sum by the key’s label only.');
    }
  }
}

function ask(options: PrometheusOptions, url: URL, query: string | undefined, range: Range, signal: AbortSignal): ReturnType<typeof askRange> {
  return query === undefined ? Promise.resolve({ series: [] }) : askRange(options, url, query, range, signal);
}

/** Whole minutes while they fit; a minute that fits into no batch is told in parts. */
function fill(from: Cursor, { all, failures, denied, until, width }: Asked): { readonly events: readonly UsageEvent[]; readonly next: Cursor } {
  const events: UsageEvent[] = [];
  const wider = Math.min(width * 2, WIDEST);
  for (let { minute, told } = from; minute < until; minute += MINUTE_MS, told = 0) {
    const rest = eventsOf(minute, all.counts, failures.counts, denied.counts).slice(told);
    const room = MAX_BATCH - events.length;
    if (rest.length > room) {
      const part = events.length === 0 ? room : 0;
      events.push(...rest.slice(0, part));
      return { events, next: { v: 1, minute, told: told + part, width } };
    }
    events.push(...rest);
  }
  return { events, next: { v: 1, minute: until, told: 0, width: wider } };
}

async function look(options: PrometheusOptions, url: URL, signal: AbortSignal): Promise<readonly string[]> {
  const to = Math.floor((Date.now() - (options.lagMs ?? DEFAULT_LAG_MS)) / MINUTE_MS) * MINUTE_MS;
  const range = { from: to - 59 * MINUTE_MS, to };
  const remarks: string[] = [];
  for (const query of [options.query, options.failures, options.denied]) {
    const answer = await ask(options, url, query, range, signal);
    if ('tooMuch' in answer) remarks.push(`An hour is too much for one answer (${answer.tooMuch}); shorter ranges are asked for.`);
    else {
      const { malformed, example } = count(answer.series, options);
      if (malformed > 0) remarks.push(`The query ${query} gives ${malformed} values that can't be used: ${example}.`);
    }
  }
  return remarks;
}
