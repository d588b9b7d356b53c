import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { UsageBatch } from '../../src/ports/usage-source.ts';
import { createPrometheusSource, type PrometheusOptions } from '../../src/sources/prometheus/index.ts';
import { runUsageSourceContract, type SourceTrouble, type UsageSourceHarness } from '../contracts/usage-source.ts';
import { fakePrometheus, success, type FakePrometheus } from './fake-prometheus.ts';

const MINUTE = 60_000;
const QUERIES = { query: 'all', failures: 'failed', denied: 'denied' } as const;
const fingerprint = (value: string): string => createHash('sha256').update(value).digest('hex');
const sourceOf = (url: string, more: Partial<PrometheusOptions> = {}) => createPrometheusSource({ name: 'prom', url, key: { by: 'id', label: 'key_id' }, ...QUERIES, fingerprint, timeoutMs: 5_000, ...more });

const ANSWERS: Readonly<Record<Exclude<SourceTrouble, 'none'>, NonNullable<FakePrometheus['answer']>>> = {
  down: (_asked, response) => void response.writeHead(503).end(),
  busy: (_asked, response) => void response.writeHead(429, { 'retry-after': '7' }).end(),
  slow: () => undefined,
  refused: (_asked, response) => void response.writeHead(401).end('{"status":"error","error":"no token"}'),
  rubbish: (_asked, response) => void response.end('<html>\u001b[2J</html>'),
};

async function harness(): Promise<UsageSourceHarness> {
  const fake = await fakePrometheus();
  const put = (query: string, key: string, at: Date): void => fake.add(query, { key_id: key }, Math.floor(at.getTime() / MINUTE) * MINUTE, 1);
  return {
    source: sourceOf(fake.url),
    async add(uses) {
      for (const { at, key, outcome } of uses) {
        put('all', key, at);
        if (outcome !== 'ok') put(outcome, key, at);
      }
    },
    repeat: null,
    latenessMs: 0,
    settlesMs: 3 * MINUTE,
    async trouble(kind) {
      fake.answer = kind === 'none' ? null : ANSWERS[kind];
    },
    troubles: ['down', 'busy', 'slow', 'refused', 'rubbish'],
    busyRetryAfterMs: 7_000,
    clue: (key) => key,
    callers: false,
    resolutionMs: MINUTE,
    close: () => fake.close(),
  };
}

runUsageSourceContract('prometheus', harness);

describe('prometheus', () => {
  const never = new AbortController().signal;
  const minute = Date.parse('2026-05-01T12:00:00Z');
  const request = (minutes: number, cursor: unknown = null, seconds = 0) => ({ cursor, now: new Date(minute + minutes * MINUTE + seconds * 1_000), since: new Date(minute) });
  let fake: FakePrometheus;
  beforeEach(async () => {
    fake = await fakePrometheus();
  });
  afterEach(() => fake.close());
  const told = ({ events }: UsageBatch): readonly unknown[] => events.map(({ at, clue, outcome, requests }) => [(at.getTime() - minute) / MINUTE, clue, outcome, requests]);

  it('asks for each minute that is over and settled, once, a minute a step', async () => {
    const source = sourceOf(fake.url);
    const first = await source.read(request(5, null, 59), never);
    const second = await source.read(request(6, first.cursor, 10), never);
    const third = await source.read(request(6, second.cursor, 40), never);
    const ranges = fake.asked.filter(({ form }) => form.get('query') === 'all').map(({ form }) => [Number(form.get('start')) * 1_000 - minute, Number(form.get('end')) * 1_000 - minute, form.get('step')]);
    expect(ranges).toEqual([[MINUTE, 3 * MINUTE, '60'], [4 * MINUTE, 4 * MINUTE, '60']]);
    expect([first, second, third].map(({ seenUntil }) => ((seenUntil?.getTime() ?? 0) - minute) / MINUTE)).toEqual([3, 4, 4]);
  });

  it('takes what failed and what was denied from all requests, rounds, and adds up series of one key', async () => {
    fake.add('all', { key_id: 'k', pod: '1' }, minute, 10.4);
    fake.add('all', { key_id: 'k', pod: '2' }, minute, 0.9);
    fake.add('all', { key_id: 'rare' }, minute, 0.2);
    fake.add('all', { key_id: 'quiet' }, minute, 0);
    fake.add('failed', { key_id: 'k' }, minute, 3);
    fake.add('denied', { key_id: 'k' }, minute, 1);
    fake.add('denied', { key_id: 'stranger' }, minute, 2);
    expect(told(await sourceOf(fake.url).read(request(3), never))).toEqual([[0, 'k', 'ok', 7], [0, 'k', 'failed', 3], [0, 'k', 'denied', 1], [0, 'rare', 'ok', 1], [0, 'stranger', 'denied', 2]]);
  });

  it('passes over NaN, and counts what can not be', async () => {
    fake.add('all', { key_id: 'k' }, minute, 'NaN');
    fake.add('all', { key_id: 'k' }, minute + MINUTE, 5);
    fake.add('all', { key_id: 'inf' }, minute, '+Inf');
    fake.add('all', { key_id: 'neg' }, minute, -1);
    fake.add('all', { other: 'x' }, minute, 1);
    fake.add('all', { key_id: 'a\nb' }, minute, 1);
    const batch = await sourceOf(fake.url).read(request(4), never);
    expect(told(batch)).toEqual([[1, 'k', 'ok', 5]]);
    expect(batch.malformed).toBe(4);
    expect(batch.example).toMatch(/beyond all bounds|less than|without the label|key holds/);
  });

  it('tells a minute that is larger than a batch in parts', async () => {
    for (let n = 0; n < 6_000; n += 1) fake.add('all', { key_id: `k${n}` }, minute, 1);
    fake.add('all', { key_id: 'k1' }, minute + MINUTE, 1);
    const source = sourceOf(fake.url);
    const first = await source.read(request(4), never);
    const second = await source.read(request(4, JSON.parse(JSON.stringify(first.cursor))), never);
    expect([first.events.length, first.more, second.events.length, second.more]).toEqual([5_000, true, 1_001, false]);
    expect(new Set([...first.events, ...second.events].map(({ at, clue }) => `${at.toISOString()} ${clue}`)).size).toBe(6_001);
    expect(first.seenUntil).toEqual(new Date(minute));
  });

  it('asks for less at once where an answer costs the server too much, and says so where a minute does', async () => {
    const widths: number[] = [];
    let most = 5;
    fake.answer = ({ form }, response) => {
      const width = (Number(form.get('end')) - Number(form.get('start'))) / 60 + 1;
      widths.push(width);
      if (width > most) response.writeHead(422).end('{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}');
      else response.end(success([]));
    };
    const source = sourceOf(fake.url, { failures: undefined, denied: undefined });
    const first = await source.read(request(90), never);
    await source.read(request(90, first.cursor), never);
    expect(widths).toEqual([60, 30, 15, 7, 3, 6, 3]);
    most = 0;
    await expect(source.read(request(90), never)).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
  });

  it('sends what it logs in with, and shows it nowhere', async () => {
    const token = new Secret('prom-token-0123456789');
    await sourceOf(fake.url, { bearer: () => Promise.resolve(token), headers: { 'x-scope-orgid': 'team-a' } }).read(request(4), never);
    await sourceOf(fake.url, { user: 'ops', password: () => Promise.resolve(token) }).read(request(4), never);
    expect(fake.asked[0]?.headers).toMatchObject({ authorization: 'Bearer prom-token-0123456789', 'x-scope-orgid': 'team-a' });
    expect(fake.asked.at(-1)?.headers.authorization).toBe(`Basic ${Buffer.from('ops:prom-token-0123456789').toString('base64')}`);
    fake.answer = (_asked, response) => void response.writeHead(403).end(JSON.stringify({ error: `token ${token.reveal()} \u001b[31m is bad` }));
    const thrown = await sourceOf(fake.url, { bearer: () => Promise.resolve(token) }).read(request(4), never).catch(String);
    expect(thrown).toMatch(/answers 403 \(token \[secret\] {2}?\[31m is bad\)/);
    await expect(sourceOf(fake.url, { bearer: () => Promise.reject(new Error('gone')) }).read(request(4), never)).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
  });

  it.each([[400, 'SOURCE_REFUSED'], [404, 'SOURCE_REFUSED'], [302, 'SOURCE_REFUSED'], [500, 'SOURCE_UNAVAILABLE'], [503, 'SOURCE_UNAVAILABLE']])('takes %i for %s', async (status, code) => {
    fake.answer = (_asked, response) => void response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end('{}');
    await expect(sourceOf(fake.url).read(request(4), never)).rejects.toMatchObject({ code });
  });

  it('keeps the path of its address, and fingerprints values', async () => {
    fake.add('all', { key_id: 'hm_live_value000000000000' }, minute, 1);
    const batch = await sourceOf(`${fake.url}/select/0/prometheus/`, { key: { by: 'value', label: 'key_id' } }).read(request(4), never);
    expect(fake.asked[0]?.path).toBe('/select/0/prometheus/api/v1/query_range');
    expect(batch.events[0]?.clue).toBe(fingerprint('hm_live_value000000000000'));
  });
});
