/** Each rule by itself: what it takes for news, and what not. */
import { describe, expect, test } from 'vitest';
import { ruleSettings } from '../../src/config/index.ts';
import type { RuleSettings } from '../../src/core/watching.ts';
import type { UsageCounts } from '../../src/ports/usage-ledger.ts';
import type { CredentialRecord } from '../../src/ports/ledger.ts';
import { lookAt, lookBackMs } from '../../src/usage/rules/index.ts';
import { firstState } from '../../src/usage/scan/memory.ts';
import { MOST_NETWORKS } from '../../src/usage/scan/callers.ts';
import type { Sight } from '../../src/usage/scan/sight.ts';
import { load } from '../config/support.ts';
import { planOf } from '../ledger/fixtures.ts';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const NOW = Date.parse('2026-03-03T12:00:00Z');
const DEFAULTS = ruleSettings(load('version: 1').config);
const RECORD: CredentialRecord = { name: 'api', issuer: 'hm', owner: 'team', revision: 'r', plan: planOf('api'), declared: true, currentKeyId: 'k', dueAt: null, firstSeenAt: new Date(0), lastRotatedAt: null };
const key = (more: object = {}) => ({ id: 'k', credential: 'api', issuer: 'hm', issuerKeyId: 'ik', name: 'n', prefix: 'hm_live_', fingerprint: null, scopes: [], state: 'current' as const, proven: true, rotationId: null, createdAt: new Date(0), revokedAt: null, ...more });
const each = (minutes: number, counts: Partial<UsageCounts>): Map<number, UsageCounts> => new Map(Array.from({ length: minutes }, (_, n) => [NOW - (n + 1) * MINUTE, { requests: 0, failed: 0, denied: 0, ...counts }]));

function sight(more: Partial<Sight>): Sight {
  const minutes = more.minutes ?? new Map<number, UsageCounts>();
  return { record: RECORD, source: 'log', until: NOW, shown: NOW, keys: [key()], drains: new Map(), byKey: new Map([['k', minutes]]), minutes, memory: firstState('api', 'log', NOW - 30 * DAY, null).record, callers: [], ...more };
}

const found = (given: Sight, settings: Partial<RuleSettings> = {}): readonly string[] => lookAt(given, { ...DEFAULTS, ...settings }).map(({ rule, value, fireAt }) => `${rule}${value >= fireAt ? '' : ' (below)'}`);

const drains = new Map([['old', NOW - DAY]]);
const used = (state: 'draining' | 'revoked', revokedAt: number | null = null): Partial<Sight> => ({ keys: [key(), key({ id: 'old', state, revokedAt: revokedAt === null ? null : new Date(revokedAt) })], byKey: new Map([['old', each(1, { requests: 1 })]]) });
const networks = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `10.0.${n}.0/24`, first: NOW - (n === 0 ? MINUTE : 20 * DAY), last: NOW }));
const peak = (score: number, seen = NOW) => ({ ...firstState('api', 'log', NOW, null).record, peak: { at: NOW - MINUTE, seen, score, minutes: 1, actual: 500, low: 5, high: 20 } });
const memory = (count: number, begunAt: number) => ({ ...firstState('api', 'log', begunAt, null).record, networks: networks(count) });
const caller = (at: number) => [{ keyId: 'old', source: 'log', address: '10.0.0.1', agent: '', requests: 1, failed: 0, denied: 0, firstSeen: new Date(at), lastSeen: new Date(at) }];

describe('by default', () => {
  test('silence is no news', () => expect(found(sight({}))).toEqual([]));

  test.each<[string, Partial<UsageCounts>, number, readonly string[]]>([
    ['a fifth of many requests failing', { requests: 10, failed: 2 }, 15, ['error_rate']],
    ['a little less, which does not begin an alert and does not end one', { requests: 100, failed: 17 }, 15, ['error_rate (below)']],
    ['a tenth of them', { requests: 10, failed: 1 }, 15, []],
    ['all of a few', { requests: 3, failed: 3 }, 15, []],
    ['two refusals a minute', { requests: 10, denied: 2 }, 15, ['failed_authentications']],
    ['refusals, which are no failures of those that were let in', { requests: 100, denied: 1 }, 15, ['failed_authentications (below)']],
    ['a stray refusal', { requests: 10, denied: 1 }, 5, []],
    ['counts that make no sense', { requests: 0, failed: 5, denied: 9 }, 1, []],
  ])('%s', (_, counts, minutes, rules) => expect(found(sight({ minutes: each(minutes, counts) }))).toEqual(rules));
});

describe('a declared rate', () => {
  const settings = { request_rate: { perMinute: 100, for: 5 * MINUTE } };
  test('must be exceeded in every minute of its time', () => {
    expect(found(sight({ minutes: each(5, { requests: 101 }) }), settings)).toEqual(['request_rate']);
    expect(found(sight({ minutes: each(4, { requests: 5_000 }) }), settings)).toEqual([]);
    expect(found(sight({ minutes: each(5, { requests: 85 }) }), settings)).toEqual(['request_rate (below)']);
    expect(found(sight({ minutes: each(5, { requests: 500, denied: 450 }) }), settings), 'attempts are no use').not.toContain('request_rate');
  });
  test('is looked at as far back as it says', () => {
    expect(lookBackMs(DEFAULTS)).toBe(15 * MINUTE);
    expect(lookBackMs({ ...DEFAULTS, request_rate: { perMinute: 1, for: 60 * MINUTE } })).toBe(60 * MINUTE);
  });
});

describe('an old key', () => {
  test('that drains is told of when it is used after the overlap, and not within it', () => {
    expect(found(sight({ ...used('draining'), drains }))).toEqual(['retired_key_in_use']);
    expect(found(sight({ ...used('draining'), drains, record: { ...RECORD, plan: { ...RECORD.plan, policy: { ...RECORD.plan.policy, overlapMs: 2 * DAY } } } }))).toEqual([]);
  });
  test('that was rolled back is nobody’s old key', () => expect(found(sight(used('draining')))).toEqual([]));
  test('within the minute in which the overlap ended is judged by when its callers were seen', () => {
    const end = NOW + 10_000;
    const just = { keys: [key(), key({ id: 'old', state: 'draining' })], byKey: new Map([['old', new Map([[NOW, { requests: 2, failed: 0, denied: 0 }]])]]), drains: new Map([['old', end]]), shown: NOW + 40_000 };
    expect(found(sight({ ...just, callers: caller(end - 1) })).filter((rule) => rule.startsWith('retired'))).toEqual([]);
    expect(found(sight({ ...just, callers: caller(end + 1) })).filter((rule) => rule.startsWith('retired'))).toEqual(['retired_key_in_use']);
    const [told] = lookAt(sight({ ...just, callers: caller(end + 1) }), DEFAULTS).filter(({ rule }) => rule === 'retired_key_in_use');
    expect([told?.actual, told?.happened]).toEqual(['at least 1 request', expect.stringContaining('was used at least 1 time since its overlap ended, by 10.0.0.1')]);
  });
  test('that is dead is told of from the minute after its end on', () => {
    expect(found(sight(used('revoked', NOW - DAY)))).toEqual(['revoked_key_tried']);
    expect(found(sight(used('revoked', NOW - 30_000)))).toEqual([]);
  });
});

describe('callers', () => {
  test('are new after the time of learning, for a day', () => {
    expect(found(sight({ memory: memory(2, NOW - 30 * DAY) }))).toEqual(['new_network']);
    expect(found(sight({ memory: memory(2, NOW - 3 * DAY) }))).toEqual([]);
    expect(found(sight({ memory: memory(2, NOW - 30 * DAY), shown: NOW + DAY }))).toEqual([]);
  });
  test('from everywhere are never new', () => expect(found(sight({ memory: memory(MOST_NETWORKS, NOW - 30 * DAY) }))).toEqual([]));
});

describe('a peak', () => {
  test('fires at what the budget allows, holds on above half of that, and is history after a while', () => {
    expect(found(sight({ memory: peak(7) }))).toEqual(['unusual_traffic']);
    expect(found(sight({ memory: peak(4) }))).toEqual(['unusual_traffic (below)']);
    expect(found(sight({ memory: peak(7) }), { unusual_traffic: { budget: 0.000_1, timezone: 'UTC' } })).toEqual(['unusual_traffic (below)']);
    expect(found(sight({ memory: peak(7, NOW - 16 * MINUTE) }))).toEqual([]);
  });
});

test('a rule that is off says nothing', () => {
  const off = Object.fromEntries(Object.keys(DEFAULTS).map((rule) => [rule, null])) as unknown as RuleSettings;
  expect(lookAt(sight({ minutes: each(15, { requests: 10, failed: 10, denied: 5 }) }), off)).toEqual([]);
});

const doers = (given: Sight, settings: Partial<RuleSettings>) => lookAt(given, { ...DEFAULTS, ...settings }).map(({ rule, keys }) => [rule, keys]);
const by = (keyId: string, address: string, requests: number, denied = 0) => ({ keyId, source: 'log', address, agent: '', requests, failed: 0, denied, firstSeen: new Date(NOW - MINUTE), lastSeen: new Date(NOW - MINUTE) });

describe('the keys that something was done with', () => {
  test('are those of callers outside, the most used first, and none of which every request was refused', () => {
    const callers = [by('a', '203.0.113.1', 2), by('b', '203.0.113.2', 9), by('b', '10.0.0.2', 99), by('c', '203.0.113.3', 5, 5), by('d', '10.0.0.4', 50)];
    expect(doers(sight({ callers }), { outside_networks: { networks: ['10.0.0.0/8'] } })).toEqual([['outside_networks', ['b', 'a']]]);
  });

  test('are those that were served when nobody should have been', () => {
    const window = { days: [1, 2, 3, 4, 5, 6, 7], fromMinute: 0, toMinute: 60, timezone: 'UTC' };
    const byKey = new Map([['a', each(1, { requests: 3 })], ['b', each(1, { requests: 4, denied: 4 })], ['c', new Map([[NOW - 20 * MINUTE, { requests: 9, failed: 0, denied: 0 }]])]]);
    expect(doers(sight({ byKey, minutes: each(1, { requests: 3 }) }), { outside_hours: { window } })).toEqual([['outside_hours', ['a']]]);
  });

  test('of a rate it is the one that made it', () => {
    const byKey = new Map([['a', each(5, { requests: 20 })], ['b', each(5, { requests: 200 })]]);
    expect(doers(sight({ byKey, minutes: each(5, { requests: 220 }) }), { request_rate: { perMinute: 100, for: 5 * MINUTE } })).toEqual([['request_rate', ['b']]]);
  });
});
