/** Whether a quota lasts, at the pace so far. */
import { describe, expect, test } from 'vitest';
import { levelOf } from '../../../src/core/finding.ts';
import type { IssuerQuota } from '../../../src/ports/issuer.ts';
import { projected, quotaOnCourse } from '../../../src/usage/rules/quota.ts';
import { after, DAY, START } from './fixtures.ts';

const MONTH = { start: START, end: after(30 * DAY) };
const queries = (current: number, more: Partial<IssuerQuota> = {}): IssuerQuota => ({ what: 'queries', current, limit: 1_000, period: MONTH, ...more });
const nodes = (current: number): IssuerQuota => ({ what: 'nodes', current, limit: 1_000, period: null });

describe('the share of a quota at its period’s end', () => {
  test.each([
    ['a tenth used after a tenth of the time', queries(100), 3, 100],
    ['a fifth used after a tenth of the time', queries(200), 3, 200],
    ['the first hour counts as a day: no month follows from it', queries(20), 1 / 24, 60],
    ['a period shorter than a day', queries(500, { period: { start: START, end: after(DAY / 2) } }), 1 / 4, 50],
    ['the last day', queries(900), 30, 90],
    ['no limit', queries(900, { limit: null }), 15, null],
    ['a limit of nothing', queries(900, { limit: 0 }), 15, null],
    ['a period that is over: only what is used', queries(500), 31, 50],
    ['a period that has not begun, by a clock that is behind', queries(500), -1, 50],
    ['a period that ends before it begins', queries(500, { period: { start: after(DAY), end: START } }), 0.5, 50],
    ['what has no period is as full as it is', nodes(910), 15, 91],
  ] as const)('%s', (_what, quota, day, percent) => {
    const value = projected(quota, after(day * DAY));
    expect(value === null ? null : Math.round(value * 1000) / 1000).toBe(percent);
  });
});

const level = (quota: IssuerQuota, day: number) => {
  const finding = quotaOnCourse('hm', quota, after(day * DAY), { percent: 100 });
  return finding === null ? 'clear' : `${levelOf(finding)} ${finding.severity}`;
};

describe('a quota that will not last', () => {
  test.each([
    ['on course for all of it', queries(500), 15, 'fire warning'],
    ['on the edge: neither', queries(480), 15, 'between warning'],
    ['well below', queries(450), 15, 'clear'],
    ['used up', queries(1_000), 29, 'fire critical'],
    ['begun anew', queries(0), 0.01, 'clear'],
    ['nodes nearly full', nodes(900), 15, 'fire warning'],
    ['nodes not nearly full', nodes(800), 15, 'clear'],
  ] as const)('%s', (_what, quota, day, expected) => {
    expect(level(quota, day)).toBe(expected);
  });

  test('says how much, until when, and of which quota: each is an alert of its own', () => {
    const finding = quotaOnCourse('hm', queries(800), after(15 * DAY), { percent: 100 });
    expect(finding).toMatchObject({ subject: 'issuer:hm queries', issuer: 'hm', actual: '160% at this pace', happened: expect.stringContaining('800 of 1,000 queries are used at `hm`, with 15 days of the period to go. At this pace it will be 160%') });
    expect(quotaOnCourse('hm', nodes(950), START, { percent: 100 })?.subject).toBe('issuer:hm nodes');
    expect(quotaOnCourse('hm', queries(800), after(15 * DAY), null)).toBeNull();
  });
});
