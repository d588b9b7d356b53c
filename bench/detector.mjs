/** The production detectors in the shape that evaluations of detectors take: `createDetector(…)` gives `{ next(value, timestampMs) }`. */
import { createCountsDetector } from '../src/usage/detect/counts/index.ts';
import { createMetricDetector } from '../src/usage/detect/metric/index.ts';

const FACTORIES = {
  counts: ({ intervalSeconds }) => createCountsDetector({ intervalSeconds }),
  metric: ({ intervalSeconds, length }) => createMetricDetector({ intervalSeconds, length }),
};

/** One detector for one series; `kind` is `counts` (requests an interval) or `metric` (any number). */
export function createDetector({ kind, intervalSeconds = 60, length }) {
  const factory = FACTORIES[kind];
  if (factory === undefined) throw new RangeError(`no detector is called ${kind}`);
  const detector = factory({ intervalSeconds, length });
  return { next: (value, timestampMs) => detector.next(value, timestampMs) };
}
