/** The detector for a metric series of any kind: error rate, latency, requests a minute. */
import { MetricDetector, type MetricState } from './detector.ts';
import { DEFAULT_ALERT_SCORE } from './settings.ts';

export type { MetricDetector, MetricExplanation, MetricState } from './detector.ts';
export type { Sign } from './signs.ts';
export { DEFAULT_ALERT_SCORE } from './settings.ts';

export interface MetricOptions {
  /** The usual distance of two points. */
  readonly intervalSeconds: number;
  /** The points expected in all; without it the detector takes two weeks as its measure. */
  readonly length?: number;
  /** From which score on a point alerts, and holds back what follows; `DEFAULT_ALERT_SCORE` without it. */
  readonly alertScore?: number;
}

/** Throws a `RangeError` for an interval, a length or a score that is not above zero. */
export function createMetricDetector({ intervalSeconds, length, alertScore = DEFAULT_ALERT_SCORE }: MetricOptions): MetricDetector {
  for (const [name, value] of [['intervalSeconds', intervalSeconds], ['length', length], ['alertScore', alertScore]] as const) {
    if (value !== undefined && !(value > 0 && value < Infinity)) throw new RangeError(`${name} is above zero, not ${value}`);
  }
  return new MetricDetector(intervalSeconds, length ?? null, alertScore);
}

/** Goes on exactly as the saved one would have; throws for what is not a state of this version. */
export function restoreMetricDetector(state: MetricState): MetricDetector {
  if (state.version !== 1) throw new Error(`a metric detector's state of version ${String(state.version)}; this one reads version 1`);
  const { length, intervalSeconds, alertScore, data } = state;
  const detector = createMetricDetector({ intervalSeconds, alertScore, ...(length === null ? {} : { length }) });
  detector.read(data);
  return detector;
}
