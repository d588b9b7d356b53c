import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_ALERT_SCORE, createMetricDetector, restoreMetricDetector, type MetricDetector, type MetricState } from '../../../src/usage/detect/metric/index.ts';
import { DAY, FIVE_MINUTES, START_MS, alerts, noiseOf, scoresOf } from './metric-series.ts';

const MOST_BYTES = 8_192;
const RUNS = 60;

/** Through JSON, as a ledger would keep it. */
function restored(detector: MetricDetector): MetricDetector {
  return restoreMetricDetector(JSON.parse(JSON.stringify(detector.save())) as MetricState);
}

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const anyValue = fc.oneof({ weight: 8, arbitrary: finite }, fc.double(), fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE));
const anyTime = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 4 * 86_400_000 }) }, fc.double(), fc.constantFrom(Number.NaN, -Infinity, 8.64e15, 1e300));
const anyPoint = fc.tuple(anyValue, anyTime);

describe('a restored detector', () => {
  test('goes on bit by bit, wherever it was cut and whatever came', () => {
    fc.assert(fc.property(fc.array(anyPoint, { minLength: 1, maxLength: 300 }), fc.nat(300), fc.integer({ min: 1, max: 5_000 }), (points, cut, length) => {
      let once = createMetricDetector({ intervalSeconds: FIVE_MINUTES, length });
      const through = createMetricDetector({ intervalSeconds: FIVE_MINUTES, length });
      for (const [n, [value, time]] of points.entries()) {
        if (n === cut) once = restored(once);
        if (once.next(value, time) !== through.next(value, time)) expect.fail(`apart at point ${n}`);
      }
      expect(once.save()).toEqual(through.save());
      expect(once.explain()).toEqual(through.explain());
    }), { numRuns: RUNS });
  });

  test('goes on bit by bit after weeks, in the middle of a held alert', () => {
    const noise = noiseOf(1);
    const through = createMetricDetector({ intervalSeconds: FIVE_MINUTES });
    const values = Array.from({ length: 20 * DAY }, (_, n) => 100 + noise() + (n === 18 * DAY ? 100 : 0));
    scoresOf(values.slice(0, 18 * DAY + 10), { intervalSeconds: FIVE_MINUTES }, through);
    const again = restored(through);
    const rest = (detector: MetricDetector): readonly number[] =>
      values.slice(18 * DAY + 10).map((value, n) => detector.next(value, START_MS + (18 * DAY + 10 + n) * FIVE_MINUTES * 1_000));
    expect(rest(again)).toEqual(rest(through));
  });

  test('refuses another version and data that is cut short or too long', () => {
    const state = createMetricDetector({ intervalSeconds: 60 }).save();
    expect(() => restoreMetricDetector({ ...state, version: 2 } as unknown as MetricState)).toThrow('version 2');
    expect(() => restoreMetricDetector({ ...state, data: state.data.slice(0, 400) })).toThrow();
    expect(() => restoreMetricDetector({ ...state, data: `${state.data.replace(/=+$/, '')}AAAAAAAAAAAA` })).toThrow('bytes');
  });
});

describe('what may come', () => {
  test('whatever comes, nothing throws, each score is a finite number from 0 up, and the state stays within 8 KB', () => {
    fc.assert(fc.property(fc.array(anyPoint, { maxLength: 400 }), fc.constantFrom(1, 60, 300, 3_600, 86_400, 1e7), (points, intervalSeconds) => {
      const detector = createMetricDetector({ intervalSeconds, length: 200 });
      for (const [value, time] of points) {
        const score = detector.next(value, time);
        if (!(score >= 0 && score < Infinity)) expect.fail(`a score of ${score}`);
      }
      expect(JSON.stringify(detector.save()).length).toBeLessThanOrEqual(MOST_BYTES);
    }), { numRuns: RUNS });
  });

  test('what is no number leaves no trace but its time', () => {
    const noise = noiseOf(2);
    const values = Array.from({ length: 8 * DAY }, () => 100 + noise());
    const holed = createMetricDetector({ intervalSeconds: FIVE_MINUTES });
    const scores = values.map((value, n) => {
      const at = START_MS + n * FIVE_MINUTES * 1_000;
      const nothing = [Number.NaN, Infinity, -Infinity].map((missing) => holed.next(missing, at));
      return Math.max(...nothing) > 0 ? Number.NaN : holed.next(value, at);
    });
    expect(scores).toEqual(scoresOf(values));
  });

  test('after absurd values, a jump of the clock and a week without points it still finds a spike', () => {
    const noise = noiseOf(3);
    const detector = createMetricDetector({ intervalSeconds: FIVE_MINUTES, alertScore: 3.5 });
    let at = START_MS;
    const feed = (value: number): number => detector.next(value, (at += FIVE_MINUTES * 1_000));
    for (let n = 0; n < 10 * DAY; n += 1) feed(100 + noise());
    for (const absurd of [1e300, -1e300, Number.MAX_VALUE]) feed(absurd);
    at -= 3 * 86_400_000;
    for (let n = 0; n < 3 * DAY; n += 1) feed(100 + noise());
    at += 7 * 86_400_000;
    for (let n = 0; n < 10 * DAY; n += 1) feed(100 + noise());
    expect(feed(200)).toBeGreaterThan(DEFAULT_ALERT_SCORE);
  });

  test('the same moment again and again, and moments out of order, are points like others', () => {
    const noise = noiseOf(4);
    const detector = createMetricDetector({ intervalSeconds: FIVE_MINUTES, length: 4_032 });
    const scores = Array.from({ length: 4_032 }, (_, n) => detector.next(n === 4_000 ? 200 : 100 + noise(), START_MS + (n % 3) * 60_000));
    expect(alerts(scores, DEFAULT_ALERT_SCORE)).toContain(4_000);
  });

  test('an interval or a length that is not above zero is refused', () => {
    for (const wrong of [0, -1, Number.NaN, Infinity]) {
      expect(() => createMetricDetector({ intervalSeconds: wrong })).toThrow(RangeError);
      expect(() => createMetricDetector({ intervalSeconds: 60, length: wrong })).toThrow(RangeError);
    }
  });
});
