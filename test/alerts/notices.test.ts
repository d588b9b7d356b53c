import { describe, expect, it } from 'vitest';
import * as notices from '../../src/alerts/notices.ts';
import { alertNotice, digestNotice } from '../../src/alerts/alert-notices.ts';
import { dailySummary } from '../../src/alerts/summary.ts';
import { drillNotPassed, drillPassed, drillRefused } from '../../src/alerts/drill-notices.ts';
import { leakNotice, leakUnread } from '../../src/alerts/leak-notices.ts';
import { LEAK_OUTCOMES, type LeakOutcome } from '../../src/core/leak.ts';
import { duration, listed, shortId } from '../../src/core/phrases.ts';
import * as responseNotices from '../../src/alerts/response-notices.ts';
import type { Response } from '../../src/ports/response-ledger.ts';
import { NOTICE_KINDS } from '../../src/core/vocabulary.ts';
import type { KeyRecord, Notice } from '../../src/core/vocabulary.ts';
import { firing, START } from './alert-fixtures.ts';
import { reportNotice, reportOf } from '../../src/incidents/index.ts';
import { factsOf } from '../incidents/incident-fixtures.ts';
import type { DailyFigures } from '../../src/ports/ledger.ts';

const about = { credential: 'prod-api-server', issuer: 'hypermemory', owner: 'platform', rotationId: '01JR', kind: 'scheduled' as const };
const oldKey = { prefix: 'hm_live_', issuerKeyId: 'key_1' };
const newKey = { prefix: 'hm_live_', issuerKeyId: 'key_2' };
const failed = { ...about, reason: 'check_red', message: 'The issuer answered 401', oldKey, newKey };
const stopped = { ...about, reason: 'issuer_limit', message: 'HyperMemory allows 5 keys, and 5 are in use' };
const revoked = { ...about, key: oldKey, cause: 'superseded' as const };
const drill = { id: '01JDRILL', credential: 'prod-api-server', issuer: 'hypermemory', owner: 'platform' };
const drift = { ...about, place: 'secret prod/api (eu-west-1)', expected: 'key_2', found: 'something unknown', repaired: false };

const quiet: DailyFigures = { begunAt: null, done: 3, aborted: 0, rolledBack: 0, blocked: [], due: [], keyAges: [4, 0, 1, 0], oldestKey: { credential: 'prod-db', ageMs: 100 * 86_400_000 }, openDebts: 0, oldestDebtAgeMs: null, deliveriesStuck: 0 };

function leaks(): Record<string, Notice> {
  const at = new Date('2026-03-02T12:00:00Z');
  const key: KeyRecord = { id: 'k', credential: 'prod-api-server', issuer: 'hypermemory', ...oldKey, name: 'n', fingerprint: null, scopes: [], state: 'draining', proven: true, rotationId: null, createdAt: at, revokedAt: at };
  const leak = { id: 'l', source: 'github', form: 'value', url: 'https://github.com/o/r/blob/main/.env', foundAt: null, reportedAt: at, detail: 'hypermemory_key', looksLike: 'hypermemory', lastError: 'GitHub answers 404' } as const;
  const told = (outcome: LeakOutcome) => leakNotice({ leak, key: ['unmanaged', 'unreadable', 'unknown'].includes(outcome) ? null : key, owner: 'platform', outcome }).notice;
  return Object.fromEntries(LEAK_OUTCOMES.flatMap((outcome) => { const notice = told(outcome); return notice === null ? [] : [[`leak ${outcome}`, notice]]; }));
}

function responses(): Record<string, Notice> {
  const seed = { id: '01JR', alert: '01JA', incident: '01JA', rule: 'outside_networks', credential: 'prod-api', issuer: 'hm', keyId: '01JK', mode: 'approve', policy: 'monthly', owner: 'platform', said: { title: 'prod-api: used from outside its networks', happened: '`prod-api` is used from 203.0.113.9.', expected: 'addresses in 10.0.0.0/8', facts: { 'Used lately by': '203.0.113.9' } }, threads: { ops: '01JA' } } as const;
  const response: Response = { ...seed, state: 'waiting', openedAt: new Date(START), expiresAt: new Date(START + 3_600_000), decidedBy: null, decidedAt: null, intent: null, rotationId: null, message: null, attempts: 0, lastError: null };
  const key = { ...oldKey, state: 'current' as const };
  const held = Array.from({ length: 12 }, (_, n) => ({ seed: { ...seed, id: `01JR${n}`, credential: `prod-${n}`, keyId: `01JK${n}` }, why: '2 responses began within the last hour, and response.maxPerHour (2) allows no more.' }));
  const alice = { who: 'link:Alice', why: 'by the link of a message' };
  return {
    revokes: responseNotices.revokesNotice(seed, key), asks: responseNotices.askNotice(seed, { ...key, state: 'staged' }, new Date(START)), approved: responseNotices.decidedNotice(response, { ...key, state: 'draining' }, 'accepted', alice),
    declined: responseNotices.decidedNotice(response, key, 'declined', alice), expired: responseNotices.expiredNotice(response, key), withheld: responseNotices.withheldNotice(seed, key, 'prod-api is protected: no finding has a key of it revoked.'),
    trippedOne: responseNotices.trippedNotice(held.slice(1, 2), new Map([['01JK1', key]])), trippedMany: responseNotices.trippedNotice(held, new Map()),
  };
}

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
  summaryQuiet: dailySummary({ day: '2026-03-04', every: 'day', alerts: { fired: 2, open: { info: 1, warning: 0, critical: 0 }, worst: { id: '01A', title: 'prod-db: a new user agent', severity: 'info' } }, figures: quiet, auditHead: { seq: 12, hash: 'a'.repeat(64) } }),
  summaryBusy: dailySummary({ day: '2026-03-05', every: 'week', alerts: { fired: 14, open: { info: 0, warning: 2, critical: 1 }, worst: { id: '01B', title: 'prod-web: most requests fail', severity: 'critical' } }, figures: { ...quiet, done: 1, aborted: 2, rolledBack: 1, blocked: ['prod-web'], due: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], openDebts: 2, oldestDebtAgeMs: 7_200_000, deliveriesStuck: 1 }, auditHead: null }),
  summaryBroken: dailySummary({ day: '2026-03-06', every: 'day', alerts: null, figures: quiet, auditHead: 'broken' }),
  alert: alertNotice({ message: 'fired', lead: firing('01JA'), others: [], now: START }),
  alertOver: alertNotice({ message: 'resolved', lead: firing('01JA'), others: [], now: START }),
  digest: digestNotice({ digest: { id: '01JD', openedAt: START, lastAt: START, saidAt: null, dirty: true, total: 40, bySeverity: { info: 0, warning: 40, critical: 0 } }, open: [firing('01JA')], now: START }),
  channelFailing: notices.channelFailing({ channel: 'ops', waiting: 3, stuck: 1, oldestAgeMs: 1_800_000, failingMs: 1_800_000, lastError: 'Slack answered HTTP 503' }),
  leakUnread: leakUnread({ source: 'github', url: 'https://github.com/o/r/security/secret-scanning/7', lastError: 'GitHub answers 404' }),
  ...leaks(),
  drillPassed: drillPassed({ ...drill, revokeMs: 84, recoverMs: 612 }),
  drillFailed: drillNotPassed({ ...drill, verdict: { state: 'failed', why: 'The issuer answers 503' } }),
  drillGivenUp: drillNotPassed({ ...drill, verdict: { state: 'given_up', why: 'An emergency of prod-web came first.' } }),
  drillRefused: drillRefused({ ...drill, occurrence: new Date('2026-03-01T09:00:00Z'), why: 'There is no room.', todo: 'Raise the limit' }),
  ...responses(),
  incidentReport: reportNotice({ report: reportOf(factsOf()), version: 1, news: [] }),
  test: notices.testNotice({ id: '1', who: 'cli:alice@host' }),
};

function waits(state: string): string {
  return notices.rotationWaiting({ ...stopped, state, waitingMs: 1 }).dedupeKey;
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
    expect(new Set(Object.values(every).map((notice) => notice.dedupeKey)).size).toBe(Object.keys(every).length - 2);
  });

  it('a summary says in a line what was, what comes and what needs somebody, and carries the end of the audit chain', () => {
    expect(every['summaryQuiet']).toMatchObject({
      title: 'Daily summary: nothing needs you',
      happened: 'In the last 24 hours 3 rotations were done. No credential falls due in the next 24 hours.',
      means: 'Nothing waits for a person. Keep this message: its audit head proves later that nothing was cut off the audit log.',
      todo: [],
      facts: { 'Audit head': `12:${'a'.repeat(64)}`, 'Keys to revoke': '0', 'Keys by age': '4 younger than 30 days, 1 of 90 to 365 days', 'Oldest key': '`prod-db`, 100 days', Alerts: '2 fired, not over: 1 info', 'Worst alert': 'prod-db: a new user agent, `01A`' },
      dedupeKey: 'daily_summary:2026-03-04',
    });
    expect(every['summaryBusy']).toMatchObject({
      title: 'Weekly summary: 4 things need you',
      happened: 'In the last 7 days 1 rotation was done, 2 aborted and 1 rolled back. 7 credentials fall due in the next 7 days: `a`, `b`, `c`, `d`, `e` and 2 more.',
      means: 'Alerts that are not over: 1 critical and 2 warning, the worst: prod-web: most requests fail. Blocked: `prod-web`. Not revoked yet: 2 keys. Refused by a channel: 1 message.',
      facts: { Rotations: '1 done, 2 aborted, 1 rolled back', 'Audit head': 'none yet', 'Keys to revoke': '2, the oldest for 2 hours' },
    });
    expect(every['summaryBroken']?.todo).toEqual([expect.stringContaining('keyturn audit verify')]);
  });

  it('take the steps that the cause names instead of general ones', () => {
    expect(notices.rotationBlocked({ ...stopped, todo: ['Upgrade the plan.'] }).todo).toEqual(['Upgrade the plan.']);
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
