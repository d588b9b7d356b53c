/** Made series for the tests of the metric detector. */
import { createMetricDetector, type MetricDetector, type MetricOptions } from '../../../src/usage/detect/metric/index.ts';

export const FIVE_MINUTES = 300;
export const DAY = 288;
export const START_MS = Date.UTC(2026, 0, 5);

/** In [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Roughly normal, mean 0, deviation 1. */
export function noiseOf(seed: number): () => number {
  const random = randomOf(seed);
  return () => (random() + random() + random() + random() - 2) * Math.sqrt(3);
}

export function scoresOf(values: readonly number[], options: MetricOptions = { intervalSeconds: FIVE_MINUTES }, detector: MetricDetector = createMetricDetector(options)): readonly number[] {
  return values.map((value, n) => detector.next(value, START_MS + n * options.intervalSeconds * 1_000));
}

/** Where a score reached `level`. */
export function alerts(scores: readonly number[], level: number): readonly number[] {
  return scores.flatMap((score, n) => (score >= level ? [n] : []));
}
