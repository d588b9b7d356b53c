/** The detectors that scan production, as a replay feeds them. */
import { createCountsDetector, thresholdFor } from '../detect/counts/index.ts';
import { createMetricDetector } from '../detect/metric/index.ts';
import type { Watch } from './run.ts';

export interface WatchOptions {
  readonly intervalMs: number;
  /** Values that will come. */
  readonly length: number;
  /** False incidents a key and week; counts only, since a metric's scores are ranks among its own past. */
  readonly budget: number;
}

/** Plain noise alerts once in a month at it, and twice in three days at the score that benchmarks favour (docs/detection.md). */
const METRIC_ALERT = 3.5;

/** A fresh detector, and the score from which it alerts. */
export function watchFor(kind: 'counts' | 'metric', { intervalMs, length, budget }: WatchOptions): { readonly watch: Watch; readonly threshold: number } {
  const intervalSeconds = intervalMs / 1_000;
  if (kind === 'counts') {
    const detector = createCountsDetector({ intervalSeconds });
    const watch: Watch = (value, atMs) => {
      const score = detector.next(value, atMs);
      // Of the window that stood out, told by the interval: people compare it with what they see there.
      const { windowSeconds, actual, low, high, expected } = detector.explain();
      const intervals = windowSeconds / intervalSeconds;
      return expected > 0 ? { score, actual: actual / intervals, low: low / intervals, high: high / intervals } : { score, actual: value, low: null, high: null };
    };
    return { watch, threshold: thresholdFor(budget, intervalSeconds) };
  }
  const detector = createMetricDetector({ intervalSeconds, length, alertScore: METRIC_ALERT });
  const watch: Watch = (value, atMs) => {
    const score = detector.next(value, atMs);
    const { expected } = detector.explain();
    return { score, actual: value, low: expected?.low ?? null, high: expected?.high ?? null };
  };
  return { watch, threshold: METRIC_ALERT };
}
