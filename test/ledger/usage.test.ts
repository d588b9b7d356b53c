import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Distinct } from '../../src/core/distinct.ts';
import { CALLERS_BY_REQUESTS, CALLERS_BY_TIME, type UsageRecord } from '../../src/ports/usage-ledger.ts';
import { openOn, RUNTIMES, setClock, type OpenRuntime } from '../support/runtimes.ts';
import { ACTOR, declared, fresh, keyOf } from './fixtures.ts';

const NOON = Date.parse('2026-03-02T12:00:00Z');
const MINUTE = 60_000;
const DAY = 86_400_000;
const at = (minute: number): Date => new Date(NOON + minute * MINUTE);
const addresses = (...all: readonly string[]): string => {
  const seen = new Distinct();
  for (const one of all) seen.add(one);
  return seen.toHex();
};

function recordOf(source: string, more: Partial<UsageRecord>): UsageRecord {
  return { source, cursor: null, batchId: null, seenUntil: null, increments: [], callers: [], unknown: 0, unknownExample: null, malformed: 0, malformedExample: null, ...more };
}

const minute = (keyId: string, m: number, requests: number, more: { failed?: number; denied?: number; from?: readonly string[] } = {}) => ({
  keyId, at: at(m), requests, failed: more.failed ?? 0, denied: more.denied ?? 0, addresses: addresses(...(more.from ?? [])),
});

const needOf = (keyId: string, need: string, requests: number, m: number, refused = 0) => ({ keyId, need, requests, refused, firstSeen: at(m), lastSeen: at(m) });

const caller = (keyId: string, address: string, requests: number, m: number) => ({ keyId, address, agent: 'app/1', requests, failed: 0, denied: 0, firstSeen: at(m), lastSeen: at(m) });

describe.each(RUNTIMES.filter(({ name }) => name !== 'redis'))('usage in the ledger on $name', (runtime) => {
  let open: OpenRuntime;
  beforeAll(async () => {
    const running = await runtime.start();
    const opened = await openOn(running);
    open = { ...opened, close: () => opened.close().then(() => running.stop()) };
    await setClock(open.pool, at(0));
  });
  afterAll(() => open.close());

  const bucketsOf = (keyId: string, step: 'minute' | 'hour' = 'minute') => open.usage.buckets([keyId], step, at(-10_000), at(10_000));

  test('counts of a minute add up over batches, and its hour has them too', async () => {
    const key = fresh('key');
    await open.usage.record(recordOf('log', { increments: [minute(key, 1, 5, { failed: 1, from: ['10.0.0.1'] }), minute(key, 2, 1)] }));
    await open.usage.record(recordOf('log', { increments: [minute(key, 1, 2, { denied: 2, from: ['10.0.0.1', '10.0.0.2'] }), minute(key, 61, 4, { from: ['10.0.0.9'] })] }));
    expect(await bucketsOf(key)).toEqual([
      { keyId: key, source: 'log', at: at(1), requests: 7, failed: 1, denied: 2, addresses: 2 },
      { keyId: key, source: 'log', at: at(2), requests: 1, failed: 0, denied: 0, addresses: 0 },
      { keyId: key, source: 'log', at: at(61), requests: 4, failed: 0, denied: 0, addresses: 1 },
    ]);
    expect((await bucketsOf(key, 'hour')).map(({ at: hour, requests, addresses: distinct }) => [hour, requests, distinct])).toEqual([[at(0), 8, 2], [at(60), 4, 1]]);
  });

  test('two sources that see the same requests are kept apart', async () => {
    const key = fresh('key');
    for (const source of ['log', 'audit']) await open.usage.record(recordOf(source, { increments: [minute(key, 1, 5)] }));
    expect((await bucketsOf(key)).map(({ source, requests }) => [source, requests])).toEqual([['audit', 5], ['log', 5]]);
  });

  test('a batch counts once: whoever read at an older cursor changes nothing', async () => {
    const [source, key] = [fresh('source'), fresh('key')];
    const first = recordOf(source, { cursor: { expect: 0, next: { offset: 10 } }, seenUntil: at(1), increments: [minute(key, 1, 5)], callers: [caller(key, '10.0.0.1', 5, 1)] });
    expect(await open.usage.record(first)).toBe('recorded');
    expect(await open.usage.record(first)).toBe('stale');
    expect(await open.usage.source(source)).toMatchObject({ version: 1, cursor: { offset: 10 }, seenUntil: at(1), readAt: expect.any(Date) });
    expect(await open.usage.record({ ...first, cursor: { expect: 1, next: { offset: 20 } }, seenUntil: at(0) })).toBe('recorded');
    expect(await open.usage.source(source), 'what was seen stays seen').toMatchObject({ version: 2, cursor: { offset: 20 }, seenUntil: at(1) });
    expect((await bucketsOf(key)).map(({ requests }) => requests)).toEqual([10]);
    expect(await open.usage.callers([key])).toMatchObject([{ requests: 10 }]);
  });

  test('of workers that record the same batch at once exactly one does', async () => {
    const [source, key] = [fresh('source'), fresh('key')];
    const batch = recordOf(source, { cursor: { expect: 0, next: 1 }, increments: [minute(key, 1, 5)] });
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => open.usage.record(batch)));
    expect(outcomes.toSorted()).toEqual(['recorded', ...Array.from({ length: 5 }, () => 'stale')]);
    expect(await bucketsOf(key)).toMatchObject([{ requests: 5 }]);
  });

  test('a pushed batch that is sent again counts once, and its id may be used by another source', async () => {
    const key = fresh('key');
    const batch = recordOf('apps', { batchId: 'b-1', increments: [minute(key, 1, 5)] });
    expect(await open.usage.record(batch)).toBe('recorded');
    expect(await open.usage.record(batch)).toBe('repeated');
    expect(await open.usage.record({ ...batch, source: 'other-apps' })).toBe('recorded');
    expect((await bucketsOf(key)).map(({ source, requests }) => [source, requests])).toEqual([['apps', 5], ['other-apps', 5]]);
  });

  test('a source that fails says since when, and forgets it once it is read again', async () => {
    const source = fresh('source');
    await open.usage.sourceFailed(source, 'no answer');
    const { failingSince } = await open.usage.source(source);
    expect(failingSince).toBeInstanceOf(Date);
    await open.usage.sourceFailed(source, 'still none');
    expect(await open.usage.source(source)).toMatchObject({ failingSince, lastError: 'still none', readAt: null });
    await open.usage.record(recordOf(source, { cursor: { expect: 0, next: null }, unknown: 3, unknownExample: 'key_9', malformed: 1, malformedExample: 'no time' }));
    expect(await open.usage.source(source)).toMatchObject({ failingSince: null, lastError: null, unknown: 3, unknownExample: 'key_9', malformed: 1, malformedExample: 'no time' });
  });

  test('of thousands of callers the busiest and the latest are kept', async () => {
    const key = fresh('key');
    const busy = Array.from({ length: CALLERS_BY_REQUESTS }, (_, n) => caller(key, `10.1.0.${n}`, 1_000 + n, 1));
    await open.usage.record(recordOf('log', { callers: busy }));
    for (let batch = 0; batch < 3; batch += 1) {
      await open.usage.record(recordOf('log', { callers: Array.from({ length: 400 }, (_, n) => caller(key, `10.9.${batch}.${n}`, 1, 2 + batch)) }));
    }
    const kept = await open.usage.callers([key]);
    expect(kept).toHaveLength(CALLERS_BY_REQUESTS + CALLERS_BY_TIME);
    expect(kept.slice(0, CALLERS_BY_REQUESTS).every(({ requests }) => requests >= 1_000)).toBe(true);
    expect(kept.slice(CALLERS_BY_REQUESTS).every(({ address }) => address.startsWith('10.9.2.'))).toBe(true);
    await open.usage.record(recordOf('log', { callers: [caller(key, '10.1.0.3', 2, 9)] }));
    expect((await open.usage.callers([key])).find(({ address }) => address === '10.1.0.3')).toMatchObject({ requests: 1_005, firstSeen: at(1), lastSeen: at(9) });
  });

  test('what was asked of scopes adds up with its batch and its cursor, by key and source', async () => {
    const [key, source] = [fresh('key'), fresh('source')];
    const batch = recordOf(source, { cursor: { expect: 0, next: 1 }, needs: [needOf(key, 'memory:read', 5, 3), needOf(key, '', 1, 3)] });
    expect([await open.usage.record(batch), await open.usage.record(batch)]).toEqual(['recorded', 'stale']);
    await open.usage.record(recordOf(source, { needs: [needOf(key, 'memory:read', 2, 1, 1), needOf(key, 'memory:write', 9, 7)] }));
    await open.usage.record(recordOf('other', { needs: [needOf(key, 'memory:read', 1, 1)] }));
    expect(await open.usage.needs([key, fresh('key')])).toEqual([
      { keyId: key, source, need: 'memory:write', requests: 9, refused: 0, firstSeen: at(7), lastSeen: at(7) },
      { keyId: key, source, need: 'memory:read', requests: 7, refused: 1, firstSeen: at(1), lastSeen: at(3) },
      { keyId: key, source: 'other', need: 'memory:read', requests: 1, refused: 0, firstSeen: at(1), lastSeen: at(1) },
      { keyId: key, source, need: '', requests: 1, refused: 0, firstSeen: at(3), lastSeen: at(3) },
    ]);
  });

  test('of a credential they add up over its keys, dead ones too, apart for keys of other scopes', async () => {
    const [name, other] = [fresh('cred'), fresh('cred')];
    await declared(open.ledger, name, other);
    const adopt = (credential: string, scopes: readonly string[]) => open.ledger.adopt(keyOf(credential, { scopes, prefix: 'hm_test_', state: 'current' }), ACTOR, {});
    const keys = [];
    for (const scopes of [['memory:admin'], ['memory:write'], ['memory:write']]) {
      const key = await adopt(name, scopes);
      await open.ledger.markKey(key.id, 'revoked', ACTOR, 'gone');
      keys.push(key);
    }
    const foreign = await adopt(other, ['memory:write']);
    await open.usage.record(recordOf('log', { needs: [...keys, foreign].map(({ id }, n) => needOf(id, 'memory:read', 10 ** n, n)) }));
    expect((await open.usage.credentialNeeds([name])).map(({ credential, scopes, need, requests, firstSeen, lastSeen }) => ({ credential, scopes, need, requests, firstSeen, lastSeen }))).toEqual([
      { credential: name, scopes: ['memory:write'], need: 'memory:read', requests: 110, firstSeen: at(1), lastSeen: at(2) },
      { credential: name, scopes: ['memory:admin'], need: 'memory:read', requests: 1, firstSeen: at(0), lastSeen: at(0) },
    ]);
    expect((await open.usage.credentialNeeds([name, other])).map(({ credential }) => credential)).toEqual([other, name, name]);
    expect([await open.usage.credentialNeeds([]), await open.usage.needs([])]).toEqual([[], []]);
  });

  test('they are kept as long as the hours after they were seen last', async () => {
    const [rare, gone] = [fresh('key'), fresh('key')];
    await open.usage.record(recordOf('log', { needs: [needOf(rare, 'memory:write', 1, 0), needOf(gone, 'memory:write', 1, -200 * 1_440)] }));
    await setClock(open.pool, new Date(NOON + 300 * DAY));
    await open.usage.prune({ minutesMs: 14 * DAY, hoursMs: 400 * DAY, callersMs: 30 * DAY });
    expect((await open.usage.needs([rare, gone])).map(({ keyId }) => keyId)).toEqual([rare]);
    await setClock(open.pool, at(0));
  });

  test('a source remembers when records of it could not be used last', async () => {
    const source = fresh('source');
    await open.usage.record(recordOf(source, {}));
    expect((await open.usage.source(source)).malformedAt).toBeNull();
    await open.usage.record(recordOf(source, { malformed: 2, malformedExample: 'no time' }));
    const { malformedAt } = await open.usage.source(source);
    expect(malformedAt).toBeInstanceOf(Date);
    await setClock(open.pool, new Date(NOON + DAY));
    await open.usage.record(recordOf(source, {}));
    expect(await open.usage.source(source)).toMatchObject({ malformed: 2, malformedAt });
    await setClock(open.pool, at(0));
  });

  test('the last use of a key is told from the hours once its minutes are gone, and a refused attempt is no use', async () => {
    const [old, refused, silent] = [fresh('key'), fresh('key'), fresh('key')];
    await open.usage.record(recordOf('log', { increments: [minute(old, 5, 1), minute(refused, 5, 2, { denied: 2 })] }));
    expect(await open.usage.lastUsed([old, refused, silent])).toEqual(new Map([[old, at(5)]]));
    await setClock(open.pool, new Date(NOON + 20 * DAY));
    expect(await open.usage.prune({ minutesMs: 14 * DAY, hoursMs: 400 * DAY, callersMs: 30 * DAY })).toBeGreaterThan(0);
    expect(await bucketsOf(old)).toEqual([]);
    expect(await open.usage.lastUsed([old])).toEqual(new Map([[old, at(0)]]));
    await open.usage.prune({ minutesMs: 14 * DAY, hoursMs: DAY, callersMs: DAY });
    expect(await open.usage.lastUsed([old])).toEqual(new Map());
    expect(await open.usage.callers([old])).toEqual([]);
    await setClock(open.pool, at(0));
  });

  test('keys are found by id, by fingerprint and by the beginning of their value, where that fits one', async () => {
    const { ledger, usage } = open;
    const adopt = async (credential: string, prefix: string) => {
      await declared(ledger, credential);
      return await ledger.adopt(keyOf(credential, { issuerKeyId: `id-${credential}`, prefix, fingerprint: `fp-${credential}`, state: 'current' }), ACTOR, {});
    };
    const [a, b, c] = [await adopt(fresh('cred'), 'hm_live_aaaa'), await adopt(fresh('cred'), 'hm_live_bb'), await adopt(fresh('cred'), 'hm_live_bb')];
    expect(await usage.keysByClue('id', [a.issuerKeyId, 'id-nobody'])).toEqual(new Map([[a.issuerKeyId, a.id]]));
    expect(await usage.keysByClue('fingerprint', [String(b.fingerprint)])).toEqual(new Map([[b.fingerprint, b.id]]));
    expect(await usage.keysByClue('prefix', ['hm_live_aaaa', 'hm_live_aaaa1234', 'hm_live_a', 'hm_live_bb'])).toEqual(new Map([['hm_live_aaaa', a.id], ['hm_live_aaaa1234', a.id]]));
    await ledger.markKey(c.id, 'revoked', ACTOR, 'gone');
    expect(await usage.keysByClue('prefix', ['hm_live_bb']), 'the one that lives').toEqual(new Map([['hm_live_bb', b.id]]));
    expect(await usage.keysByClue('id', [c.issuerKeyId]), 'attempts with a dead key are known too').toEqual(new Map([[c.issuerKeyId, c.id]]));
  });

  test('keys that were active in a span are listed by source', async () => {
    const key = fresh('key');
    await open.usage.record(recordOf('log', { increments: [minute(key, 500, 1)] }));
    expect(await open.usage.activeKeys(at(500), at(501))).toEqual([{ keyId: key, source: 'log' }]);
    expect(await open.usage.activeKeys(at(501), at(600))).toEqual([]);
  });
});
