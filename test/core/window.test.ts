import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MaintenanceWindow } from '../../src/core/window.ts';
import { windowState } from '../../src/core/window.ts';
import { CHANGES } from './zones.ts';

const WEEKDAYS = [1, 2, 3, 4, 5];
const EVERY_DAY = [...WEEKDAYS, 6, 7];
const HOUR = 3_600_000;
const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

function window(days: readonly number[], hours: string, timezone = 'Europe/Berlin'): MaintenanceWindow {
  const [from = '', to = ''] = hours.split('-');
  return { days, fromMinute: minutes(from), toMinute: minutes(to), timezone };
}

function state(given: MaintenanceWindow, now: string): string {
  const seen = windowState(given, new Date(now));
  return seen.open ? `open until ${seen.closesAt.toISOString()}` : `closed until ${seen.opensAt.toISOString()}`;
}

describe('a maintenance window', () => {
  const office = window(WEEKDAYS, '09:00-17:00');

  it('is open from its first instant to right before its last', () => {
    expect(state(office, '2026-01-14T07:59:59.999Z')).toBe('closed until 2026-01-14T08:00:00.000Z');
    expect(state(office, '2026-01-14T08:00:00.000Z')).toBe('open until 2026-01-14T16:00:00.000Z');
    expect(state(office, '2026-01-14T15:59:59.999Z')).toBe('open until 2026-01-14T16:00:00.000Z');
    expect(state(office, '2026-01-14T16:00:00.000Z')).toBe('closed until 2026-01-15T08:00:00.000Z');
  });

  it('skips days that are not its own', () => {
    expect(state(office, '2026-01-16T16:30:00Z')).toBe('closed until 2026-01-19T08:00:00.000Z');
  });

  it('past midnight belongs to the day on which it began', () => {
    const friday = window([5], '22:00-02:00');
    expect(state(friday, '2026-01-17T00:30:00Z')).toBe('open until 2026-01-17T01:00:00.000Z');
    expect(state(friday, '2026-01-16T00:30:00Z')).toBe('closed until 2026-01-16T21:00:00.000Z');
  });

  it('that touches the next is one with it', () => {
    expect(state(window([6, 7], '00:00-24:00'), '2026-01-17T12:00:00Z')).toBe('open until 2026-01-18T23:00:00.000Z');
    const always = windowState(window(EVERY_DAY, '00:00-24:00'), new Date('2026-01-17T12:00:00Z'));
    expect(always.open && always.closesAt.getTime() > Date.UTC(2026, 0, 25)).toBe(true);
  });

  it('is as long as the clock says on the days it changes', () => {
    const night = window(EVERY_DAY, '01:00-04:00');
    expect(state(night, '2026-03-29T00:30:00Z')).toBe('open until 2026-03-29T02:00:00.000Z');
    expect(state(night, '2026-10-25T00:30:00Z')).toBe('open until 2026-10-25T03:00:00.000Z');
  });

  it('whose times are in the lost hour opens or closes at the first instant after it', () => {
    expect(state(window([7], '02:30-05:00'), '2026-03-29T00:59:00Z')).toBe('closed until 2026-03-29T01:00:00.000Z');
    expect(state(window([7], '01:00-02:30'), '2026-03-29T00:59:00Z')).toBe('open until 2026-03-29T01:00:00.000Z');
  });

  it('wholly within the lost hour does not come that day', () => {
    expect(state(window([7], '02:10-02:50'), '2026-03-28T12:00:00Z')).toBe('closed until 2026-04-05T00:10:00.000Z');
  });

  it('takes repeated times from their first pass', () => {
    expect(state(window([7], '02:30-05:00'), '2026-10-25T00:29:59Z')).toBe('closed until 2026-10-25T00:30:00.000Z');
    expect(state(window([7], '02:30-05:00'), '2026-10-25T01:15:00Z')).toBe('open until 2026-10-25T04:00:00.000Z');
    expect(state(window([7], '01:00-02:30'), '2026-10-25T00:30:00Z')).toBe('closed until 2026-11-01T00:00:00.000Z');
  });

  it('in every zone, is open right when it said that it would open, and closed when it said it would close', () => {
    const times = fc.integer({ min: 0, max: 1_439 });
    const any = fc.record({
      change: fc.constantFrom(...CHANGES),
      by: fc.integer({ min: -30 * HOUR, max: 30 * HOUR }),
      days: fc.subarray(EVERY_DAY, { minLength: 1 }),
      fromMinute: times,
      toMinute: times,
    });
    fc.assert(
      fc.property(any, ({ change, by, days, fromMinute, toMinute }) => {
        const given = { days, fromMinute, toMinute, timezone: change.zone };
        const now = new Date(change.at + by);
        const seen = windowState(given, now);
        const turns = seen.open ? seen.closesAt : seen.opensAt;
        expect(turns.getTime()).toBeGreaterThan(now.getTime());
        expect(windowState(given, new Date(turns.getTime() - 1)).open).toBe(seen.open);
        if (!seen.open || days.length < 7) expect(windowState(given, turns).open).toBe(!seen.open);
      }),
      { numRuns: 200 },
    );
  });
});
