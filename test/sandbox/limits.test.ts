import { describe, expect, test } from 'vitest';
import { client, minted, sandbox } from './support.ts';

const NOON = Date.UTC(2026, 2, 1, 12);

describe('key limits', () => {
  test.each([
    ['free', 1],
    ['developer', 5],
    ['pro', 20],
  ] as const)('the %s plan holds %d active keys, the admin key among them; revoking frees a slot', async (plan, limit) => {
    const box = await sandbox({ plan });
    const admin = client(box.url, box.adminKey);
    const ids: string[] = [];
    for (let slot = 1; slot < limit; slot += 1) ids.push((await minted(admin, `key-${slot}`, ['memory:read'])).id);
    const refused = await admin.post('/v1/api-keys', { name: 'one-too-many', scopes: ['memory:read'] });
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({ error: { code: 'KEY_LIMIT_REACHED', limit, current: limit }, plan });
    expect((await box.inspect()).keys).toHaveLength(limit);
    const [first] = ids;
    if (first === undefined) return;
    await admin.del(`/v1/api-keys/${first}`);
    expect((await admin.post('/v1/api-keys', { name: 'now-it-fits', scopes: ['memory:read'] })).status).toBe(201);
  });

  test('the admin key can be left out of the count, and a plan can be raised while it runs', async () => {
    const box = await sandbox({ plan: 'free', adminKeyCounts: false });
    const admin = client(box.url, box.adminKey);
    await minted(admin, 'the-one', ['memory:read']);
    expect((await admin.post('/v1/api-keys', { name: 'two', scopes: ['memory:read'] })).status).toBe(403);
    await box.setPlan('developer');
    expect((await admin.post('/v1/api-keys', { name: 'two', scopes: ['memory:read'] })).status).toBe(201);
  });

  test('enterprise has no limit', async () => {
    const box = await sandbox({ plan: 'enterprise' });
    const admin = client(box.url, box.adminKey);
    for (let n = 0; n < 25; n += 1) await minted(admin, `key-${n}`, ['memory:read']);
    expect((await box.inspect()).keys).toHaveLength(26);
  });
});

describe('rate limits', () => {
  test('headers count down; the request too many is a 429 with Retry-After, and the next window is open', async () => {
    let now = NOON;
    const box = await sandbox({ plan: 'free', now: () => now });
    const app = client(box.url, box.adminKey);
    for (let left = 59; left >= 0; left -= 1) {
      const answer = await app.get('/api/v1/memory/overview');
      expect([answer.status, answer.headers.get('x-ratelimit-remaining')]).toEqual([200, String(left)]);
    }
    now += 15_000;
    const refused = await app.get('/api/v1/memory/overview');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('45');
    expect(refused.headers.get('x-ratelimit-limit')).toBe('60');
    expect(refused.headers.get('x-ratelimit-reset')).toBe(String((NOON + 60_000) / 1000));
    expect(refused.body).toMatchObject({ retry_after: 45, detail: expect.any(String) });
    now += 45_000;
    expect((await app.get('/api/v1/memory/overview')).status).toBe(200);
  });

  test.each([
    ['developer', '300'],
    ['pro', '1000'],
    ['enterprise', null],
  ] as const)('the %s plan says %s a minute', async (plan, limit) => {
    const box = await sandbox({ plan });
    expect((await client(box.url, box.adminKey).get('/v1/usage')).headers.get('x-ratelimit-limit')).toBe(limit);
  });

  test('one key that is too fast does not slow another', async () => {
    const box = await sandbox({ limits: { requestsPerWindow: 2 } });
    const admin = client(box.url, box.adminKey);
    const app = client(box.url, (await minted(admin, 'busy', ['memory:read'])).key);
    const statuses = [await app.get('/v1/usage'), await app.get('/v1/usage'), await app.get('/v1/usage'), await admin.get('/v1/usage')].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 429, 200]);
  });
});

describe('quotas', () => {
  test('first generation: reads use up the month, writes are free, and the next month is fresh', async () => {
    let now = NOON;
    const box = await sandbox({ limits: { queries: 2 }, now: () => now });
    const app = client(box.url, box.adminKey);
    const store = () => app.post('/api/v1/memory/store', { key: 'k', description: 'd' });
    await app.get('/api/v1/memory/overview');
    await app.post('/api/v1/memory/recall', { query: 'd' });
    const refused = await app.get('/api/v1/memory/overview');
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({ error: { code: 'QUOTA_EXCEEDED', limit: 2, current: 2, resets_at: '2026-04-01T00:00:00.000Z' } });
    expect((await store()).status).toBe(200);
    expect((await app.get('/v1/usage')).body['queries']).toEqual({ current: 2, limit: 2, percentage: 100 });
    now = Date.UTC(2026, 3, 1);
    expect((await app.get('/api/v1/memory/overview')).status).toBe(200);
  });

  test('second generation: every memory call counts', async () => {
    const box = await sandbox({ generation: 2, limits: { queries: 1 } });
    const app = client(box.url, box.adminKey);
    expect((await app.post('/api/v1/memory/store', { key: 'k', description: 'd' })).status).toBe(200);
    expect((await app.post('/api/v1/memory/store', { key: 'l', description: 'd' })).status).toBe(403);
    expect((await box.inspect()).keys[0]?.failures).toBe(1);
  });

  test('the node limit stops new nodes, not changes of old ones', async () => {
    const box = await sandbox({ limits: { nodes: 1 } });
    const app = client(box.url, box.adminKey);
    const store = async (key: string) => (await app.post('/api/v1/memory/store', { key, description: 'd' })).status;
    expect([await store('a'), await store('b'), await store('a')]).toEqual([200, 403, 200]);
  });
});

describe('usage', () => {
  test('usage, history and distribution add up', async () => {
    let now = NOON;
    const box = await sandbox({ limits: { queries: 200 }, now: () => now });
    const app = client(box.url, box.adminKey);
    await app.post('/api/v1/memory/store', { key: 'k', description: 'd' });
    await app.get('/api/v1/memory/overview');
    now += 86_400_000 + 3_600_000;
    await app.get('/api/v1/memory/overview');
    await app.get('/api/v1/memory/overview');
    expect((await app.get('/v1/usage')).body).toEqual({
      nodes: { current: 1, limit: 50_000, percentage: 0 },
      queries: { current: 3, limit: 200, percentage: 1.5 },
      billing_period: { start: '2026-03-01T00:00:00.000Z', end: '2026-04-01T00:00:00.000Z' },
    });
    expect((await app.get('/v1/usage/history')).body['history']).toEqual([
      { date: '2026-03-01', requests: 2, queries: 1, nodes: 1 },
      { date: '2026-03-02', requests: 3, queries: 2, nodes: 1 },
    ]);
    expect((await app.get('/v1/usage/queries/distribution?period=day')).body['distribution']).toMatchObject({ 12: 0, 13: 2 });
    expect((await app.get('/v1/usage/queries/distribution?period=week')).body['distribution']).toMatchObject({ 12: 1, 13: 2 });
    expect((await app.get('/v1/usage/queries/distribution?period=year')).status).toBe(422);
  });
});
