/** Detectors over recorded traffic: what they would have alerted on. */
import type { Series } from './recording.ts';

/** What a detector said of one value. */
export interface Seen {
  /** −log10 of a probability. */
  readonly score: number;
  /** What it judged: the value, or the mean of the window that stood out. */
  readonly actual: number;
  /** What it expected; null while it does not know yet. */
  readonly low: number | null;
  readonly high: number | null;
}

/** Fed in order. The very detectors that scan production. */
export type Watch = (value: number, atMs: number) => Seen;

export interface Incident {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Of its strangest moment. */
  readonly score: number;
  readonly atMs: number;
  readonly actual: number;
  readonly low: number | null;
  readonly high: number | null;
}

export interface Replayed {
  readonly series: Series;
  readonly seen: readonly (Seen | null)[];
  readonly incidents: readonly Incident[];
}

/** Alerts that are closer together are one incident. */
const TOGETHER_MS = 3_600_000;

export function replay(series: Series, watch: Watch, threshold: number): Replayed {
  const seen: (Seen | null)[] = [];
  const incidents: Incident[] = [];
  series.values.forEach((value, n) => {
    const atMs = series.startMs + n * series.intervalMs;
    const said = value === null ? null : watch(value, atMs);
    seen.push(said);
    if (value === null || said === null || said.score < threshold) return;
    const last = incidents.at(-1);
    const now: Incident = { fromMs: atMs, untilMs: atMs + series.intervalMs, score: said.score, atMs, actual: said.actual, low: said.low, high: said.high };
    if (last === undefined || atMs - last.untilMs > TOGETHER_MS) incidents.push(now);
    else incidents[incidents.length - 1] = { ...(now.score > last.score ? now : last), fromMs: last.fromMs, untilMs: now.untilMs };
  });
  return { series, seen, incidents };
}
