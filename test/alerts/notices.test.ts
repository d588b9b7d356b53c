import { describe, expect, it } from 'vitest';
import * as notices from '../../src/alerts/notices.ts';
import { alertNotice, digestNotice } from '../../src/alerts/alert-notices.ts';
import { dailySummary } from '../../src/alerts/summary.ts';
import { duration, listed, shortId } from '../../src/alerts/phrases.ts';
import { NOTICE_KINDS } from '../../src/core/vocabulary.ts';
import type { Notice } from '../../src/core/vocabulary.ts';
import { firing, START } from './alert-fixtures.ts';
import type { DailyFigures } from '../../src/ports/ledger.ts';

const about = { credential: 'prod-api-server', issuer: 'hypermemory', owner: 'platform', rotationId: '01JR', kind: 'scheduled' as const };
const oldKey = { prefix: 'hm_live_', issuerKeyId: 'key_1' };
const newKey = { prefix: 'hm_live_', issuerKeyId: 'key_2' };
const failed = { ...about, reason: 'check_red', message: 'The issuer answered 401', oldKey, newKey };
const stopped = { ...about, reason: 'issuer_limit', message: 'HyperMemory allows 5 keys, and 5 are in use' };
const revoked = { ...about, key: oldKey, cause: 'superseded' as const };
const drift = { ...about, place: 'secret prod/api (eu-west-1)', expected: 'key_2', found: 'something unknown', repaired: false };

const quiet: DailyFigures = { begunAt: null, done: 3, aborted: 0, rolledBack: 0, blocked: [], due: [], openDebts: 0, oldestDebtAgeMs: null, deliveriesStuck: 0 };

const every: Record<string, Notice> = {
  rotationDone: notices.rotationDone({ ...about, oldKey, newKey, places: ['secret a', '/srv/.env'], tookMs: 4_200 }),
  emergencyDone: notices.rotationDone({ ...about, kind: 'emergency', oldKey, newKey, places: ['a'], tookMs: 4_200, gapMs: 2_000 }),
  bootstrapDone: notices.rotationDone({ ...about, oldKey: null, newKey, places: ['a'], tookMs: 4_200 }),
  rotationAborted: notices.rotationAborted(failed),
  rotationRolledBack: notices.rotationRolledBack(failed),
  rotationBlocked: notices.rotationBlocked(stopped),
  rotationWaiting: notices.rotationWaiting({ ...stopped, state: 'draining', waitingMs: 90_000 }),
  rotationHolding: notices.rotationWaiting({ ...stopped, state: 'confirmed', waitingMs: 90_000, holding: true }),
  keyRevoked: notices.keyRevoked(revoked),
  debtOverdue: notices.debtOverdue({ ...revoked, debtId: '01JB', ageMs: 7_200_000, attempts: 9, lastError: 'The issuer answers 503' }),
  storeDrift: notices.storeDrift(drift),
  inventory: notices.inventoryNotice({ issuer: 'hypermemory', problems: [{ what: 'unmanaged', key: 'alice-test', message: 'Made by hand' }] }),
  summaryQuiet: dailySummary({ day: '2026-03-04', figures: quiet, auditHead: { seq: 12, hash: 'a'.repeat(64) } }),
  summaryBusy: dailySummary({ day: '2026-03-05', figures: { ...quiet, done: 1, aborted: 2, rolledBack: 1, blocked: ['prod-web'], due: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], openDebts: 2, oldestDebtAgeMs: 7_200_000, deliveriesStuck: 1 }, auditHead: null }),
  summaryBroken: dailySummary({ day: '2026-03-06', figures: quiet, auditHead: 'broken' }),
  alert: alertNotice({ message: 'fired', lead: firing('01JA'), others: [], now: START }),
  alertOver: alertNotice({ message: 'resolved', lead: firing('01JA'), others: [], now: START }),
  digest: digestNotice({ digest: { id: '01JD', openedAt: START, lastAt: START, saidAt: null, dirty: true, total: 40, bySeverity: { info: 0, warning: 40, critical: 0 } }, open: [firing('01JA')], now: START }),
  channelFailing: notices.channelFailing({ channel: 'ops', waiting: 3, stuck: 1, oldestAgeMs: 1_800_000, failingMs: 1_800_000, lastError: 'Slack answered HTTP 503' }),
  test: notices.testNotice({ id: '1', who: 'cli:alice@host' }),
};

function waits(state: string): string {
  return notices.rotationWaiting({ ...stopped, state, waitingMs: 1 }).dedupeKey;
}

function found(...keys: string[]): string {
  return notices.inventoryNotice({ issuer: 'h', problems: keys.map((key) => ({ what: 'unmanaged' as const, key, message: key })) }).dedupeKey;
}

describe('notices', () => {
  it('there is one for every kind', () => {
    expect(new Set(Object.values(every).map((notice) => notice.kind))).toEqual(new Set(NOTICE_KINDS));
  });

  it.each(Object.entries(every))('%s says what happened and what it means, in whole sentences and one title line', (_, notice) => {
    expect(notice.title).not.toMatch(/[\n.]$/);
    for (const text of [notice.happened, notice.means, ...notice.todo]) expect(text).toMatch(/^[A-Z`].*[.?…]$/s);
    expect(`${notice.happened} ${notice.means} ${notice.todo.join(' ')} ${Object.values(notice.facts).join(' ')}`).not.toMatch(/undefined|null|NaN|\.\./);
  });

  it.each(Object.entries(every).filter(([, notice]) => notice.severity !== 'info'))('%s, which is no mere news, says what to do', (_, notice) => {
    if (notice.kind !== 'rotation_done' || notice.severity !== 'info') expect(notice.todo.length).toBeGreaterThan(0);
  });

  it('are as urgent as they should be', () => {
    expect(Object.fromEntries(Object.entries(every).map(([name, notice]) => [name, notice.severity]))).toMatchObject({
      rotationDone: 'info',
      emergencyDone: 'warning',
      rotationAborted: 'warning',
      rotationRolledBack: 'critical',
      rotationBlocked: 'warning',
      rotationHolding: 'critical',
      debtOverdue: 'critical',
      storeDrift: 'critical',
      summaryQuiet: 'info',
      summaryBusy: 'warning',
      summaryBroken: 'critical',
    });
    expect(notices.storeDrift({ ...drift, repaired: true }).severity).toBe('warning');
  });

  it('an emergency reports the gap that it caused', () => {
    expect(every['emergencyDone']?.facts['Without a working key']).toBe('2.0 seconds');
    expect(every['emergencyDone']?.means).toContain('2.0 seconds');
  });

  it('name the old and the new key so that they can be found, and the owner', () => {
    expect(every['rotationDone']?.facts).toMatchObject({ 'Old key': 'hm_live_… (id key_1)', 'New key': 'hm_live_… (id key_2)', Owner: 'platform' });
  });

  it('repeat themselves for people only when something is new', () => {
    expect(waits('draining')).toBe(waits('draining'));
    expect(waits('draining')).not.toBe(waits('revoking'));
    expect(found('a', 'b')).toBe(found('b', 'a'));
    expect(found('a')).not.toBe(found('a', 'b'));
    expect(new Set(Object.values(every).map((notice) => notice.dedupeKey)).size).toBe(Object.keys(every).length - 2);
  });

  it('a summary says in a line what was, what comes and what needs somebody, and carries the end of the audit chain', () => {
    expect(every['summaryQuiet']).toMatchObject({
      title: 'Daily summary: nothing needs you',
      happened: 'In the last 24 hours 3 rotations were done. No credential falls due in the next 24 hours.',
      means: 'Nothing waits for a person. Keep this message: its audit head proves later that nothing was cut off the audit log.',
      todo: [],
      facts: { 'Audit head': `12:${'a'.repeat(64)}`, 'Keys to revoke': '0' },
      dedupeKey: 'daily_summary:2026-03-04',
    });
    expect(every['summaryBusy']).toMatchObject({
      title: 'Daily summary: 3 things need you',
      happened: 'In the last 24 hours 1 rotation was done, 2 aborted and 1 rolled back. 7 credentials fall due in the next 24 hours: `a`, `b`, `c`, `d`, `e` and 2 more.',
      means: 'Blocked: `prod-web`. Not revoked yet: 2 keys. Refused by a channel: 1 message.',
      facts: { Rotations: '1 done, 2 aborted, 1 rolled back', 'Audit head': 'none yet', 'Keys to revoke': '2, the oldest for 2 hours' },
    });
    expect(every['summaryBroken']?.todo).toEqual([expect.stringContaining('keyturn audit verify')]);
  });

  it('take the steps that the cause names instead of general ones', () => {
    expect(notices.rotationBlocked({ ...stopped, todo: ['Upgrade the plan.'] }).todo).toEqual(['Upgrade the plan.']);
  });

  it('stay readable when an inventory finds hundreds of keys', () => {
    const problems = Array.from({ length: 300 }, (_, i) => ({ what: 'unmanaged' as const, key: `k${i}`, message: 'Made by hand' }));
    const notice = notices.inventoryNotice({ issuer: 'h', problems });
    expect(Object.keys(notice.facts).length).toBeLessThan(15);
    expect(notice.facts['More']).toContain('288');
    expect(notice.dedupeKey.length).toBeLessThan(60);
  });
});

describe('phrases', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [2_449, '2.4 seconds'],
    [59_600, '1 minute'],
    [61_000, '1 minute 1 second'],
    [3_600_000, '1 hour'],
    [3_605_000, '1 hour'],
    [93_600_000, '1 day 2 hours'],
    [-5, '0 ms'],
  ])('%d ms is %s', (ms, said) => {
    expect(duration(ms)).toBe(said);
  });

  it('lists as people do, and shortens long ids in their middle', () => {
    expect([listed([]), listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c'])]).toEqual(['', 'a', 'a and b', 'a, b and c']);
    expect(shortId('a'.repeat(20))).toBe('a'.repeat(20));
    expect(shortId(`${'a'.repeat(30)}${'z'.repeat(30)}`)).toBe('aaaaaaaaaaaaaa…zzzzzzzz');
  });
});
