import { describe, expect, test } from 'vitest';
import { client, minted, sandbox } from './support.ts';

describe('keys', () => {
  test('an admin key mints a key that is shown once, lists it without its value, and revokes it at once', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    const created = await admin.post('/v1/api-keys', { name: 'prod-api-server', scopes: ['memory:write'], graph_id: 'g1' });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ name: 'prod-api-server', prefix: 'hm_live_', scopes: ['memory:write'], graph_id: 'g1' });
    const value = String(created.body['key']);
    expect(value).toMatch(/^hm_live_\w{40,}$/);

    const listing = await admin.get('/v1/api-keys');
    expect(listing.status).toBe(200);
    expect(JSON.stringify(listing.body)).not.toContain(value);
    expect(listing.body['keys']).toContainEqual(
      expect.objectContaining({ id: created.body['id'], name: 'prod-api-server', prefix: 'hm_live_', scopes: ['memory:write'], status: 'active', last_used_at: null }),
    );

    const app = client(box.url, value);
    expect((await app.get('/api/v1/memory/overview')).status).toBe(200);
    expect((await admin.del(`/v1/api-keys/${String(created.body['id'])}`)).status).toBe(200);
    expect((await app.get('/api/v1/memory/overview')).status).toBe(401);
    const after = (await admin.get('/v1/api-keys')).body['keys'] as { id: string; status: string; last_used_at: string }[];
    expect(after.find(({ id }) => id === created.body['id'] as string)).toMatchObject({ status: 'revoked', last_used_at: expect.any(String) });
  });

  test('revoking a dead or an unknown key answers 404', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    const { id } = await minted(admin, 'short-lived', ['memory:read']);
    expect((await admin.del(`/v1/api-keys/${id}`)).status).toBe(200);
    const again = await admin.del(`/v1/api-keys/${id}`);
    expect(again.status).toBe(404);
    expect(again.body['detail']).toEqual(expect.any(String));
    expect((await admin.del('/v1/api-keys/key_unknown')).status).toBe(404);
  });

  test('two keys of one name are two keys, and last_used_at moves only for the one that is used', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    const first = await minted(admin, 'twin', ['memory:read']);
    const second = await minted(admin, 'twin', ['memory:read']);
    expect(second.id).not.toBe(first.id);
    await client(box.url, second.key).get('/api/v1/memory/overview');
    const lives = new Map((await box.inspect()).keys.map((key) => [key.id, key]));
    expect(lives.get(first.id)?.last_used_at).toBeNull();
    expect(lives.get(second.id)?.last_used_at).not.toBeNull();
  });

  test.each([
    ['no header', {}],
    ['a lower-case scheme', { authorization: 'bearer KEY' }],
    ['two spaces', { authorization: 'Bearer  KEY' }],
    ['no scheme', { authorization: 'KEY' }],
    ['another key', { authorization: 'Bearer hm_live_0000' }],
  ])('%s is a 401', async (_name, headers: Record<string, string>) => {
    const box = await sandbox();
    const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('KEY', box.adminKey)]));
    const answer = await client(box.url).get('/v1/api-keys', sent);
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ error: { code: 'UNAUTHORIZED' }, detail: expect.any(String) });
  });

  test('a bad body is a 400 or 422 with a detail, and makes no key', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    const bodies: [unknown, number][] = [
      ['{not json', 400],
      [{ scopes: ['memory:read'] }, 422],
      [{ name: '', scopes: ['memory:read'] }, 422],
      [{ name: 'x', scopes: [] }, 422],
      [{ name: 'x', scopes: ['memory:everything'] }, 422],
      [{ name: 'x', scopes: ['owner'] }, 422],
    ];
    for (const [body, status] of bodies) {
      const answer = await admin.post('/v1/api-keys', body);
      expect([body, answer.status]).toEqual([body, status]);
      expect(answer.body['detail']).toEqual(expect.any(String));
    }
    expect((await box.inspect()).keys).toHaveLength(1);
  });

  test('a test account mints hm_test_ keys, the second generation hm_ and 64 hexadecimal digits', async () => {
    const testing = await sandbox({ environment: 'test' });
    expect((await minted(client(testing.url, testing.adminKey), 'a', ['memory:read'])).key).toMatch(/^hm_test_/);
    const second = await sandbox({ generation: 2 });
    const created = await client(second.url, second.adminKey).post('/v1/api-keys', { name: 'a', scopes: ['member'] });
    expect(created.body['key']).toMatch(/^hm_[\da-f]{64}$/);
    expect(created.body['prefix']).toBe(String(created.body['key']).slice(0, 8));
    expect(created.body['graph_id']).toBe('default');
  });
});

describe('scopes', () => {
  const calls = [
    ['read', 'GET', '/api/v1/memory/overview', undefined],
    ['read', 'POST', '/api/v1/memory/recall', { query: 'x' }],
    ['write', 'POST', '/api/v1/memory/store', { key: 'k', description: 'd' }],
    ['write', 'POST', '/api/v1/memory/update', { key: 'k', description: 'e' }],
    ['write', 'POST', '/api/v1/memory/forget', { key: 'k' }],
    ['admin', 'GET', '/v1/api-keys', undefined],
    ['admin', 'POST', '/v1/api-keys', { name: 'n', scopes: [] }],
    ['admin', 'DELETE', '/v1/api-keys/nothing', undefined],
    ['admin', 'GET', '/v1/audit-log', undefined],
  ] as const;

  test.each([
    [1, 'memory:read', ['read'], { read: 'memory:read', write: 'memory:write', admin: 'memory:admin' }],
    [1, 'memory:write', ['read', 'write'], { read: 'memory:read', write: 'memory:write', admin: 'memory:admin' }],
    [1, 'memory:admin', ['read', 'write', 'admin'], { read: 'memory:read', write: 'memory:write', admin: 'memory:admin' }],
    [2, 'member', ['read'], { read: 'member', write: 'owner', admin: 'owner' }],
    [2, 'owner', ['read', 'write', 'admin'], { read: 'member', write: 'owner', admin: 'owner' }],
  ] as const)('generation %d, %s may do exactly what it says', async (generation, scope, rights, names) => {
    const box = await sandbox({ generation });
    const { key } = await minted(client(box.url, box.adminKey), 'subject', [scope]);
    const subject = client(box.url, key);
    for (const [right, method, path, body] of calls) {
      const answer = method === 'GET' ? await subject.get(path) : method === 'DELETE' ? await subject.del(path) : await subject.post(path, body);
      const allowed = (rights as readonly string[]).includes(right);
      expect([path, answer.status === 403]).toEqual([path, !allowed]);
      if (!allowed) expect(answer.body['error']).toMatchObject({ code: 'FORBIDDEN', required_scope: names[right], key_scopes: [scope] });
    }
  });

  test('a key that is bound to a graph is refused for another; a free one takes X-Graph-Id', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    const bound = client(box.url, (await minted(admin, 'bound', ['memory:write'], { graph_id: 'g1' })).key);
    expect((await bound.get('/api/v1/memory/overview', { 'x-graph-id': 'g2' })).status).toBe(403);
    expect((await bound.post('/api/v1/memory/store', { key: 'k', description: 'd' }, { 'x-graph-id': 'g1' })).status).toBe(200);
    expect((await admin.get('/api/v1/memory/overview', { 'x-graph-id': 'g1' })).body['nodes']).toBe(1);
    expect((await admin.get('/api/v1/memory/overview')).body['nodes']).toBe(0);
  });
});

describe('memory', () => {
  test('store, recall, update, forget and overview do what they say', async () => {
    const box = await sandbox();
    const app = client(box.url, box.adminKey);
    const link = { to_key: 'project_api', relationship: 'serves' };
    expect((await app.post('/api/v1/memory/store', { key: 'tech_redis', description: 'Redis for caching', node_type: 'technology', relationships: [link] })).body).toMatchObject({ stored: 'tech_redis', relationships: 1 });
    expect((await app.post('/api/v1/memory/recall', { query: 'caching', max_results: 3 })).body).toMatchObject({ count: 1, results: [{ key: 'tech_redis', score: 1 }] });
    expect((await app.post('/api/v1/memory/update', { key: 'tech_redis', description: 'Redis for queues' })).body).toMatchObject({ updated: 'tech_redis' });
    expect((await app.post('/api/v1/memory/recall', { query: 'caching' })).body['count']).toBe(0);
    expect((await app.get('/api/v1/memory/overview')).body).toMatchObject({ nodes: 1, edges: 1, types: ['technology'] });
    expect((await app.get('/api/v1/memory/relationships/tech_redis')).body).toEqual([{ from_key: 'tech_redis', ...link }]);
    expect((await app.post('/api/v1/memory/forget', { key: 'tech_redis', cascade: true })).body).toMatchObject({ deleted: true });
    expect((await app.get('/api/v1/memory/overview')).body).toMatchObject({ nodes: 0, edges: 0 });
    expect((await app.post('/api/v1/memory/forget', { key: 'tech_redis' })).status).toBe(404);
    expect((await app.post('/api/v1/memory/recall', { query: 'x', max_results: 0 })).status).toBe(422);
  });

  test('a path that is not there is a 404 with a detail', async () => {
    const box = await sandbox();
    const answer = await client(box.url, box.adminKey).get('/v2/api-keys');
    expect(answer.status).toBe(404);
    expect(answer.body['detail']).toEqual(expect.any(String));
  });
});

const rpc = (method: string, params?: object) => ({ jsonrpc: '2.0', id: 7, method, params });
const tool = (name: string, args: object) => rpc('tools/call', { name, arguments: args });

describe('MCP', () => {
  test('initialize, tools/list and tools/call work over one endpoint', async () => {
    const box = await sandbox();
    const app = client(box.url, box.adminKey);
    expect((await app.post('/mcp', rpc('initialize', { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 't', version: '1' } }))).body).toMatchObject({
      jsonrpc: '2.0',
      id: 7,
      result: { protocolVersion: '2025-03-26', capabilities: { tools: {} } },
    });
    expect((await app.post('/mcp', { jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202);
    const { tools: listed } = (await app.post('/mcp', rpc('tools/list'))).body['result'] as { tools: { name: string; inputSchema: { type: string } }[] };
    expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(['memory_store', 'memory_recall', 'memory_update', 'memory_forget', 'memory_get_overview']));
    expect(listed.every(({ inputSchema }) => inputSchema.type === 'object')).toBe(true);
    expect((await app.post('/mcp', tool('memory_store', { key: 'k', description: 'over MCP' }))).body['result']).toMatchObject({ isError: false, structuredContent: { stored: 'k' } });
    expect((await app.post('/api/v1/memory/recall', { query: 'MCP' })).body['count']).toBe(1);
  });

  test('a tool that refuses answers isError; a key without rights gets the HTTP error of REST', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    expect((await admin.post('/mcp', tool('memory_forget', { key: 'nothing' }))).body['result']).toMatchObject({ isError: true });
    expect((await admin.post('/mcp', tool('memory_store', {}))).body['result']).toMatchObject({ isError: true });
    expect((await admin.post('/mcp', tool('no_such_tool', {}))).body['error']).toMatchObject({ code: -32_602 });
    expect((await admin.post('/mcp', rpc('no/such'))).body['error']).toMatchObject({ code: -32_601 });
    const reader = client(box.url, (await minted(admin, 'reader', ['memory:read'])).key);
    expect((await reader.post('/mcp', tool('memory_get_overview', {}))).status).toBe(200);
    const refused = await reader.post('/mcp', tool('memory_store', { key: 'k', description: 'd' }));
    expect(refused.status).toBe(403);
    expect(refused.body['error']).toMatchObject({ required_scope: 'memory:write' });
    expect((await client(box.url).post('/mcp', rpc('tools/list'))).status).toBe(401);
  });
});
