import { expect, test } from 'vitest';
import { client, minted, sandbox } from './support.ts';
import type { Client } from './support.ts';

interface Event {
  readonly id: string;
  readonly type: string;
  readonly key_id: string | null;
  readonly key_prefix: string | null;
  readonly path: string | null;
  readonly status: number | null;
}

async function page(admin: Client, query: string): Promise<{ events: Event[]; next: string | null }> {
  const { status, body } = await admin.get(`/v1/audit-log?${query}`);
  expect(status).toBe(200);
  return { events: body['events'] as Event[], next: body['next_cursor'] as string | null };
}

test('it tells the life of a key: created, used, failed, revoked, refused', async () => {
  const box = await sandbox();
  const admin = client(box.url, box.adminKey);
  const { id, key } = await minted(admin, 'watched', ['memory:read']);
  const app = client(box.url, key);
  await app.get('/api/v1/memory/overview?note=private');
  await app.post('/api/v1/memory/store', { key: 'k', description: 'd' });
  await admin.del(`/v1/api-keys/${id}`);
  await app.get('/api/v1/memory/overview');
  const { events, next } = await page(admin, `key_id=${id}`);
  expect(next).toBeNull();
  expect(events.map(({ type, status }) => [type, status])).toEqual([
    ['key.created', null],
    ['request.succeeded', 200],
    ['request.failed', 403],
    ['key.revoked', null],
    ['auth.failed', 401],
  ]);
  expect(events[1]).toMatchObject({ key_prefix: 'hm_live_', path: '/api/v1/memory/overview', method: 'GET', ip: '127.0.0.1', at: expect.any(String), user_agent: expect.any(String) });
});

test('a failed authentication of an unknown key carries only a prefix', async () => {
  const box = await sandbox();
  await client(box.url, 'hm_live_guessed').get('/v1/usage');
  const { events } = await page(client(box.url, box.adminKey), '');
  expect(events.at(-1)).toMatchObject({ type: 'auth.failed', key_id: null, key_prefix: 'hm_live_', status: 401 });
});

test('pages follow each other without gap or repetition, and the id of the last event seen is a cursor too', async () => {
  const box = await sandbox();
  const admin = client(box.url, box.adminKey);
  const { id, key } = await minted(admin, 'busy', ['memory:read']);
  const app = client(box.url, key);
  for (let n = 0; n < 11; n += 1) await app.get('/v1/usage');

  const seen: Event[] = [];
  let cursor = '';
  for (;;) {
    const { events, next } = await page(admin, `key_id=${id}&limit=5${cursor}`);
    seen.push(...events);
    if (next === null) break;
    expect(events).toHaveLength(5);
    cursor = `&cursor=${next}`;
  }
  expect(seen).toHaveLength(12);
  expect(seen.map((event) => event.id)).toEqual([...new Set(seen.map((event) => event.id))].sort());

  await app.get('/v1/usage');
  const later = await page(admin, `key_id=${id}&cursor=${seen.at(-1)?.id ?? ''}`);
  expect(later.events).toHaveLength(1);
});

test('since leaves out what came before; what is no instant or cursor is a 422', async () => {
  let now = Date.UTC(2026, 2, 1);
  const box = await sandbox({ now: () => now });
  const admin = client(box.url, box.adminKey);
  await admin.get('/v1/usage');
  now += 60_000;
  await admin.get('/v1/usage/history');
  const { events } = await page(admin, `since=${new Date(now).toISOString()}`);
  expect(events.map(({ path }) => path)).toEqual(['/v1/usage/history']);
  for (const query of ['since=yesterday', 'cursor=7', 'limit=0', 'limit=many']) expect((await admin.get(`/v1/audit-log?${query}`)).status).toBe(422);
});

test('it forgets the oldest events beyond its cap, while counters keep counting', async () => {
  const box = await sandbox({ plan: 'enterprise', auditCap: 100 });
  const admin = client(box.url, box.adminKey);
  for (let n = 0; n < 22; n += 1) await Promise.all(Array.from({ length: 50 }, () => admin.get('/v1/usage')));
  const { events } = await page(admin, 'limit=1000');
  expect(events.length).toBeLessThanOrEqual(300);
  expect(events[0]?.id).toBe('evt_000000000901');
  expect((await box.requests()).total).toBe(1_101);
});
