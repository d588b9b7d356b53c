import { expect, test } from 'vitest';
import { watchFor } from '../../src/usage/replay/detectors.ts';
import { replay } from '../../src/usage/replay/run.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-01-05T00:00:00Z');

test('a burst is found by the detector of production, and told by the minute as its range is', () => {
  const values = Array.from({ length: 4_000 }, (_, n) => 40 + (n % 7) + (n >= 3_000 && n < 3_015 ? 300 : 0));
  const { watch, threshold } = watchFor('counts', { intervalMs: MINUTE, length: values.length, budget: 0.01 });
  const { incidents } = replay({ name: 'prod', startMs: START, intervalMs: MINUTE, values }, watch, threshold);
  expect(incidents).toHaveLength(1);
  const [{ fromMs, actual, low, high } = { fromMs: 0, actual: 0, low: 0, high: 0 }] = incidents;
  expect((fromMs - START) / MINUTE).toBe(3_000);
  expect(actual).toBeGreaterThan(200);
  expect(low).toBeGreaterThan(20);
  expect(high).toBeLessThan(70);
});

test('a metric whose level jumps is found too', () => {
  const values = Array.from({ length: 6_000 }, (_, n) => 0.02 + 0.001 * (n % 5) + (n >= 5_000 ? 0.4 : 0));
  const { watch, threshold } = watchFor('metric', { intervalMs: 5 * MINUTE, length: values.length, budget: 0.01 });
  const { incidents } = replay({ name: 'error rate', startMs: START, intervalMs: 5 * MINUTE, values }, watch, threshold);
  expect(incidents.map(({ fromMs }) => (fromMs - START) / (5 * MINUTE))).toEqual([5_000]);
});
