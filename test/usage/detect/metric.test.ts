import { describe, expect, test } from 'vitest';
import { ALERT_SCORE, createMetricDetector } from '../../../src/usage/detect/metric/index.ts';
import { DAY, FIVE_MINUTES, START_MS, alerts, noiseOf, scoresOf } from './metric-series.ts';

const TWO_WEEKS = 14 * DAY;
const HOLD = 81;

function noisy(seed: number, level = 100, points = TWO_WEEKS): number[] {
  const noise = noiseOf(seed);
  return Array.from({ length: points }, () => level + noise());
}

/** High by day, low by night, quiet on the weekend. */
function office(seed: number, weeks: number): number[] {
  const noise = noiseOf(seed);
  return Array.from({ length: weeks * 7 * DAY }, (_, n) => {
    const [hour, weekday] = [(n % DAY) / 12, Math.floor(n / DAY) % 7];
    const busy = hour >= 8 && hour < 18 ? (weekday < 5 ? 500 : 100) : 20;
    return busy * (1 + 0.05 * noise());
  });
}

describe('what is found', () => {
  test.each([1, 2, 3, 4, 5])('a spike in noise is found at its own point (seed %i)', (seed) => {
    const values = noisy(seed);
    values[3_000] = 160;
    expect(scoresOf(values)[3_000]).toBeGreaterThan(ALERT_SCORE);
  });

  test.each([1, 2, 3, 4, 5])('a level that moves by three deviations is found within two hours (seed %i)', (seed) => {
    const values = noisy(seed).map((value, n) => (n < 3_000 ? value : value + 3));
    expect(alerts(scoresOf(values), ALERT_SCORE).some((n) => n >= 3_000 && n < 3_024)).toBe(true);
  });

  test('a working day that does not come is found in its first hour, though every value was seen before', () => {
    const values = office(1, 3).map((value, n) => (Math.floor(n / DAY) === 16 ? 20 : value));
    const eight = 16 * DAY + 8 * 12;
    expect(alerts(scoresOf(values), ALERT_SCORE).some((n) => n >= eight && n < eight + 12)).toBe(true);
  });

  test('the first change of a constant series is found', () => {
    const scores = scoresOf(Array.from({ length: TWO_WEEKS }, (_, n) => (n === 3_500 ? 45.1 : 45)));
    expect(alerts(scores, ALERT_SCORE)).toEqual([3_500]);
  });

  test('the unit does not matter: the same series times a power of two has the same scores', () => {
    const values = noisy(7);
    values[2_000] = 130;
    expect(scoresOf(values.map((value) => value * 2 ** 20))).toEqual(scoresOf(values));
  });
});

describe('what is not', () => {
  test('a constant series never scores', () => {
    expect(Math.max(...scoresOf(Array.from({ length: TWO_WEEKS }, () => 0.1)))).toBe(0);
  });

  test('days of the same shape alert less than once in three days, once a week is known', () => {
    const alerted = alerts(scoresOf(office(2, 6)), ALERT_SCORE).filter((n) => n >= 7 * DAY);
    expect(alerted.length).toBeLessThan(35 / 3);
  });

  test('noise alerts less than once in two days', () => {
    const counts = [1, 2, 3, 4, 5].map((seed) => alerts(scoresOf(noisy(seed)), ALERT_SCORE).length);
    expect(Math.max(...counts)).toBeLessThan(7);
  });

  test('nothing scores while it learns: 15% of the length, at most 750 points', () => {
    const values = noisy(3);
    values[590] = 1_000;
    expect(Math.max(...scoresOf(values).slice(0, 604))).toBe(0);
    expect(Math.max(...scoresOf(values, { intervalSeconds: FIVE_MINUTES, length: 20_000 }).slice(0, 750))).toBe(0);
    expect(scoresOf(values, { intervalSeconds: FIVE_MINUTES, length: 2_000 })[590]).toBeGreaterThan(ALERT_SCORE);
  });
});

describe('one event, one alert', () => {
  test('what goes on for hours alerts once', () => {
    const values = noisy(4).map((value, n) => (n < 3_000 || n >= 3_000 + HOLD ? value : value + 40));
    expect(alerts(scoresOf(values), ALERT_SCORE).filter((n) => n >= 3_000 && n < 3_000 + HOLD)).toEqual([3_000]);
  });

  test('something far stranger is told all the same', () => {
    const values = noisy(5);
    [values[3_000], values[3_010]] = [110, 1e6];
    const alerted = alerts(scoresOf(values), ALERT_SCORE);
    expect(alerted).toContain(3_000);
    expect(alerted).toContain(3_010);
  });

  test('the next event after the hold is told', () => {
    const values = noisy(6);
    [values[3_000], values[3_000 + 2 * HOLD]] = [150, 160];
    const alerted = alerts(scoresOf(values), ALERT_SCORE);
    expect(alerted).toContain(3_000);
    expect(alerted).toContain(3_000 + 2 * HOLD);
  });
});

describe('what a person reads', () => {
  test('the range at this time of day, the value, and by which sign it stands out', () => {
    const detector = createMetricDetector({ intervalSeconds: FIVE_MINUTES });
    const values = office(3, 2);
    const noon = 13 * DAY + 12 * 12;
    scoresOf(values.slice(0, noon), { intervalSeconds: FIVE_MINUTES }, detector);
    detector.next(400, START_MS + noon * FIVE_MINUTES * 1_000);
    const { actual, expected, sign } = detector.explain();
    expect([actual, sign]).toEqual([400, 'high']);
    expect(expected?.low).toBeGreaterThan(0);
    expect(expected?.high).toBeLessThan(1_000);
    expect(expected?.low).toBeLessThan(expected?.high ?? 0);
  });

  test('nothing is expected on the first day, nothing is actual before the first point', () => {
    const detector = createMetricDetector({ intervalSeconds: FIVE_MINUTES });
    expect(detector.explain()).toEqual({ actual: null, expected: null, sign: null });
    detector.next(5, START_MS);
    expect(detector.explain()).toEqual({ actual: 5, expected: null, sign: null });
  });
});
