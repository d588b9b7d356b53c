import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { summarise, type DailySetting } from '../../src/alerts/daily.ts';
import { anchorText } from '../../src/core/anchor.ts';
import type { Alert } from '../../src/core/alert.ts';
import type { Log } from '../../src/ports/log.ts';
import { asked, committed, created, debtOf, declared, leased, ACTOR, fresh, noticeOf, twoWorkers } from '../ledger/fixtures.ts';
import { firing } from './alert-fixtures.ts';
import { openRuntime, RUNTIMES, setClock, type OpenRuntime } from '../support/runtimes.ts';

const SETTING: DailySetting = { every: 'day', on: 'mon', at: '08:00', timezone: 'UTC', channels: ['ops', 'mail'] };

describe.each(RUNTIMES)('the daily summary on $name', (runtime) => {
  let open: OpenRuntime;
  let lines: Readonly<Record<string, unknown>>[];
  const record = (fields: object): void => void lines.push({ ...fields });
  const log: Log = { debug: record, info: record, warn: record, error: record, child: () => log };
  const at = (instant: string): Promise<void> => setClock(open.pool, new Date(instant));
  const told = async (): Promise<readonly string[]> => (await open.ledger.deliveries({}, { limit: 100 })).map((one) => `${one.channel} ${one.notice.dedupeKey}`).filter((one) => one.includes('daily_summary')).toReversed();
  const run = (last: string | null = null, setting = SETTING): Promise<string | null> => summarise({ ledger: open.ledger, alerts: open.alerts, log }, setting, last);

  beforeAll(async () => {
    lines = [];
    open = await openRuntime(runtime);
    await at('2026-03-04T10:00:00Z');
  });
  afterAll(() => open.close());

  test('waits for the first such time after the ledger was begun, and then comes once a day and channel, however many workers ask', async () => {
    expect(await run()).toBe('2026-03-04');
    await declared(open.ledger, 'idle');
    await open.ledger.audit({ type: 'test', actor: ACTOR, credential: null, rotationId: null, keyId: null, detail: {} });
    expect(await run()).toBe('2026-03-04');
    await at('2026-03-05T07:59:00Z');
    expect(await run('2026-03-04')).toBe('2026-03-04');
    expect(await told()).toEqual([]);

    await at('2026-03-05T08:00:30Z');
    const { ledgers, close } = await twoWorkers(open);
    await Promise.all(Array.from({ length: 6 }, (_, n) => summarise({ ledger: ledgers[n % 2] ?? open.ledger, log }, SETTING, n < 2 ? '2026-03-04' : null)));
    await close();
    expect((await told()).toSorted()).toEqual(['mail daily_summary:2026-03-05', 'ops daily_summary:2026-03-05']);
    expect(await run('2026-03-05')).toBe('2026-03-05');
    await at('2026-03-06T07:59:59Z');
    await run();
    expect(await told()).toHaveLength(2);

    await at('2026-03-09T23:00:00Z');
    expect(await run('2026-03-05')).toBe('2026-03-09');
    expect((await told()).slice(2).toSorted()).toEqual(['mail daily_summary:2026-03-09', 'ops daily_summary:2026-03-09']);
  });

  test('counts what ended in the day before, what is due in the next, what is blocked, owed and stuck; and its anchor is the end of the chain, in the notice and in the log', async () => {
    await at('2026-03-20T12:00:00Z');
    const old = await created(open.ledger, asked(fresh('old')));
    await committed(open.ledger, await leased(open.ledger, old.id), 'requested', { to: 'done', reason: 'x' });
    await at('2026-03-21T12:00:00Z');
    for (const to of ['done', 'done', 'aborted', 'rolled_back'] as const) {
      const rotation = await created(open.ledger, asked(fresh('ended')));
      await committed(open.ledger, await leased(open.ledger, rotation.id), 'requested', { to, reason: 'x' });
    }
    const blocked = await created(open.ledger, asked('stands'));
    await committed(open.ledger, await leased(open.ledger, blocked.id), 'requested', { to: 'blocked', reason: 'problems' });
    await open.ledger.addDebt(debtOf('owes'), ACTOR);
    await declared(open.ledger, 'soon', 'later', 'never', 'late');
    for (const [name, due] of [['soon', '2026-03-22T11:00:00Z'], ['later', '2026-03-25T00:00:00Z'], ['late', '2026-03-21T09:00:00Z']] as const) await open.ledger.setDue(name, new Date(due));
    await open.ledger.setDue('never', null);
    await open.ledger.notify(noticeOf('refused'), ['ops'], 1);
    const [id = ''] = await open.ledger.deliverable(100).then(async (ids) => (await Promise.all(ids.map(async (one) => ((await open.ledger.deliveries({}, { limit: 100 })).find((d) => d.id === one)?.notice.dedupeKey === 'refused' ? [one] : [])))).flat());
    const delivery = await open.ledger.leaseDelivery(id, 'w', 60_000);
    if (delivery === null) throw new Error('not deliverable');
    await open.ledger.undelivered(delivery, 'refused', null);
    await at('2026-03-22T08:00:10Z');

    lines = [];
    await run();
    const verdict = await open.ledger.verifyAudit();
    const anchor = anchorText({ seq: verdict.sealed, hash: verdict.head ?? '' });
    expect(verdict.sealed).toBe(verdict.events);
    const [newest] = await open.ledger.deliveries({}, { limit: 1 });
    expect(newest?.notice).toMatchObject({
      kind: 'daily_summary',
      facts: { Rotations: '2 done, 1 aborted, 1 rolled back', 'Blocked now': '1', 'Due next': '1', 'Keys to revoke': '1, the oldest for 20 hours', 'Stuck messages': '1', 'Audit head': anchor },
    });
    expect(newest?.notice.happened).toContain('`soon`');
    expect(newest?.notice.means).toContain('`stands`');
    expect(lines).toEqual([expect.objectContaining({ day: '2026-03-22', auditHead: anchor, done: 2, blocked: ['stands'] })]);
  });

  test('follows the clocks of its time zone, also where they were put forward', async () => {
    const berlin = { ...SETTING, timezone: 'Europe/Berlin', at: '02:30' };
    await at('2026-03-28T22:00:00Z');
    expect(await run(null, berlin)).toBe('2026-03-28');
    await at('2026-03-29T01:00:30Z'); // 03:00:30 in Berlin: 02:30 was skipped
    expect(await run('2026-03-28', berlin)).toBe('2026-03-29');
    await at('2026-03-30T00:29:00Z');
    expect(await run('2026-03-29', berlin)).toBe('2026-03-29');
    await at('2026-03-30T00:30:00Z');
    expect(await run('2026-03-29', berlin)).toBe('2026-03-30');
  });

  test('comes once a week on its weekday where that is asked for, over that week, and not again after a restart days later', async () => {
    const weekly: DailySetting = { ...SETTING, every: 'week', on: 'wed' };
    await at('2026-03-31T12:00:00Z');
    const before = await told();
    await at('2026-04-01T08:00:10Z'); // a Wednesday
    expect(await run('2026-03-25', weekly)).toBe('2026-04-01');
    expect((await told()).slice(before.length).toSorted()).toEqual(['mail daily_summary:2026-04-01', 'ops daily_summary:2026-04-01']);
    expect((await open.ledger.deliveries({}, { limit: 1 }))[0]?.notice).toMatchObject({ title: expect.stringMatching(/^Weekly summary/), happened: expect.stringContaining('In the last 7 days') });
    for (const later of ['2026-04-04T08:00:10Z', '2026-04-08T07:59:00Z']) {
      await at(later);
      expect(await run(null, weekly)).toBe('2026-04-01');
    }
    expect(await told()).toHaveLength(before.length + 2);
  });

  test('says how old keys are and what alerts fired, the oldest and the worst by name', async () => {
    await at('2026-04-10T12:00:00Z');
    const day = 86_400_000;
    const now = Date.parse('2026-04-10T12:00:00Z');
    await open.pool.query('update keyturn.credentials set current_key_id = null');
    const ages = { new: 1, young: 29, middle: 30, old: 91, ancient: 400 };
    await declared(open.ledger, ...Object.keys(ages));
    for (const [name, days] of Object.entries(ages)) {
      await open.pool.query(`insert into keyturn.keys (id, credential, issuer, issuer_key_id, name, prefix, scopes, state, proven, created_at) values ($1, $1, 'hm', $1, $1, 'hm_', '[]', 'current', true, $2)`, [name, new Date(now - days * day).toISOString()]);
      await open.pool.query('update keyturn.credentials set current_key_id = $1 where name = $1', [name]);
    }
    const alert = (id: string, severity: 'info' | 'warning' | 'critical', firedDaysAgo: number, more: Partial<Alert> = {}): Alert => ({ ...firing(id, { subject: id, severity, title: `${id} is ${severity}` }, { version: 0, firedAt: now - firedDaysAgo * day }), ...more });
    await open.alerts.apply({ dropped: [], channels: [], deliveries: [], alerts: [
      alert('01A', 'warning', 3), alert('01B', 'critical', 0.5), alert('01C', 'critical', 0.2, { state: 'recovering' }), alert('01D', 'critical', 0.1, { state: 'resolved', endedAt: now }), alert('01E', 'info', 5, { state: 'pending', firedAt: null }),
    ] });
    expect(await open.alerts.figures(day)).toEqual({ fired: 3, open: { info: 0, warning: 1, critical: 2 }, worst: { id: '01B', title: '01B is critical', severity: 'critical' } });
    const { keyAges, oldestKey } = await open.ledger.daily(day);
    expect(keyAges).toEqual([2, 1, 1, 1]);
    expect(oldestKey?.credential).toBe('ancient');
    expect(Math.round((oldestKey?.ageMs ?? 0) / day)).toBe(400);
    await at('2026-04-11T08:00:10Z');
    await run();
    expect((await open.ledger.deliveries({}, { limit: 1 }))[0]?.notice.facts).toMatchObject({
      'Keys by age': '2 younger than 30 days, 1 of 30 to 90 days, 1 of 90 to 365 days, 1 older', 'Oldest key': expect.stringMatching(/^`ancient`, 400 days/), Alerts: '1 fired, not over: 2 critical and 1 warning', 'Worst alert': '01B is critical, `01B`',
    });
  });

  test('says that the record of the chain was changed, instead of an anchor; and without channels the log still has the end of the chain', async () => {
    await at('2026-04-12T09:00:00Z');
    const before = (await told()).length;
    lines = [];
    await run(null, { ...SETTING, channels: [] });
    expect(lines).toEqual([expect.objectContaining({ day: '2026-04-12', auditHead: expect.stringMatching(/^\d+:[0-9a-f]{64}$/) })]);
    expect(await told()).toHaveLength(before);
    await open.pool.query("update keyturn.meta set value = jsonb_set(value, '{pos}', '1') where key = 'audit.head'");
    await run();
    const [newest] = await open.ledger.deliveries({}, { limit: 1 });
    expect(newest?.notice).toMatchObject({ severity: 'critical', facts: { 'Audit head': 'broken' } });
  });
});
