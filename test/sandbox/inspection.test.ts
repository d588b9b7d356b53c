import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createAccount } from '../../src/sandbox/account.ts';
import { createFaultEngine } from '../../src/sandbox/faults/engine.ts';
import { createServer } from '../../src/sandbox/server.ts';
import { openDatabase } from '../../src/sandbox/tables/database.ts';
import type { KeyLife } from '../../src/sandbox/index.ts';
import { client, minted, sandbox, sha256 } from './support.ts';

test('it lists every key ever minted with its life, and matches a value by its SHA-256 without holding it', async () => {
  const box = await sandbox();
  const admin = client(box.url, box.adminKey);
  const { id, key } = await minted(admin, 'prod-api', ['memory:read'], { graph_id: 'g1' });
  const app = client(box.url, key);
  await app.get('/api/v1/memory/overview');
  await app.post('/api/v1/memory/store', { key: 'k', description: 'd' });
  await admin.del(`/v1/api-keys/${id}`);
  await app.get('/api/v1/memory/overview');
  const { body } = await client(box.url).get('/__sandbox/keys');
  expect(JSON.stringify(body)).not.toContain(key);
  expect(JSON.stringify(body)).not.toContain(box.adminKey);
  const keys = body['keys'] as KeyLife[];
  expect(keys.find((life) => life.sha256 === sha256(key))).toEqual({
    id,
    name: 'prod-api',
    prefix: 'hm_live_',
    sha256: sha256(key),
    scopes: ['memory:read'],
    graph_id: 'g1',
    origin: 'api',
    status: 'revoked',
    created_at: expect.any(String),
    first_used_at: expect.any(String),
    last_used_at: expect.any(String),
    revoked_at: expect.any(String),
    requests: 2,
    failures: 1,
    requests_after_revocation: 1,
    last_request_after_revocation_at: expect.any(String),
  });
  expect(keys[0]).toMatchObject({ origin: 'bootstrap', sha256: sha256(box.adminKey) });
});

test('it counts requests by status and route, of one key or of all', async () => {
  const box = await sandbox();
  const admin = client(box.url, box.adminKey);
  const { id, key } = await minted(admin, 'counted', ['memory:read']);
  await client(box.url, key).get('/v1/usage');
  await client(box.url, key).get('/v1/api-keys');
  await client(box.url).get('/v1/usage');
  const inspection = client(box.url);
  expect((await inspection.get(`/__sandbox/requests?key_id=${id}`)).body).toEqual({
    key_id: id,
    total: 2,
    failures: 1,
    by_status: { 200: 1, 403: 1 },
    by_route: { 'GET /v1/api-keys': 1, 'GET /v1/usage': 1 },
  });
  expect((await inspection.get('/__sandbox/requests')).body).toMatchObject({ key_id: null, total: 4, by_status: { 200: 1, 201: 1, 401: 1, 403: 1 } });
});

test('looking does not count as use, and is not in the audit log', async () => {
  const box = await sandbox();
  const inspection = client(box.url);
  await inspection.get('/__sandbox/keys');
  await inspection.get('/__sandbox/requests');
  expect((await box.inspect()).keys[0]?.last_used_at).toBeNull();
  expect((await box.requests()).total).toBe(0);
});

test("a person's key is minted and revoked out of band, within the limit unless told otherwise", async () => {
  const box = await sandbox({ plan: 'free' });
  const inspection = client(box.url);
  const wish = { name: 'by-hand', scopes: ['memory:write'] };
  expect((await inspection.post('/__sandbox/keys', wish)).status).toBe(403);
  const made = await inspection.post('/__sandbox/keys', { ...wish, ignore_limit: true });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ origin: 'person', name: 'by-hand' });
  const app = client(box.url, String(made.body['key']));
  expect((await app.get('/v1/usage')).status).toBe(200);
  expect((await inspection.del(`/__sandbox/keys/${String(made.body['id'])}`)).status).toBe(200);
  expect((await app.get('/v1/usage')).status).toBe(401);
  expect((await inspection.del('/__sandbox/keys/nothing')).status).toBe(404);
  expect((await inspection.post('/__sandbox/keys', { name: 'x', scopes: ['root'] })).status).toBe(422);
});

test('faults and plan can be set at run time; wrong ones change nothing', async () => {
  const box = await sandbox();
  const inspection = client(box.url);
  const admin = client(box.url, box.adminKey);
  expect((await inspection.post('/__sandbox/faults', [{ effect: { kind: 'status', status: 418 } }])).status).toBe(200);
  expect((await admin.get('/v1/usage')).status).toBe(418);
  const wrong = await inspection.post('/__sandbox/faults', [{ effect: { kind: 'status', status: 42 } }]);
  expect(wrong.status).toBe(422);
  expect(wrong.body['detail']).toContain('rules[0].effect.status');
  expect((await inspection.get('/__sandbox/faults')).body['faults']).toMatchObject([{ matched: 1, struck: 1 }]);
  await inspection.post('/__sandbox/faults', []);
  expect((await admin.get('/v1/usage')).status).toBe(200);
  expect((await inspection.post('/__sandbox/plan', { plan: 'pro' })).body).toEqual({ plan: 'pro' });
  expect((await admin.get('/v1/usage')).headers.get('x-ratelimit-limit')).toBe('1000');
  expect((await inspection.post('/__sandbox/plan', { plan: 'gold' })).status).toBe(422);
});

test('the running sandbox does not print its admin key', async () => {
  const box = await sandbox();
  expect(inspect(box, { depth: 9, showHidden: true })).not.toContain(box.adminKey);
  expect(JSON.stringify(box)).not.toContain(box.adminKey);
});

test('it answers its own machine only, wherever the sandbox listens', async () => {
  const app = createServer({ account: createAccount(openDatabase(undefined), {}), faults: createFaultEngine([]), latencyMs: 0, stopping: new AbortController().signal });
  const status = async (remoteAddress: string) => (await app.inject({ url: '/__sandbox/keys', remoteAddress })).statusCode;
  expect([await status('127.0.0.1'), await status('::1'), await status('10.0.0.7'), await status('fe80::1')]).toEqual([200, 200, 403, 403]);
  expect((await app.inject({ url: '/v1/usage', remoteAddress: '10.0.0.7' })).statusCode).toBe(401);
});
