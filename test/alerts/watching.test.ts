/** From what inventories and inspections saw to alerts, on a real ledger: what was not looked at stays as it is. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tellOf } from '../../src/app/alerting.ts';
import type { Context } from '../../src/app/context.ts';
import { createInspection, inspectionScan, inventoryFailed, inventoryTaken, SCAN, type Inspecting } from '../../src/app/inspection.ts';
import { inventoryScan, type Inventories } from '../../src/app/inventory-scan.ts';
import { planCredentials } from '../../src/config/index.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Finding } from '../../src/core/finding.ts';
import type { InventoryFinding } from '../../src/core/inventory.ts';
import type { KeyRecord } from '../../src/core/vocabulary.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { Taken } from '../../src/rotation/inventory.ts';
import { GOOD, load } from '../config/support.ts';
import { ACTOR, keyOf, plannedTexts } from '../ledger/fixtures.ts';
import { openOn, RUNTIMES, setClock, type OpenRuntime } from '../support/runtimes.ts';
import { MINUTE, START } from './alert-fixtures.ts';

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const DAY = 1_440 * MINUTE;
const TEXT = GOOD
  .replace('stores:\n  aws', '  other: { type: hypermemory, adminKey: "${env:ADMIN_KEY}" }\nstores:\n  aws')
  .replace('credentials:\n', 'usage:\n  sources:\n    audit: { type: issuer, issuer: hm }\ncredentials:\n')
  + '  rare-api: { issuer: other, scopes: [memory:read], policy: monthly, rules: { key_unused: off }, stores: [{ store: aws, secretId: rare/api }] }\n';
const { config } = load(TEXT);

let open: OpenRuntime;
let context: Context;
beforeAll(async () => {
  const [embedded] = RUNTIMES;
  if (embedded === undefined) throw new Error('there is no embedded runtime');
  const running = await embedded.start();
  const opened = await openOn(running);
  open = { ...opened, close: () => opened.close().then(() => running.stop()) };
});
afterAll(() => open.close());
beforeEach(async () => {
  await open.pool.query("truncate keyturn.alerts, keyturn.alert_channels, keyturn.deliveries, keyturn.usage_sources, keyturn.usage_minutes, keyturn.usage_hours");
  await open.pool.query("delete from keyturn.meta where key like 'done.%'");
  await at(0);
  await open.ledger.declare(plannedTexts(planCredentials(config)));
  context = contextOf();
});

const contextOf = (settings = config): Context => ({
  alerts: open.alerts, ledger: open.ledger, usage: open.usage, config: () => settings, sources: { names: () => Object.keys(settings.usage.sources) },
  engine: { log, queue: { wake: async () => true, wakeAll: async () => true } },
} as unknown as Context);
const at = (minute: number): Promise<void> => setClock(open.pool, new Date(START + minute * MINUTE));
const states = async (): Promise<readonly string[]> => (await open.alerts.list({}, { limit: 100 })).map(({ state, finding: { rule, subject } }) => `${state} ${rule} ${subject}`).sort();

let made = 0;
const currentKey = async (credential: string, ageDays = 0): Promise<KeyRecord> => {
  made += 1;
  const known = (await open.ledger.keysOf(credential)).find(({ state }) => state === 'current');
  const key = known ?? (await open.ledger.adopt(keyOf(credential, { issuer: credential === 'rare-api' ? 'other' : 'hm', issuerKeyId: `key_${made}`, state: 'current', createdAt: new Date(START) }), ACTOR, {}));
  await open.pool.query('update keyturn.keys set created_at = $1 where id = $2', [new Date(START - ageDays * DAY).toISOString(), key.id]);
  return { ...key, createdAt: new Date(START - ageDays * DAY) };
};
const taken = (issuer: string, more: Partial<Taken> = {}): readonly [string, Taken] => [issuer, { issuer, found: [], room: { keyLimit: null, liveKeys: 1, passing: 0, raiseLimit: null }, current: [], tellsLastUse: true, ...more }];
/** Issuers that can not say which scopes would do. */
const scanOf = (inventories: Inventories, of: Context = context) => inventoryScan({ ...of, issuers: () => [{ name: 'hm', open: () => issuerOf({}) }] }, inventories);
const unmanaged = (id: string): InventoryFinding => ({ rule: 'unmanaged_key', id, name: `by-hand-${id}`, prefix: 'hm_live_', scopes: [], known: null, message: 'By hand.' });
const inventoryAt = async (minute: number, inventories: Inventories, of = context): Promise<void> => {
  await at(minute);
  await tellOf(of, await scanOf(inventories, of));
};

describe('an inventory', () => {
  test('raises an alert for what it finds, and resolves it once it is put right', async () => {
    await inventoryAt(0, new Map([taken('hm', { found: [unmanaged('x')] })]));
    expect(await states()).toEqual(['firing unmanaged_key issuer:hm key x']);
    for (const minute of [15, 30, 45]) await inventoryAt(minute, new Map([taken('hm')]));
    expect(await states()).toEqual(['resolved unmanaged_key issuer:hm key x']);
    expect((await open.ledger.deliveries({}, { limit: 10 })).map(({ notice }) => notice.title)).toEqual(['Over: by-hand-x: a key that nobody manages', 'by-hand-x: a key that nobody manages']);
  });

  test('of one issuer says nothing of another’s keys, nor does one that failed', async () => {
    await inventoryAt(0, new Map([taken('hm', { found: [unmanaged('x')] }), taken('other', { found: [unmanaged('y')] })]));
    for (const minute of [15, 30, 45]) await inventoryAt(minute, new Map([taken('other')]));
    expect(await states()).toEqual(['firing unmanaged_key issuer:hm key x', 'resolved unmanaged_key issuer:other key y']);
  });

  test('ends what is no longer to be looked at: the rule is off, or nothing of the issuer is declared', async () => {
    await inventoryAt(0, new Map([taken('hm', { found: [unmanaged('x')] }), taken('other', { found: [unmanaged('y')] })]));
    await inventoryAt(15, new Map<string, Taken | null>([taken('hm', { found: [unmanaged('x')] }), ['other', null]]), contextOf(load(TEXT.replace('policies:', 'rules: { unmanaged_key: off }\npolicies:')).config));
    expect(await states()).toEqual(['expired unmanaged_key issuer:hm key x', 'expired unmanaged_key issuer:other key y']);
  });

  test('of an issuer that left the configuration ends its alerts, since nobody looks any more', async () => {
    await inventoryAt(0, new Map([taken('hm', { found: [unmanaged('x')] })]));
    const { hm: _gone, ...issuers } = config.issuers;
    await inventoryAt(15, new Map(), contextOf({ ...config, issuers }));
    expect(await states()).toEqual(['expired unmanaged_key issuer:hm key x']);
  });

  test('that finds very many keys tells of some, and calls none of the others clear', async () => {
    const many = Array.from({ length: 130 }, (_, n) => unmanaged(`k${String(n).padStart(3, '0')}`));
    const scan = await scanOf(new Map([taken('hm', { found: many })]));
    expect(scan.findings).toHaveLength(100);
    const alert = (subject: string) => ({ finding: { rule: 'unmanaged_key', subject, issuer: 'hm', credential: null } as Finding }) as Parameters<typeof scan.without>[0];
    expect(scan.without(alert('issuer:hm key k129'))).toBe('unseen');
    expect(scan.without(alert('issuer:hm key gone'))).toBe('clear');
  });

  test('tells of keys that nobody uses, by its own list or by a source that saw them, and not where it cannot know', async () => {
    const key = await currentKey('prod-api', 100);
    const listed = { current: [{ key, lastUsedAt: null }] };
    const rules = async (of: Partial<Taken>): Promise<readonly string[]> => (await scanOf(new Map([taken('hm', { ...listed, ...of })]))).findings.map(({ rule }) => rule).filter((rule) => rule === 'key_unused');
    expect(await rules({})).toEqual(['key_unused']);
    expect(await rules({ tellsLastUse: false }), 'nobody tells').toEqual([]);
    const scan = await scanOf(new Map([taken('hm', { ...listed, tellsLastUse: false })]));
    expect(scan.without({ finding: { rule: 'key_unused', subject: `key:${key.id}`, issuer: 'hm', credential: 'prod-api' } } as Parameters<typeof scan.without>[0])).toBe('unseen');
    await open.usage.record({
      source: 'audit', cursor: { expect: 0, next: 1 }, batchId: null, seenUntil: null, callers: [], unknown: 0, unknownExample: null, malformed: 0, malformedExample: null,
      increments: [{ keyId: key.id, at: new Date(START - 95 * DAY), requests: 3, failed: 0, denied: 0, addresses: '0'.repeat(128) }],
    });
    expect(await rules({ tellsLastUse: false }), 'a source saw it long ago, and is read').toEqual(['key_unused']);
    await open.usage.sourceFailed('audit', 'It answers 503');
    expect(await rules({ tellsLastUse: false }), 'and fails now').toEqual([]);
    await open.usage.record({
      source: 'gone', cursor: { expect: 0, next: 1 }, batchId: null, seenUntil: null, callers: [], unknown: 0, unknownExample: null, malformed: 0, malformedExample: null,
      increments: [{ keyId: key.id, at: new Date(START - DAY), requests: 3, failed: 0, denied: 0, addresses: '0'.repeat(128) }],
    });
    expect(await rules({}), 'a source that is no longer configured counts for nothing').toEqual(['key_unused']);
  });

  test('follows what a credential says of its own rules, and tells of overdue keys also where its issuer is down', async () => {
    const [key, rare] = [await currentKey('prod-api', 100), await currentKey('rare-api', 100)];
    const scan = await scanOf(new Map([taken('hm', { current: [{ key, lastUsedAt: null }] }), taken('other', { current: [{ key: rare, lastUsedAt: null }] })]));
    expect(scan.findings.map(({ rule, credential }) => `${rule} ${credential}`).sort()).toEqual(['key_older_than_policy prod-api', 'key_older_than_policy rare-api', 'key_unused prod-api']);
    expect((await scanOf(new Map())).findings.map(({ rule }) => rule)).toEqual(['key_older_than_policy', 'key_older_than_policy']);
  });
});

const issuerOf = (parts: Partial<Issuer>): Issuer => ({ inspect: async () => ({ problems: [] }), list: async () => [], ...parts }) as unknown as Issuer;

const trouble = new KeyturnError('ISSUER_UNAVAILABLE', 'It answers 503.');
const inspecting = (parts: Partial<Issuer>): Inspecting => ({ ...context, issuers: () => [{ name: 'hm', open: () => issuerOf(parts) }] });
const inspectAt = async (minute: number, parts: Partial<Issuer>): Promise<void> => {
  await at(minute);
  await open.ledger.noteDone(SCAN);
  await open.usage.record({ source: 'audit', cursor: { expect: (await open.usage.source('audit')).version, next: minute }, batchId: null, seenUntil: null, callers: [], increments: [], unknown: 0, unknownExample: null, malformed: 0, malformedExample: null });
  await createInspection(inspecting(parts))(new AbortController().signal);
};
const down = { quota: async () => { throw trouble; } };
const up = { quota: async () => [] };

const failAt = async (minute: number): Promise<void> => {
  await at(minute);
  await open.ledger.noteDone(SCAN);
  await open.usage.sourceFailed('audit', 'It answers 503');
  await createInspection(inspecting(up))(new AbortController().signal);
};

const pushing = (more: string): Context => contextOf(load(TEXT.replace('audit: { type: issuer, issuer: hm }', `apps: { type: push, token: "\${env:ADMIN_KEY}", key: { by: id }${more} }`)).config);
const pushAt = async (minute: number): Promise<void> => {
  await at(minute);
  await open.usage.record({ source: 'apps', cursor: null, batchId: null, seenUntil: null, callers: [], increments: [], unknown: 0, unknownExample: null, malformed: 0, malformedExample: null });
};

/** Nothing is read, and scans are done. */
const lookOn = async (minute: number, on: Context): Promise<void> => {
  await at(minute);
  await open.ledger.noteDone(SCAN);
  await createInspection({ ...on, sources: { ...on.sources, names: () => [] }, issuers: () => [] })(new AbortController().signal);
};

const lookAtMinute = async (minute: number, of: Context = context): Promise<void> => {
  await at(minute);
  await createInspection({ ...of, issuers: () => [] })(new AbortController().signal);
};

describe('an inspection', () => {
  test('tells of an issuer that has failed at each look for long, and of its end; a hiccup is nothing', async () => {
    await inspectAt(0, down);
    await inspectAt(5, up);
    expect(await states()).toEqual([]);
    for (const minute of [10, 15]) await inspectAt(minute, down);
    expect(await states()).toEqual(['pending issuer_unavailable issuer:hm']);
    await inspectAt(20, down);
    expect(await states()).toEqual(['firing issuer_unavailable issuer:hm']);
    for (const minute of [25, 30, 35, 40]) await inspectAt(minute, up);
    expect(await states()).toEqual(['resolved issuer_unavailable issuer:hm']);
  });

  test('a night without a worker is no silence of the issuer', async () => {
    await inspectAt(0, down);
    await inspectAt(600, down);
    expect(await states()).toEqual(['pending issuer_unavailable issuer:hm']);
  });

  test('after an inventory that failed lists keys, until that works or an inventory did', async () => {
    const denied = { quota: async () => [], list: async () => { throw trouble; } };
    await open.ledger.noteDone(inventoryTaken('hm'));
    await inspectAt(1, denied);
    expect(await states(), 'the last inventory worked, so nothing is listed').toEqual([]);
    await open.ledger.noteDone(inventoryFailed('hm'));
    await inspectAt(2, denied);
    expect(await states()).toEqual(['pending issuer_unavailable issuer:hm']);
    await at(3);
    await open.ledger.noteDone(inventoryTaken('hm'));
    await inspectAt(4, denied);
    expect(await states()).toEqual([]);
  });

  test('a look that is broken off changes nothing', async () => {
    for (const minute of [0, 5, 10]) await inspectAt(minute, down);
    const scan = await inspectionScan(inspecting(down), AbortSignal.abort());
    expect(scan.findings.filter(({ rule }) => rule === 'issuer_unavailable')).toEqual([]);
    const [alert] = await open.alerts.open();
    expect(alert === undefined ? null : scan.without(alert)).toBe('unseen');
  });

  test('tells of a quota that will not last; one that the issuer does not tell for once is not over', async () => {
    const period = { start: new Date(START - 10 * DAY), end: new Date(START + 20 * DAY) };
    await inspectAt(0, { quota: async () => [{ what: 'queries', current: 800, limit: 1_000, period }] });
    for (const minute of [5, 30, 60]) await inspectAt(minute, { quota: async () => null });
    expect(await states()).toEqual(['firing quota_on_course issuer:hm queries']);
    for (const minute of [65, 70, 75, 80]) await inspectAt(minute, { quota: async () => [{ what: 'queries', current: 100, limit: 1_000, period }] });
    expect(await states()).toEqual(['resolved quota_on_course issuer:hm queries']);
  });

  test('tells of a source that fails for long, and that it is read again', async () => {
    for (const minute of [0, 5, 10, 16]) await failAt(minute);
    expect(await states(), 'for long, seen once').toEqual(['pending source_unavailable source:audit']);
    await failAt(21);
    expect(await states()).toEqual(['firing source_unavailable source:audit']);
    for (const minute of [26, 31, 36, 41]) await inspectAt(minute, up);
    expect(await states()).toEqual(['resolved source_unavailable source:audit']);
  });

  test('tells of a sender that has promised to push and does not, and of none that has promised nothing', async () => {
    const [promised, free] = [pushing(', every: 10m'), pushing('')];
    await pushAt(0);
    for (const minute of [25, 31, 36]) await lookOn(minute, free);
    await lookOn(25, promised);
    expect(await states(), 'it may leave some out').toEqual([]);
    for (const minute of [31, 36]) await lookOn(minute, promised);
    expect(await states()).toEqual(['firing source_unavailable source:apps']);
    await pushAt(40);
    for (const minute of [41, 46, 51, 56]) await lookOn(minute, promised);
    expect(await states()).toEqual(['resolved source_unavailable source:apps']);
  });

  test('tells of a scan that stands still, not in the first minutes of an installation, and not without sources', async () => {
    for (const minute of [0, 5]) await lookAtMinute(minute);
    expect(await states()).toEqual([]);
    for (const minute of [11, 16]) await lookAtMinute(minute);
    expect(await states()).toEqual(['firing scanner_silent keyturn:scan']);
    await open.ledger.noteDone(SCAN);
    for (const minute of [17, 22]) await lookAtMinute(minute);
    await open.ledger.noteDone(SCAN);
    for (const minute of [23, 28]) await lookAtMinute(minute);
    expect(await states()).toEqual(['resolved scanner_silent keyturn:scan']);
    await lookAtMinute(90, contextOf({ ...config, usage: { ...config.usage, sources: {} } }));
    expect((await open.alerts.list({ open: true }, { limit: 5 })).length).toBe(0);
  });
});
