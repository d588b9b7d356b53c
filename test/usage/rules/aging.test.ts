/** Keys that are too old, or that nobody uses: only what is known is said. */
import { describe, expect, test } from 'vitest';
import { keyOlderThanPolicy, keyUnused, unusedFor, type UseEvidence } from '../../../src/usage/rules/aging.ts';
import { after, DAY, keyRecord, record, START } from './fixtures.ts';

const MONDAY_MORNING = { days: [1], fromMinute: 540, toMinute: 720, timezone: 'UTC' };

const evidence = (more: Partial<UseEvidence> = {}): UseEvidence => ({ issuerTells: false, seenAt: null, sourcesWell: false, ...more });

describe('how long nobody has used a key', () => {
  test.each([
    ['the issuer tells its last use', after(10 * DAY), { issuerTells: true }, 90],
    ['the issuer tells that it was never used: since it was made', null, { issuerTells: true }, 100],
    ['a source saw a later use than the issuer tells', after(10 * DAY), { issuerTells: true, seenAt: after(40 * DAY) }, 60],
    ['the issuer tells a later use than any source saw', after(70 * DAY), { issuerTells: true, seenAt: after(40 * DAY) }, 30],
    ['only a source saw it, and all are read', null, { seenAt: after(40 * DAY), sourcesWell: true }, 60],
    ['a source saw it, and one is not read: it may be used now', null, { seenAt: after(40 * DAY) }, null],
    ['no source ever saw it: none may be beside its application', null, { sourcesWell: true }, null],
    ['nobody tells', null, {}, null],
    ['a last use in the future, by a clock that is ahead', after(101 * DAY), { issuerTells: true }, 0],
    ['a last use that is no instant', new Date(Number.NaN), { issuerTells: true }, null],
  ] as const)('%s', (_what, lastUsedAt, more, days) => {
    const ms = unusedFor({ key: keyRecord(), lastUsedAt }, evidence(more), after(100 * DAY));
    expect(ms === null ? null : ms / DAY).toBe(days);
  });

  test.each([[89, false], [90, true], [400, true]] as const)('after %d days, of 90: found %s', (days, found) => {
    expect(keyUnused(record(), keyRecord(), days * DAY, { after: 90 * DAY }) !== null).toBe(found);
    expect(keyUnused(record(), keyRecord(), days * DAY, null)).toBeNull();
  });
});

const found = (record_: ReturnType<typeof record>, day: number, facts: { lastRotatedAt?: Date | null } = {}) =>
  keyOlderThanPolicy(record_, keyRecord(), { credential: 'prod-api', lastRotatedAt: START, createdAt: START, ...facts }, after(day * DAY), { late: DAY });
const monthly = record();

describe('a key that should have been rotated', () => {
  test.each([
    ['not due yet', monthly, 29, null],
    ['due, and not late yet', monthly, 30.9, null],
    ['late', monthly, 31, 1],
    ['very late: counted from the first time that was missed, not from the last', monthly, 95, 65],
    ['rotated by hand only', record({}, { everyMs: null }), 400, null],
    ['a time of a cron pattern (the day after START, 03:00)', record({}, { everyMs: null, cron: '0 3 * * *' }), 2.625, 2],
    ['due, but its window opens only on Monday, the 6th of April', record({}, { window: MONDAY_MORNING }), 35, null],
    ['and has not begun in that window either', record({}, { window: MONDAY_MORNING }), 36, 1.125],
  ] as const)('%s', (_what, of, day, lateDays) => {
    const finding = found(of, day);
    expect(finding === null ? null : finding.value / DAY).toBe(lateDays);
  });

  test('that no rotation ever made it is counted from its creation', () => {
    expect(found(monthly, 31, { lastRotatedAt: null })?.value).toBe(DAY);
  });

  test('what downtime left overdue has time to be rotated before people hear of it', () => {
    expect(found(monthly, 95)?.pendingMs).toBe(30 * 60_000);
  });

  test('a rule that is off says nothing', () => {
    expect(keyOlderThanPolicy(monthly, keyRecord(), { credential: 'prod-api', lastRotatedAt: START, createdAt: START }, after(95 * DAY), null)).toBeNull();
  });
});
