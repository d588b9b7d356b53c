import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCountsDetector, NO_INCIDENT, restoreCountsDetector, stepIncident, thresholdFor, type CountsDetector } from '../../../src/usage/detect/counts/index.ts';
import { Random } from '../../../bench/support/key-traffic.ts';

const MINUTE = 60_000;
const HOUR = 60;
const DAY = 24 * HOUR;
const MONDAY = Date.UTC(2026, 0, 5);
const THRESHOLD = thresholdFor(0.01, 60);

/** Feeds minutes from `from` (since Monday) with Poisson counts of a rate; returns the scores. */
function feed(detector: CountsDetector, random: Random, from: number, minutes: number, rateAt: (minute: number) => number): number[] {
  return Array.from({ length: minutes }, (_, n) => detector.next(random.poisson(rateAt(from + n)), MONDAY + (from + n) * MINUTE));
}

const highest = (scores: readonly number[]): number => scores.reduce((most, one) => Math.max(most, one), 0);

function learnt(rate: number, days: number, seed = 1): { readonly detector: CountsDetector; readonly random: Random; readonly now: number } {
  const [detector, random] = [createCountsDetector(), new Random(seed)];
  feed(detector, random, 0, days * DAY, () => rate);
  return { detector, random, now: days * DAY };
}

describe('a burst of requests', () => {
  it('of ten times the rate is found within three minutes', () => {
    const { detector, random, now } = learnt(20, 14);
    expect(highest(feed(detector, random, now, 3, () => 200))).toBeGreaterThan(THRESHOLD);
  });

  it('is found on the first day already', () => {
    const { detector, random, now } = learnt(20, 0.5);
    expect(highest(feed(detector, random, now, 3, () => 200))).toBeGreaterThan(THRESHOLD);
  });

  it('is found on a key with a request in ten minutes', () => {
    const { detector, random, now } = learnt(0.1, 14);
    expect(highest(feed(detector, random, now, 15, () => 2))).toBeGreaterThan(THRESHOLD);
  });

  it('is explained by the window, its count and the range that was expected', () => {
    const { detector, random, now } = learnt(20, 7);
    feed(detector, random, now, 3, () => 200);
    const { actual, low, high, expected, windowSeconds } = detector.explain();
    expect(windowSeconds).toBeLessThanOrEqual(3 * 60);
    expect(actual).toBeGreaterThan(high);
    expect(low).toBeLessThan(expected);
    expect(expected / (windowSeconds / 60)).toBeGreaterThan(14);
    expect(expected / (windowSeconds / 60)).toBeLessThan(28);
  });

  it('is one incident, that noise on the way back does not open again', () => {
    const scores = [0, 7, 9, 0, 0, 6.5, 0];
    let state = NO_INCIDENT;
    const events = scores.map((score, n) => {
      const step = stepIncident(state, score, n * 20 * MINUTE, 6);
      state = step.state;
      return step.event;
    });
    expect(events).toEqual(['none', 'opened', 'continued', 'none', 'none', 'continued', 'none']);
    expect(stepIncident(state, 0, 200 * MINUTE, 6).event).toBe('closed');
  });
});

describe('usual traffic', () => {
  it('with a daily wave and quieter weekends is left alone after two weeks, the turns of days and weeks included', () => {
    const [detector, random] = [createCountsDetector(), new Random(2)];
    const rate = (minute: number) => 30 * (1 + 0.8 * Math.sin((minute / DAY) * 2 * Math.PI)) * (Math.floor(minute / DAY) % 7 >= 5 ? 0.4 : 1);
    feed(detector, random, 0, 14 * DAY, rate);
    expect(highest(feed(detector, random, 14 * DAY, 14 * DAY, rate))).toBeLessThan(THRESHOLD);
  });

  it('of business hours, a square curve, is left alone after two weeks', () => {
    const [detector, random] = [createCountsDetector(), new Random(3)];
    const rate = (minute: number) => (Math.floor(minute / DAY) % 7 < 5 && minute % DAY >= 9 * HOUR && minute % DAY < 17 * HOUR ? 40 : 2);
    feed(detector, random, 0, 21 * DAY, rate);
    expect(highest(feed(detector, random, 21 * DAY, 14 * DAY, rate))).toBeLessThan(THRESHOLD);
  });

  it('by a wall clock is left alone where summer time begins, when the zone is given', () => {
    const [detector, random] = [createCountsDetector({ timezone: 'Europe/Berlin' }), new Random(4)];
    const change = Date.UTC(2026, 2, 29, 1); // clocks go from 2 to 3
    const from = change - 21 * DAY * MINUTE;
    let most = 0;
    for (let minute = 0; minute < 28 * DAY; minute += 1) {
      const at = from + minute * MINUTE;
      const hour = ((at + (at < change ? 1 : 2) * HOUR * MINUTE) / (HOUR * MINUTE)) % 24;
      const score = detector.next(random.poisson(hour >= 9 && hour < 17 ? 40 : 4), at);
      if (at >= change) most = Math.max(most, score);
    }
    expect(most).toBeLessThan(THRESHOLD);
  });

  it('is never remarked on for falling silent', () => {
    const { detector, random, now } = learnt(50, 3);
    expect(highest(feed(detector, random, now, DAY, () => 0))).toBe(0);
  });
});

describe('learning', () => {
  it('does not follow an attack of two hours: the same rate is found again afterwards', () => {
    const { detector, random, now } = learnt(20, 7);
    feed(detector, random, now, 2 * HOUR, () => 100);
    const calm = feed(detector, random, now + 2 * HOUR, 3 * HOUR, () => 20);
    expect(highest(calm.slice(30))).toBeLessThan(THRESHOLD);
    expect(highest(feed(detector, random, now + 5 * HOUR, 5, () => 100))).toBeGreaterThan(THRESHOLD);
  });

  it('accepts a level that lasts, and then finds bursts above it', () => {
    const { detector, random, now } = learnt(20, 7);
    feed(detector, random, now, 5 * HOUR, () => 100);
    expect(highest(feed(detector, random, now + 5 * HOUR, 2 * DAY, () => 100))).toBeLessThan(THRESHOLD);
    expect(highest(feed(detector, random, now + 53 * HOUR, 5, () => 1_000))).toBeGreaterThan(THRESHOLD);
  });
});

describe('a threshold', () => {
  it('of 6 is one false incident a key in a hundred weeks of minutes', () => {
    expect(thresholdFor(0.01, 60)).toBeCloseTo(6, 2);
    expect(thresholdFor(0.1, 60)).toBeCloseTo(5, 2);
    expect(() => thresholdFor(0, 60)).toThrow(RangeError);
  });
});

describe('a state', () => {
  const step = fc.record({ count: fc.oneof(fc.nat(40), fc.constantFrom(0, 1e5, 1e300, Infinity, -1, Number.NaN)), skip: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: -70, max: 20_000 }) }) });

  it('restored goes on exactly as the one that was saved, whatever has come', () => {
    const zones = fc.constantFrom<[number, string | undefined]>([60, undefined], [300, 'America/New_York'], [3_600, undefined]);
    fc.assert(fc.property(zones, fc.nat(2_000), fc.array(step, { maxLength: 300 }), fc.array(step, { maxLength: 300 }), ([seconds, timezone], calm, before, after) => {
      const detector = createCountsDetector({ intervalSeconds: seconds, ...(timezone === undefined ? {} : { timezone }) });
      let at = MONDAY;
      for (let n = 0; n < calm; n += 1) detector.next(n % 7, (at += seconds * 1_000));
      const feedStep = ({ count, skip }: { count: number; skip: number }, to: readonly CountsDetector[]) => {
        at += skip * seconds * 1_000;
        return to.map((one) => one.next(count, at));
      };
      for (const one of before) expect(feedStep(one, [detector])[0]).toBeGreaterThanOrEqual(0);
      const restored = restoreCountsDetector(detector.save());
      expect(restored.explain()).toEqual(detector.explain());
      for (const one of after) {
        const [a, b] = feedStep(one, [detector, restored]);
        expect(b).toBe(a);
      }
      expect(restored.save()).toEqual(detector.save());
    }), { numRuns: 60 });
  });

  it('is below two kilobytes, for ever', () => {
    const { detector } = learnt(500, 21);
    expect(detector.save().length).toBeLessThan(2_048);
  });

  it('that is none is refused', () => {
    const state = createCountsDetector().save();
    for (const damaged of [new Uint8Array(0), state.subarray(0, 100), Uint8Array.from([...state, 0]), new Uint8Array(state.length)]) {
      expect(() => restoreCountsDetector(damaged)).toThrow(RangeError);
    }
  });
});

describe('a bad clock or count', () => {
  const bad = [Number.NaN, -1, -Infinity];

  it('scores nothing and changes nothing', () => {
    const { detector, now } = learnt(20, 2);
    const before = detector.save();
    const last = MONDAY + (now - 1) * MINUTE;
    expect(bad.map((count) => detector.next(count, last + MINUTE))).toEqual([0, 0, 0]);
    expect([Number.NaN, Infinity, -5, 1e300].map((at) => detector.next(20, at))).toEqual([0, 0, 0, 0]);
    expect(detector.next(1e6, last)).toBe(0);
    expect(detector.save().length).toBe(before.length);
    expect(highest(feed(detector, new Random(9), now, HOUR, () => 20))).toBeLessThan(THRESHOLD);
  });

  it('of missing minutes, an hour or a month, raises no alarm and costs no loop', () => {
    for (const gap of [3, 59, DAY, 30 * DAY, 3_000 * DAY]) {
      const { detector, random, now } = learnt(20, 7);
      expect(highest(feed(detector, random, now + gap, 6 * HOUR, () => 20))).toBeLessThan(THRESHOLD);
      expect(highest(feed(detector, random, now + gap + 6 * HOUR, 5, () => 300))).toBeGreaterThan(THRESHOLD);
    }
  });

  it('that jumped weeks ahead and was set back is followed again after an hour', () => {
    const { detector, random, now } = learnt(20, 7);
    feed(detector, random, now + 60 * DAY, 10, () => 20);
    expect(highest(feed(detector, random, now, 30, () => 20))).toBe(0);
    feed(detector, random, now + 30, 2 * HOUR, () => 20);
    expect(highest(feed(detector, random, now + 30 + 2 * HOUR, 5, () => 300))).toBeGreaterThan(THRESHOLD);
  });

  it('a count beyond all bounds is an alarm once, and poisons nothing', () => {
    const { detector, random, now } = learnt(20, 7);
    expect(highest(feed(detector, random, now, 1, () => 20))).toBeLessThan(THRESHOLD);
    expect(detector.next(1e300, MONDAY + (now + 1) * MINUTE)).toBeGreaterThan(THRESHOLD);
    feed(detector, random, now + 2, 16, () => 20);
    expect(highest(feed(detector, random, now + 18, HOUR, () => 20))).toBeLessThan(THRESHOLD);
    expect(highest(feed(detector, random, now + 18 + HOUR, 3, () => 200))).toBeGreaterThan(THRESHOLD);
  });

  it('options out of range are refused', () => {
    for (const intervalSeconds of [0, 59, 3_601, Number.NaN]) expect(() => createCountsDetector({ intervalSeconds })).toThrow(RangeError);
    expect(() => createCountsDetector({ timezone: 'Mars/Base' })).toThrow(RangeError);
    expect(() => createCountsDetector({ acceptAfterMinutes: 0 })).toThrow(RangeError);
  });
});
