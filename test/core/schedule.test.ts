import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronProblem, lastOccurrence, nextOccurrence } from '../../src/core/schedule.ts';
import { instantOf, isZone, wallAt } from '../../src/core/zone.ts';
import { CHANGES, offsetMinutes, ZONES } from './zones.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BERLIN = 'Europe/Berlin';
const at = (iso: string): number => new Date(iso).getTime();
const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString());

/** Every occurrence in (from, to]. */
function occurrences(pattern: string, zone: string, from: number, to: number): number[] {
  const found: number[] = [];
  for (let next = nextOccurrence(pattern, zone, from); next !== null && next <= to; next = nextOccurrence(pattern, zone, next)) found.push(next);
  return found;
}

describe('cron in a zone', () => {
  it('means the zone’s clock, summer and winter', () => {
    expect(iso(nextOccurrence('0 3 * * 1', BERLIN, at('2026-01-14T00:00:00Z')))).toBe('2026-01-19T02:00:00.000Z');
    expect(iso(nextOccurrence('0 3 * * 1', BERLIN, at('2026-07-15T00:00:00Z')))).toBe('2026-07-20T01:00:00.000Z');
  });

  it('runs once in the lost hour: at the first instant after the gap', () => {
    const day = occurrences('30 2 * * *', BERLIN, at('2026-03-28T12:00:00Z'), at('2026-03-30T12:00:00Z'));
    expect(day.map(iso)).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
  });

  it('folds all that the lost hour would have held into that one run', () => {
    const runs = occurrences('*/20 * * * *', BERLIN, at('2026-03-29T00:30:00Z'), at('2026-03-29T01:30:00Z'));
    expect(runs.map(iso)).toEqual(['2026-03-29T00:40:00.000Z', '2026-03-29T01:00:00.000Z', '2026-03-29T01:20:00.000Z']);
  });

  it('runs once in the repeated hour: in its first pass', () => {
    const day = occurrences('30 2 * * *', BERLIN, at('2026-10-24T12:00:00Z'), at('2026-10-26T12:00:00Z'));
    expect(day.map(iso)).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
    const half = occurrences('*/30 * * * *', BERLIN, at('2026-10-24T23:45:00Z'), at('2026-10-25T02:15:00Z'));
    expect(half.map(iso)).toEqual(['2026-10-25T00:00:00.000Z', '2026-10-25T00:30:00.000Z', '2026-10-25T02:00:00.000Z']);
  });

  it('finds the last one from within the second pass of a repeated hour', () => {
    expect(iso(lastOccurrence('50 2 * * *', BERLIN, at('2026-10-25T01:10:00Z')))).toBe('2026-10-25T00:50:00.000Z');
    expect(iso(lastOccurrence('50 2 * * *', BERLIN, at('2026-10-25T00:49:59Z')))).toBe('2026-10-24T00:50:00.000Z');
  });

  it('counts an occurrence as the last one at its very instant, to the millisecond', () => {
    expect(iso(lastOccurrence('0 3 * * *', 'UTC', at('2026-05-05T03:00:00.000Z')))).toBe('2026-05-05T03:00:00.000Z');
    expect(iso(lastOccurrence('0 3 * * *', 'UTC', at('2026-05-05T02:59:59.999Z')))).toBe('2026-05-04T03:00:00.000Z');
    expect(iso(nextOccurrence('0 3 * * *', 'UTC', at('2026-05-05T02:59:59.999Z')))).toBe('2026-05-05T03:00:00.000Z');
    expect(iso(nextOccurrence('0 3 * * *', 'UTC', at('2026-05-05T03:00:00.000Z')))).toBe('2026-05-06T03:00:00.000Z');
  });

  it('takes seconds as a sixth field, and steps through them', () => {
    const runs = occurrences('*/20 * * * * *', 'UTC', at('2026-05-05T03:00:00Z'), at('2026-05-05T03:01:00Z'));
    expect(runs.map(iso)).toEqual(['2026-05-05T03:00:20.000Z', '2026-05-05T03:00:40.000Z', '2026-05-05T03:01:00.000Z']);
  });

  it.each([
    ['0 3 * *', /5 or 6|parts|fields|exactly/i],
    ['61 3 * * *', /61/],
    ['0 3 * * someday', /./],
    ['0 0 31 2 *', /never comes/],
  ])('refuses %s', (pattern, why) => {
    expect(cronProblem(pattern)).toMatch(why);
  });

  it('takes what is right', () => {
    for (const pattern of ['0 3 * * 1', '*/5 * * * * *', '0 3 1-7 * MON', '@daily']) expect(cronProblem(pattern)).toBeNull();
  });
});

describe('in every zone whose clocks change between 2025 and 2028', () => {
  it('there are such zones, in both directions', () => {
    expect(CHANGES.length).toBeGreaterThan(500);
    expect(CHANGES.some((change) => change.after > change.before)).toBe(true);
    expect(CHANGES.some((change) => change.after < change.before)).toBe(true);
  });

  it('a time within a gap or a repeat happens exactly once that day, where the docs say', () => {
    for (const { zone, at: change, before, after } of CHANGES) {
      const jump = (after - before) * MINUTE;
      const middle = change + before * MINUTE - Math.max(0, -jump) + Math.abs(jump) / 2;
      const wall = new Date(middle);
      const pattern = `${wall.getUTCMinutes()} ${wall.getUTCHours()} * * *`;
      const runs = occurrences(pattern, zone, change - 12 * HOUR, change + 12 * HOUR).filter((run) => Math.abs(run - change) < 2 * HOUR);
      const expected = jump > 0 ? change : change - Math.abs(jump) / 2;
      expect([zone, pattern, ...runs.map(iso)]).toEqual([zone, pattern, iso(expected)]);
    }
  });

  const moment = fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2028, 11, 31) });
  const nearChange = fc.tuple(fc.constantFrom(...CHANGES), fc.integer({ min: -5 * HOUR, max: 5 * HOUR })).map(([change, by]) => ({ zone: change.zone, when: change.at + by }));
  const anywhere = fc.oneof(nearChange, fc.record({ zone: fc.constantFrom(...ZONES), when: moment }));
  const pattern = fc.constantFrom('0 3 * * *', '30 2 * * *', '*/7 * * * *', '15 0,1,2,3 * * *', '0 * * * *', '*/13 1-3 * * 0', '10 23 * * 6');

  it('the clock agrees with Intl’s own offsets', () => {
    fc.assert(fc.property(anywhere, ({ zone, when }) => wallAt(when, zone) - when === offsetMinutes(zone, when) * MINUTE));
  });

  it('every wall time has one instant, and the first that shows it or, in a gap, anything later', () => {
    fc.assert(
      fc.property(anywhere, ({ zone, when }) => {
        const wall = wallAt(when, zone);
        const instant = instantOf(wall, zone);
        expect(instant).toBeLessThanOrEqual(when);
        expect(wallAt(instant, zone)).toBe(wall);
        expect(wallAt(instantOf(wall + 30 * MINUTE, zone), zone)).toBeGreaterThanOrEqual(wall + 30 * MINUTE);
        expect(instantOf(wall + 30 * MINUTE, zone)).toBeGreaterThanOrEqual(instant);
      }),
    );
  });

  it('the next occurrence is after `after`, and the last one at or before is consistent with it', () => {
    fc.assert(
      fc.property(anywhere, pattern, ({ zone, when }, cron) => {
        const next = nextOccurrence(cron, zone, when);
        const last = lastOccurrence(cron, zone, when);
        if (next === null || last === null) throw new Error('these patterns always come');
        expect(next).toBeGreaterThan(when);
        expect(last).toBeLessThanOrEqual(when);
        expect(nextOccurrence(cron, zone, last)).toBe(next);
        expect(lastOccurrence(cron, zone, next)).toBe(next);
        expect(lastOccurrence(cron, zone, next - 1)).toBe(last);
      }),
      { numRuns: 400 },
    );
  });
});

describe('zone names', () => {
  it('are IANA names, not offsets', () => {
    expect(['Europe/Berlin', 'UTC', 'America/New_York'].every(isZone)).toBe(true);
    expect(['Berlin', '+02:00', '', 'Mars/Base'].some(isZone)).toBe(false);
  });
});
