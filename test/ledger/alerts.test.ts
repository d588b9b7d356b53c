import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deliver } from '../../src/alerts/deliver.ts';
import { evaluate, type Evaluating } from '../../src/alerts/evaluate.ts';
import type { AlertSettings } from '../../src/alerts/judge.ts';
import type { Scan } from '../../src/alerts/look.ts';
import type { Alert } from '../../src/core/alert.ts';
import type { Finding } from '../../src/core/finding.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { newId } from '../../src/ledger/ids.ts';
import type { AlertLedger } from '../../src/ports/alert-ledger.ts';
import type { Outgoing } from '../../src/ports/channel.ts';
import type { Log } from '../../src/ports/log.ts';
import { openOn, RUNTIMES, setClock, type OpenRuntime } from '../support/runtimes.ts';
import { findingOf, firing, LIFE, MINUTE, START } from '../alerts/alert-fixtures.ts';
import { ACTOR, noticeOf } from './fixtures.ts';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const SETTINGS: AlertSettings = { life: LIFE, groupWindowMs: 30_000, maintenance: [], perMinute: 10, route: () => ['ops'], channels: ['ops', 'mail'] };
const DAY = 86_400_000;
const scanOf = (...findings: readonly Finding[]): Scan => ({ findings, without: () => 'clear' });
const by = (alerts: AlertLedger): Evaluating => ({ alerts, newId, log });
const fresh = (more: Partial<Finding> = {}, parts: Partial<Alert> = {}): Alert => ({ ...firing(newId(), more), version: 0, ...parts });
const many = (from: number): Scan => scanOf(...Array.from({ length: 300 }, (_, n) => findingOf({ subject: `key:${from + n}`, credential: `c${from + n}`, title: `c${from + n}` })));
const unseen = (some: Scan): Scan => ({ ...some, without: () => 'unseen' });
const nothing = { alerts: [], dropped: [], channels: [], deliveries: [] };

describe.each(RUNTIMES.filter(({ name }) => name !== 'redis'))('alerts in the ledger on $name', (runtime) => {
  let open: OpenRuntime;
  let other: { readonly alerts: AlertLedger; readonly close: () => Promise<void> };
  beforeAll(async () => {
    const running = await runtime.start();
    const opened = await openOn(running);
    open = { ...opened, close: () => opened.close().then(() => running.stop()) };
    other = running.databaseUrl === undefined ? { alerts: opened.alerts, close: async () => undefined } : await openOn(running);
    await setClock(open.pool, new Date(START));
  });
  afterAll(async () => {
    await other.close();
    await open.close();
  });
  beforeEach(async () => {
    for (const table of ['alerts', 'alert_channels', 'silences', 'deliveries']) await open.pool.query(`delete from keyturn.${table}`);
  });

  const scan = (minute: number, ...findings: readonly Finding[]) => evaluate(by(open.alerts), scanOf(...findings), SETTINGS, new Date(START + minute * MINUTE));
  const outbox = () => open.ledger.deliveries({}, { limit: 1_000 });

  test('an alert comes back as it was written, and is found by id, prefix, credential and rule', async () => {
    const alert = fresh({ facts: { 'Größe': '„ü“ \u2028 "q"' }, evidence: { list: [1, null, { a: 'b' }] } });
    expect(await open.alerts.apply({ ...nothing, alerts: [alert] })).toBe('applied');
    expect(await open.alerts.open()).toEqual([{ ...alert, version: 1 }]);
    expect(await open.alerts.alert(alert.id.slice(0, 24))).toEqual({ ...alert, version: 1 });
    expect(await open.alerts.alert('nothing; like this')).toBeNull();
    expect(await open.alerts.list({ credential: 'prod-api', rule: 'request_rate', open: true }, { limit: 5 })).toHaveLength(1);
    expect(await open.alerts.list({ rule: 'error_rate' }, { limit: 5 })).toEqual([]);
    const over: Alert = { ...alert, version: 1, state: 'resolved', endedAt: START };
    expect(await open.alerts.apply({ ...nothing, alerts: [over] })).toBe('applied');
    expect(await open.alerts.open(), 'its end is still to be told').toHaveLength(1);
    await open.alerts.apply({ ...nothing, alerts: [{ ...over, version: 2, told: { ...(over.told as NonNullable<Alert['told']>), over: true } }] });
    expect([await open.alerts.open(), await open.alerts.list({ open: false }, { limit: 5 })]).toMatchObject([[], [{ id: alert.id, version: 3, state: 'resolved' }]]);
  });

  test('a write that was seen otherwise changes nothing, messages included', async () => {
    const alert = fresh();
    const told = { channel: 'ops', incident: alert.id, status: 'firing' as const, notice: noticeOf('n1') };
    await open.alerts.apply({ ...nothing, alerts: [alert] });
    const stale: Parameters<AlertLedger['apply']>[0][] = [
      { ...nothing, alerts: [{ ...alert, version: 7 }], deliveries: [told] },
      { ...nothing, alerts: [fresh({ subject: 'key:new' }), alert], deliveries: [told] },
      { ...nothing, alerts: [fresh({ subject: 'key:k1' })], deliveries: [told] },
      { ...nothing, dropped: [{ id: alert.id, version: 9 }], deliveries: [told] },
      { ...nothing, channels: [{ channel: 'ops', version: 4, singles: [], digests: [] }], alerts: [fresh({ subject: 'key:new' })], deliveries: [told] },
    ];
    for (const changes of stale) expect(await open.alerts.apply(changes)).toBe('stale');
    expect([await outbox(), (await open.alerts.open()).length, await open.alerts.channels()]).toEqual([[], 1, []]);
    expect(await open.alerts.apply({ ...nothing, dropped: [{ id: alert.id, version: 1 }], deliveries: [told] })).toBe('applied');
    expect([(await outbox()).length, await open.alerts.open()]).toEqual([1, []]);
  });

  test('a transaction that dies half-way leaves neither alert nor message', async () => {
    await open.pool.query(`create function keyturn.broken() returns trigger language plpgsql as $$ begin raise exception 'the disk is full'; end $$`);
    await open.pool.query('create trigger broken before insert on keyturn.deliveries for each row execute function keyturn.broken()');
    await expect(scan(0, findingOf())).rejects.toThrow('the disk is full');
    await open.pool.query('drop trigger broken on keyturn.deliveries');
    await open.pool.query('drop function keyturn.broken()');
    expect([await open.alerts.open(), await outbox(), await open.alerts.channels()]).toEqual([[], [], []]);
    expect(await scan(1, findingOf())).toMatchObject({ applied: true, begun: 1, messages: 1 });
  });

  test('workers that scan at once begin each alert once and tell of it once', async () => {
    const findings = Array.from({ length: 6 }, (_, n) => findingOf({ subject: `key:${n}`, credential: `c${n}`, title: `c${n}` }));
    const at = new Date(START);
    const ran = await Promise.all(Array.from({ length: 6 }, (_, n) => evaluate(by(n % 2 === 0 ? open.alerts : other.alerts), scanOf(...findings.slice(0, 3 + (n % 4))), { ...SETTINGS, life: LIFE }, at)));
    expect(ran.every(({ applied }) => applied)).toBe(true);
    await evaluate(by(open.alerts), scanOf(...findings), SETTINGS, at);
    expect(await open.alerts.open()).toHaveLength(6);
    expect((await outbox()).map(({ notice }) => notice.title).toSorted()).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5']);
  });

  test('however many workers see however much, a channel gets no more first messages a minute than configured', async () => {
    const at = new Date(START);
    await Promise.all([0, 300, 600].map((from, n) => evaluate(by(n === 1 ? other.alerts : open.alerts), unseen(many(from)), SETTINGS, at)));
    for (const from of [0, 300, 600]) await evaluate(by(open.alerts), unseen(many(from)), SETTINGS, new Date(START + 31_000));
    const messages = await outbox();
    expect(new Set(messages.map(({ incident }) => incident?.id)).size).toBe(10);
    expect(messages.filter(({ notice }) => notice.kind === 'alert_digest').map(({ notice }) => notice.title).at(0)).toBe('891 incidents in a short time');
    expect(await open.alerts.open()).toHaveLength(900);
  });

  test('ten thousand at once are written in one go', async () => {
    const findings = Array.from({ length: 10_000 }, (_, n) => findingOf({ subject: `key:${n}`, credential: `c${n}` }));
    expect(await scan(0, ...findings)).toEqual({ applied: true, written: 10_000, begun: 10_000, messages: 10 });
    expect(await outbox()).toHaveLength(10);
  });

  test('messages of an incident go out in order, and know what its first one became', async () => {
    const sent: Outgoing[] = [];
    let down = true;
    const channel = { name: 'ops', type: 'fake', capabilities: { reconcile: false }, probe: async () => undefined, send: async (message: Outgoing) => {
      if (down) throw new KeyturnError('CHANNEL_UNAVAILABLE', 'No answer.', { retryAfterMs: 60 * MINUTE });
      sent.push(message);
      return `receipt-${sent.length}`;
    } };
    const run = () => deliver({ ledger: open.ledger, channel: async () => channel, log, worker: 'w1' }, AbortSignal.timeout(20_000));
    const later = (hours: number) => setClock(open.pool, new Date(START + hours * 60 * MINUTE));
    await later(0);
    await scan(0, findingOf());
    expect(await run()).toBe(0);
    for (let minute = 1; minute < 13; minute += 1) await scan(minute);
    expect(await outbox()).toHaveLength(2);
    down = false;
    expect(await run(), 'the end does not overtake the beginning').toBe(0);
    await later(3);
    expect([await run(), await run()]).toEqual([1, 1]);
    const [root] = await open.alerts.list({}, { limit: 1 });
    expect(sent.map(({ incident }) => incident)).toEqual([{ id: root?.incident, status: 'firing', rootReceipt: null, toldAs: [] }, { id: root?.incident, status: 'resolved', rootReceipt: 'receipt-1', toldAs: ['warning'] }]);
    await later(0);
  });

  test('an acknowledgement is of the whole incident, audited, and survives a scan that was under way', async () => {
    await scan(0, findingOf({ rule: 'error_rate' }), findingOf({ rule: 'failed_authentications' }));
    const [alert, member] = await open.alerts.open();
    const seen = alert as Alert;
    expect(await open.alerts.acknowledge(seen.id, ACTOR)).toBe('acknowledged');
    expect([await open.alerts.acknowledge(String(member?.id), ACTOR), await open.alerts.acknowledge('01ZZ', ACTOR)]).toEqual(['already', null]);
    expect(await open.alerts.apply({ ...nothing, alerts: [{ ...seen, worst: 'critical' }] })).toBe('stale');
    expect(await open.alerts.incident(seen.incident)).toMatchObject([{ acknowledged: { actor: ACTOR } }, { acknowledged: { actor: ACTOR } }]);
    for (let minute = 1; minute < 300; minute += 5) await scan(minute, findingOf({ rule: 'error_rate' }), findingOf({ rule: 'failed_authentications' }));
    expect(await outbox(), 'nothing is repeated').toHaveLength(1);
    for (let minute = 300; minute < 330; minute += 5) await scan(minute);
    expect(await open.alerts.acknowledge(seen.id, ACTOR)).toBe('ended');
    expect((await open.ledger.auditEvents({}, { limit: 5 })).filter(({ type }) => type === 'alert.acknowledged')).toHaveLength(1);
  });

  test('silences are in force until they end, by their time or by a person', async () => {
    const silence = await open.alerts.addSilence([{ field: 'credential', pattern: 'prod-api' }], 2 * 60 * MINUTE, ACTOR);
    expect(silence).toMatchObject({ matchers: [{ field: 'credential', pattern: 'prod-api' }], actor: ACTOR, endedBy: null });
    expect(Math.round((silence.endsAt.getTime() - silence.createdAt.getTime()) / MINUTE)).toBe(120);
    expect(await open.alerts.silences({ active: true }, { limit: 5 })).toEqual([silence]);
    await scan(1, findingOf());
    expect(await outbox()).toEqual([]);
    expect(await open.alerts.endSilence(silence.id.slice(0, 25), ACTOR)).toMatchObject({ ended: true, silence: { endedBy: ACTOR } });
    expect(await open.alerts.endSilence(silence.id, ACTOR)).toMatchObject({ ended: false });
    expect(await open.alerts.endSilence('01ZZ', ACTOR)).toBeNull();
    expect([await open.alerts.silences({ active: true }, { limit: 5 }), (await open.alerts.silences({}, { limit: 5 })).length]).toEqual([[], 1]);
    await scan(2, findingOf());
    expect(await outbox()).toHaveLength(1);
    expect((await open.ledger.auditEvents({ credential: 'prod-api' }, { limit: 9 })).map(({ type }) => type).slice(0, 2)).toEqual(['silence.ended', 'silence.set']);
  });

  test('what is over is deleted after its retention, what is open never', async () => {
    const ended = fresh({ subject: 'key:old' }, { state: 'expired', endedAt: START - 40 * DAY, told: null });
    const recent = fresh({ subject: 'key:recent' }, { state: 'resolved', endedAt: START - DAY, told: null });
    await open.alerts.apply({ ...nothing, alerts: [ended, recent, fresh()] });
    expect(await open.alerts.prune(30 * DAY)).toBe(1);
    expect((await open.alerts.list({}, { limit: 9 })).map(({ finding }) => finding.subject).toSorted()).toEqual(['key:k1', 'key:recent']);
  });
});
