/** When people hear again of an incident. */
import { expect, test } from 'vitest';
import { digestOf, newsSince, reportOf, type IncidentFacts } from '../../src/incidents/index.ts';
import { APPLICATION, at, bucket, callerOf, DEAD, factsOf, HOUR, LEAKED, MINUTE, recoveryOf, STRANGER, USAGE, dyingOf } from './incident-fixtures.ts';

const told = digestOf(reportOf(factsOf()));
const news = (usage: Partial<IncidentFacts['usage']>, more: Partial<IncidentFacts> = {}): readonly string[] => newsSince(told, reportOf(factsOf(more, usage)));
const more = (requests: number) => ({ hours: [...USAGE.hours, bucket(Date.parse('2026-03-04T08:00:00Z'), requests)] });

test('nothing new, and a little more, are no news', () => {
  expect(news({})).toEqual([]);
  expect(news(more(199))).toEqual([]);
});

test('a fifth more is, with the counts before and now', () => {
  expect(news(more(200))).toEqual(['As `gateway` tells now, it was 1,200 requests in place of 1,000 (20 % more).']);
});

const alone = (requests: number) => reportOf(factsOf({}, { hours: [bucket(Date.parse('2026-03-04T08:00:00Z'), requests)], minutes: [] }));

const audit = (requests: number) => ({ hours: [...USAGE.hours, bucket(Date.parse('2026-03-04T08:00:00Z'), requests, { source: 'audit' })] });

test('few more are none, however large their share; of a source that told nothing before they are from ten on', () => {
  const small = digestOf(reportOf(factsOf({}, { hours: [bucket(Date.parse('2026-03-04T08:00:00Z'), 5)], minutes: [] })));
  expect([newsSince(small, alone(14)), newsSince(small, alone(15)).length]).toEqual([[], 1]);
  expect([news(audit(9)), news(audit(10))]).toEqual([[], ['As `audit` tells now, it was 10 requests in place of 0.']]);
});

test('another caller is, by network and program; a version or an address beside a known one is none, nor is who was only refused', () => {
  expect(news({ callers: [APPLICATION, STRANGER, callerOf('198.51.100.4', 'curl/8')] })).toEqual(['Another caller is known now: `198.51.100.4` with `curl/8`.']);
  expect(news({ callers: [APPLICATION, STRANGER, callerOf('10.0.0.8', 'billing/2.2')] })).toEqual([]);
  expect(news({ callers: [APPLICATION, STRANGER, callerOf('198.51.100.4', 'curl/8', { denied: 10 })] })).toEqual([]);
});

test('use after the death is, and the end of what was open; that it is as before is none', () => {
  expect(news({ minutes: [...USAGE.minutes, bucket(DEAD + 2 * MINUTE, 3)] })).toEqual(['After the revocation 3 requests were served.']);
  const held = digestOf(reportOf(factsOf({ now: at(DEAD + HOUR), recovery: recoveryOf({ state: 'confirmed', recoveredAt: null }) })));
  expect(newsSince(held, reportOf(factsOf()))).toEqual(['Stores and applications are healthy now.']);
  const alive = digestOf(reportOf(factsOf({ dying: [dyingOf({ ...LEAKED, revokedAt: null })] })));
  expect(newsSince(alive, reportOf(factsOf({ recovery: recoveryOf({ state: 'confirmed', recoveredAt: null }) })))).toContain('Every key is dead now.');
});

test('what is kept of it survives the ledger', () => {
  expect(JSON.parse(JSON.stringify(told))).toEqual(told);
});
