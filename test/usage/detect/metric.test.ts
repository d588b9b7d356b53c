import { describe, expect, test } from 'vitest';
import { DEFAULT_ALERT_SCORE, createMetricDetector, type MetricOptions } from '../../../src/usage/detect/metric/index.ts';
import { DAY, FIVE_MINUTES, START_MS, alerts, noiseOf, scoresOf } from './metric-series.ts';

const TWO_WEEKS = 14 * DAY;
const HOLD = 81;
/** As somebody would have it who is called at night. */
const STRICT = { intervalSeconds: FIVE_MINUTES, alertScore: 3.5 };

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

/** In two weeks, of five seeds. */
function mostAlertsOfNoise(options: Required<Omit<MetricOptions, 'length'>>): number {
  return Math.max(...[1, 2, 3, 4, 5].map((seed) => alerts(scoresOf(noisy(seed), options), options.alertScore).length));
}

describe('what is found', () => {
  test.each([1, 2, 3, 4, 5])('a spike in noise is found at its own point (seed %i)', (seed) => {
    const values = noisy(seed);
    values[3_000] = 160;
    expect(scoresOf(values)[3_000]).toBeGreaterThan(DEFAULT_ALERT_SCORE);
  });

  test.each([1, 2, 3, 4, 5])('a level that moves by three deviations is found within two hours (seed %i)', (seed) => {
    const values = noisy(seed).map((value, n) => (n < 3_000 ? value : value + 3));
    expect(alerts(scoresOf(values), DEFAULT_ALERT_SCORE).some((n) => n >= 3_000 && n < 3_024)).toBe(true);
  });

  test.each([1, 2, 3])('a working day that does not come is found in its first hour, though every value was seen before (seed %i)', (seed) => {
    const values = office(seed, 8).map((value, n) => (Math.floor(n / DAY) === 51 ? 20 : value));
    const eight = 51 * DAY + 8 * 12;
    expect(alerts(scoresOf(values, STRICT), STRICT.alertScore).some((n) => n >= eight && n < eight + 12)).toBe(true);
  });

  test('the first change of a constant series is found', () => {
    const scores = scoresOf(Array.from({ length: TWO_WEEKS }, (_, n) => (n === 3_500 ? 45.1 : 45)));
    expect(alerts(scores, DEFAULT_ALERT_SCORE)).toEqual([3_500]);
  });

  test('the unit does not matter: the same series times a power of two has the same scores', () => {
    const values = noisy(7);
    values[2_000] = 130;
    const scores = scoresOf(values);
    const apart = scoresOf(values.map((value) => value * 2 ** 20)).map((score, n) => Math.abs(score - scores[n]!));
    expect(Math.max(...apart)).toBeLessThan(1e-6);
  });
});

describe('what is not', () => {
  test('a constant series never scores', () => {
    expect(Math.max(...scoresOf(Array.from({ length: TWO_WEEKS }, () => 0.1)))).toBeLessThan(1e-6);
  });

  test('days of the same shape alert less than once a week by a strict level, once a week is known', () => {
    const alerted = alerts(scoresOf(office(2, 6), STRICT), STRICT.alertScore).filter((n) => n >= 7 * DAY);
    expect(alerted.length).toBeLessThanOrEqual(5);
  });

  test('noise alerts less than once a day by the default level, once a week by a strict one', () => {
    expect(mostAlertsOfNoise({ intervalSeconds: FIVE_MINUTES, alertScore: DEFAULT_ALERT_SCORE })).toBeLessThan(12);
    expect(mostAlertsOfNoise(STRICT)).toBeLessThanOrEqual(2);
  });

  test('nothing scores while it learns: 15% of the length, at most 750 points', () => {
    const values = noisy(3);
    values[590] = 1_000;
    expect(Math.max(...scoresOf(values).slice(0, 604))).toBe(0);
    expect(Math.max(...scoresOf(values, { intervalSeconds: FIVE_MINUTES, length: 20_000 }).slice(0, 750))).toBe(0);
    expect(scoresOf(values, { intervalSeconds: FIVE_MINUTES, length: 2_000 })[590]).toBeGreaterThan(DEFAULT_ALERT_SCORE);
  });
});

describe('one event, one alert', () => {
  test('what goes on for hours alerts once', () => {
    const values = noisy(4).map((value, n) => (n < 3_000 || n >= 3_000 + HOLD ? value : value + 40));
    expect(alerts(scoresOf(values), DEFAULT_ALERT_SCORE).filter((n) => n >= 3_000 && n < 3_000 + HOLD)).toEqual([3_000]);
  });

  test('something far stranger is told all the same', () => {
    const values = noisy(5);
    [values[3_000], values[3_010]] = [110, 1e6];
    const alerted = alerts(scoresOf(values), DEFAULT_ALERT_SCORE);
    expect(alerted).toContain(3_000);
    expect(alerted).toContain(3_010);
  });

  test('the next event after the hold is told', () => {
    const values = noisy(6);
    [values[3_000], values[3_000 + 2 * HOLD]] = [150, 160];
    const alerted = alerts(scoresOf(values), DEFAULT_ALERT_SCORE);
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
    detector.next(5_000, START_MS + noon * FIVE_MINUTES * 1_000);
    const { actual, expected, sign } = detector.explain();
    expect([actual, sign]).toEqual([5_000, 'daily']);
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
