import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextDue, occurrenceDue, type Timing } from '../../src/core/policy.ts';
import { CHANGES } from './zones.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const date = (iso: string): Date => new Date(iso);
const timing = (given: Partial<Timing>): Timing => ({ cron: null, timezone: 'UTC', everyMs: null, jitterMs: 0, ...given });
const facts = (rotated: string | null, created = '2026-01-01T00:00:00Z', credential = 'prod-api') => ({
  credential,
  lastRotatedAt: rotated === null ? null : date(rotated),
  createdAt: date(created),
});

describe('every: by the age of the key', () => {
  const monthly = timing({ everyMs: 30 * DAY });

  it('counts from the last rotation, else from creation', () => {
    expect(nextDue(monthly, { ...facts('2026-02-01T00:00:00Z'), after: date('2026-02-02T00:00:00Z') })).toEqual(date('2026-03-03T00:00:00Z'));
    expect(nextDue(monthly, { ...facts(null), after: date('2026-01-02T00:00:00Z') })).toEqual(date('2026-01-31T00:00:00Z'));
  });

  it('is not due before its age and due at it', () => {
    expect(occurrenceDue(monthly, facts('2026-02-01T00:00:00Z'), date('2026-03-02T23:59:59.999Z'))).toBeNull();
    expect(occurrenceDue(monthly, facts('2026-02-01T00:00:00Z'), date('2026-03-03T00:00:00Z'))?.occurrence).toEqual(date('2026-03-03T00:00:00Z'));
  });

  it('collapses all that downtime missed into the latest', () => {
    const due = occurrenceDue(monthly, facts('2026-01-01T00:00:00Z'), date('2026-06-15T00:00:00Z'));
    expect(due?.occurrence).toEqual(date('2026-05-31T00:00:00Z'));
    expect(occurrenceDue(monthly, facts('2026-06-15T00:00:00Z'), date('2026-06-15T00:00:01Z'))).toBeNull();
  });

  it('works in seconds', () => {
    const quick = timing({ everyMs: 5_000 });
    expect(nextDue(quick, { ...facts('2026-01-01T00:00:00Z'), after: date('2026-01-01T00:00:01Z') })).toEqual(date('2026-01-01T00:00:05Z'));
  });
});

describe('cron: by the calendar', () => {
  const weekly = timing({ cron: '0 3 * * 1', timezone: 'Europe/Berlin' });

  it('collapses missed Mondays into the latest one', () => {
    const due = occurrenceDue(weekly, facts('2026-05-04T01:05:00Z'), date('2026-06-03T12:00:00Z'));
    expect(due?.occurrence).toEqual(date('2026-06-01T01:00:00Z'));
  });

  it('takes a rotation by hand after the occurrence as its answer, and one before it not', () => {
    expect(occurrenceDue(weekly, facts('2026-06-01T01:00:00Z'), date('2026-06-03T12:00:00Z'))).toBeNull();
    expect(occurrenceDue(weekly, facts('2026-06-01T00:59:59Z'), date('2026-06-03T12:00:00Z'))).not.toBeNull();
  });

  it('owes nothing from before the credential was declared', () => {
    expect(occurrenceDue(weekly, facts(null, '2026-06-02T00:00:00Z'), date('2026-06-07T00:00:00Z'))).toBeNull();
  });

  it('keeps an occurrence’s identity when jitter is configured anew', () => {
    const now = date('2026-06-01T23:00:00Z');
    const seen = [0, 5 * MINUTE, HOUR].map((jitterMs) => occurrenceDue({ ...weekly, jitterMs }, facts(null), now)?.occurrence);
    expect(new Set(seen.map((at) => at?.toISOString()))).toEqual(new Set(['2026-06-01T01:00:00.000Z']));
  });

  it('gives no second due instant for an occurrence that was answered before its jitter had passed', () => {
    const jittery = { ...weekly, jitterMs: 3 * HOUR };
    const subject = { ...facts('2026-06-01T01:00:01Z'), after: date('2026-06-01T01:00:02Z') };
    expect(nextDue(jittery, subject)?.getTime()).toBeGreaterThanOrEqual(date('2026-06-08T01:00:00Z').getTime());
  });
});

it('by hand only is never due', () => {
  expect(nextDue(timing({}), { ...facts(null), after: date('2026-06-01T00:00:00Z') })).toBeNull();
  expect(occurrenceDue(timing({}), facts(null), date('2036-06-01T00:00:00Z'))).toBeNull();
});

describe('whatever the policy, the zone and the moment', () => {
  const schedule = fc.oneof(
    fc.record({ everyMs: fc.integer({ min: 1_000, max: 90 * DAY }), cron: fc.constant(null) }),
    fc.record({ everyMs: fc.constant(null), cron: fc.constantFrom('0 3 * * 1', '30 2 * * *', '*/10 * * * *', '0 0 1 * *') }),
  );
  const situation = fc
    .record({
      schedule,
      change: fc.constantFrom(...CHANGES),
      jitterMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 * DAY })),
      credential: fc.string({ minLength: 1, maxLength: 20 }),
      since: fc.integer({ min: 0, max: 200 * DAY }),
      by: fc.integer({ min: -3 * DAY, max: 3 * DAY }),
    })
    .map(({ schedule, change, jitterMs, credential, since, by }) => {
      const now = new Date(change.at + by);
      const policy: Timing = { ...schedule, timezone: change.zone, jitterMs };
      return { policy, now, subject: { credential, lastRotatedAt: null, createdAt: new Date(now.getTime() - since) } };
    });

  it('the next due instant is after `after`, and stable', () => {
    fc.assert(
      fc.property(situation, ({ policy, now, subject }) => {
        const next = nextDue(policy, { ...subject, after: now });
        expect(next?.getTime()).toBeGreaterThan(now.getTime());
        expect(nextDue(policy, { ...subject, after: now })).toEqual(next);
      }),
      { numRuns: 500 },
    );
  });

  it('jitter is bounded, and never reaches the next occurrence', () => {
    fc.assert(
      fc.property(situation, ({ policy, now, subject }) => {
        const due = occurrenceDue(policy, subject, now);
        if (due === null) return;
        const delay = due.dueAt.getTime() - due.occurrence.getTime();
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(policy.jitterMs);
        const following = nextDue({ ...policy, jitterMs: 0 }, { ...subject, after: due.occurrence });
        expect(due.dueAt.getTime()).toBeLessThan(following?.getTime() ?? 0);
      }),
      { numRuns: 500 },
    );
  });

  it('what is announced falls due exactly then, and not a millisecond before', () => {
    fc.assert(
      fc.property(situation, ({ policy, now, subject }) => {
        const next = nextDue(policy, { ...subject, after: now });
        if (next === null) throw new Error('these schedules always go on');
        expect(occurrenceDue(policy, subject, next)?.dueAt).toEqual(next);
        const before = occurrenceDue(policy, subject, new Date(next.getTime() - 1));
        expect(before?.dueAt.getTime() ?? 0).toBeLessThanOrEqual(now.getTime());
      }),
      { numRuns: 500 },
    );
  });

  it('a rotation at any moment after an occurrence answers it: one rotation, however long the downtime', () => {
    fc.assert(
      fc.property(situation, ({ policy, now, subject }) => {
        if (occurrenceDue(policy, subject, now) === null) return;
        expect(occurrenceDue(policy, { ...subject, lastRotatedAt: now }, now)).toBeNull();
      }),
    );
  });

  it('jitter differs between credentials', () => {
    const policy = timing({ everyMs: 30 * DAY, jitterMs: 10 * HOUR });
    const dues = Array.from({ length: 50 }, (_, n) => nextDue(policy, { ...facts(null, undefined, `service-${n}`), after: date('2026-01-02T00:00:00Z') })?.getTime());
    expect(new Set(dues).size).toBeGreaterThan(45);
  });
});
