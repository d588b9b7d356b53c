/** What is remembered of a credential: its detectors' states, when it was used, its most remarkable moment. Pure. */
import { days, hours, minutes } from '../../core/duration.ts';
import type { Peak, RuleSettings, WatchRecord, WatchState } from '../../core/watching.ts';
import type { Minutes } from '../../ports/scan-ledger.ts';
import { STEPS } from '../../ports/usage-ledger.ts';
import { createCountsDetector, restoreCountsDetector, type CountsDetector } from '../detect/counts/index.ts';
import { createMetricDetector, restoreMetricDetector, type MetricDetector, type MetricState } from '../detect/metric/index.ts';
import { accepted, NONE } from './minutes.ts';

const INTERVAL_SECONDS = 60;
/** Below it a score is noise that nobody asks about. */
const REMARKABLE = 3;
/** A moment is looked at for so long after the scan that found it; then a lesser one may take its place. */
export const FRESH_MS = minutes(15);
/** Found after a long downtime: what is older than that is history. */
const TOLD_OF_MS = days(1);
/** Silence that is worth remembering. */
const SILENCE_MS = hours(1);
/** A share of fewer requests says little. */
const LEAST_OF_A_SHARE = 10;

/** Nothing is known yet but when it was used last. */
export function firstState(credential: string, source: string, at: number, usedAt: number | null): WatchState {
  return { credential, source, version: 0, until: null, counts: null, metric: null, record: { begunAt: at, usedAt, woke: null, peak: null, metricPeak: null, networks: [], agents: [] } };
}

/** What of the settings makes detectors. */
export type Detecting = Pick<RuleSettings, 'unusual_traffic' | 'unusual_metric'>;

/**
 * Takes the minutes up to `until`, silent ones as zeros, from where the state ends; a state that has none yet begins with the first
 * minute that is not silent. `judged`: everything is judged by then, and is what a moment counts as seen at.
 */
export function feed(state: WatchState, all: Minutes, until: number, { judged, detecting }: { readonly judged: number; readonly detecting: Detecting }): WatchState {
  const from = state.until ?? Math.min(until, ...all.keys());
  if (from >= until) return state;
  const counts = detecting.unusual_traffic === null ? null : countsFor(state, detecting.unusual_traffic.timezone);
  const metric = detecting.unusual_metric === null ? null : metricFor(state, detecting.unusual_metric.score);
  const seen = new Moments(state.record, state.version === 0 ? judged - FRESH_MS : judged - TOLD_OF_MS, judged);
  for (let at = from; at < until; at += STEPS.minute) {
    const minute = all.get(at) ?? NONE;
    const served = accepted(minute);
    if (served > 0) seen.used(at);
    if (counts !== null) seen.counted(at, counts.next(served, at), counts);
    if (metric !== null && served >= LEAST_OF_A_SHARE) seen.measured(at, metric.next(minute.failed / served, at), metric);
  }
  return { ...state, until, counts: counts?.save() ?? null, metric: metric?.save() ?? null, record: seen.record };
}

/** A state that can't be read any more (another version's, a damaged one) is learned anew: better than no scan. */
function orElse<T>(restore: () => T, create: () => T): T {
  try {
    return restore();
  } catch {
    return create();
  }
}

function countsFor({ counts }: WatchState, timezone: string): CountsDetector {
  const create = (): CountsDetector => createCountsDetector({ intervalSeconds: INTERVAL_SECONDS, timezone });
  return counts === null ? create() : orElse(() => restoreCountsDetector(counts), create);
}

function metricFor({ metric }: WatchState, alertScore: number): MetricDetector {
  const create = (): MetricDetector => createMetricDetector({ intervalSeconds: INTERVAL_SECONDS, alertScore });
  return metric === null ? create() : orElse(() => restoreMetricDetector(metric as MetricState), create);
}

/** Collects what is worth remembering of the minutes that go by. */
class Moments {
  readonly #oldest: number;
  readonly #judged: number;
  #record: WatchRecord;

  constructor(record: WatchRecord, oldest: number, judged: number) {
    this.#record = record;
    this.#oldest = oldest;
    this.#judged = judged;
  }

  get record(): WatchRecord {
    return this.#record;
  }

  used(at: number): void {
    const { usedAt, woke } = this.#record;
    const silentMs = usedAt === null ? 0 : at - usedAt;
    const stale = woke === null || at - woke.at > TOLD_OF_MS || silentMs >= woke.silentMs;
    this.#record = { ...this.#record, usedAt: Math.max(usedAt ?? at, at), woke: silentMs >= SILENCE_MS && stale ? { at, silentMs } : woke };
  }

  counted(at: number, score: number, detector: CountsDetector): void {
    if (!this.#beats(this.#record.peak, at, score)) return;
    const { windowSeconds, actual, low, high } = detector.explain();
    this.#record = { ...this.#record, peak: { at, seen: this.#judged, score, minutes: windowSeconds / INTERVAL_SECONDS, actual, low, high } };
  }

  measured(at: number, score: number, detector: MetricDetector): void {
    if (!this.#beats(this.#record.metricPeak, at, score)) return;
    const { actual, expected } = detector.explain();
    this.#record = { ...this.#record, metricPeak: { at, seen: this.#judged, score, minutes: 1, actual: actual ?? 0, low: expected?.low ?? 0, high: expected?.high ?? 1 } };
  }

  #beats(peak: Peak | null, at: number, score: number): boolean {
    return score >= REMARKABLE && at >= this.#oldest && (peak === null || this.#judged - peak.seen > FRESH_MS || score >= peak.score);
  }
}
