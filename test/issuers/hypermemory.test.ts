import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { CANARY_PREFIX, canAdminister, canRead, canWrite, environmentOf, sameScopes, createHyperMemoryIssuer } from '../../src/issuers/hypermemory/index.ts';
import { startSandbox, type RunningSandbox } from '../../src/sandbox/index.ts';
import { always, issuerOf } from './on-sandbox.ts';
import { issuerAt, scripted, type Reply, type Seen } from './scripted-service.ts';

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const VALUE = new Secret(`hm_live_${'ab12'.repeat(10)}`);
const WRITER = { scopes: ['memory:write'], space: null, canary: true };

/** Runs `work` against a server that answers by script. */
async function against<T>(answer: (request: Seen, nth: number) => Reply, work: (service: Awaited<ReturnType<typeof scripted>>) => Promise<T>): Promise<T> {
  const service = await scripted(answer);
  try {
    return await work(service);
  } finally {
    await service.close();
  }
}

const code = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof KeyturnError ? error.code : 'another error'),
  );

describe('on the sandbox', () => {
  let sandbox: RunningSandbox;
  beforeEach(async () => {
    sandbox = await startSandbox({ plan: 'developer' });
  });
  afterEach(async () => {
    await sandbox.close();
  });

  const routes = async (keyId: string): Promise<Readonly<Record<string, number>>> => (await sandbox.requests(keyId)).by_route;
  const mint = (scopes: readonly string[] = ['memory:write']): ReturnType<RunningSandbox['mintKey']> => sandbox.mintKey({ name: 'prod-api', scopes });

  test('a writing key stores, recalls and forgets one canary, and nothing stays', async () => {
    const key = await mint();
    const seen = await issuerOf(sandbox).exercise?.(new Secret(key.key), WRITER, signal());
    expect(seen).toEqual({ works: true, reason: '', conclusive: true, did: ['store a canary', 'recall', 'forget the canary'] });
    expect((await sandbox.requests(key.id)).total).toBe(3);
    expect(await nodes(sandbox)).toBe(0);
  });

  test('a reading key, and a writing one without canaries, only reads the overview', async () => {
    const key = await mint();
    const issuer = issuerOf(sandbox);
    await issuer.exercise?.(new Secret(key.key), { ...WRITER, canary: false }, signal());
    await issuer.exercise?.(new Secret(key.key), { ...WRITER, scopes: ['memory:read'] }, signal());
    expect(Object.keys(await routes(key.id))).toEqual(['GET /api/v1/memory/overview']);
  });

  test('the canary is forgotten even when recall fails, is cut off or the check is aborted', async () => {
    const key = await mint();
    const value = new Secret(key.key);
    for (const effect of [{ kind: 'status', status: 500 }, { kind: 'drop-before' }, { kind: 'delay', ms: 5_000 }] as const) {
      await sandbox.setFaults([always(effect, { path: '/api/v1/memory/recall' })]);
      const seen = await issuerOf(sandbox).exercise?.(value, WRITER, AbortSignal.timeout(300));
      expect(seen).toMatchObject({ works: false, conclusive: false });
      expect(await nodes(sandbox), effect.kind).toBe(0);
    }
  });

  test('the canary is forgotten when the answer to its store was lost', async () => {
    const key = await mint();
    await sandbox.setFaults([always({ kind: 'drop-after' }, { path: '/api/v1/memory/store' })]);
    expect(await issuerOf(sandbox).exercise?.(new Secret(key.key), WRITER, signal())).toMatchObject({ works: false, conclusive: false });
    expect(await nodes(sandbox)).toBe(0);
  });

  test('a canary that could not be forgotten is named', async () => {
    const key = await mint();
    await sandbox.setFaults([always({ kind: 'status', status: 503 }, { path: '/api/v1/memory/forget' })]);
    const seen = await issuerOf(sandbox).exercise?.(new Secret(key.key), WRITER, signal());
    expect(seen).toMatchObject({ works: false, conclusive: false });
    expect(seen?.reason).toContain(CANARY_PREFIX);
    expect(seen?.reason).toContain('by hand');
  });

  test('a key with too few scopes is red for good, naming what it lacks', async () => {
    const key = await mint(['memory:read']);
    const seen = await issuerOf(sandbox).exercise?.(new Secret(key.key), WRITER, signal());
    expect(seen).toMatchObject({ works: false, conclusive: true });
    expect(seen?.reason).toMatch(/may not store a canary.*memory:write.*memory:read/);
    expect((await sandbox.requests(key.id)).total, 'nothing to recall or forget').toBe(1);
  });

  test('inspect knows plan, limit and live keys', async () => {
    await mint();
    expect(await issuerOf(sandbox, { plan: 'developer' }).inspect(signal())).toMatchObject({ plan: 'developer', keyLimit: 5, liveKeys: 2, raiseLimit: expect.stringContaining('Settings → Billing → Upgrade Plan'), problems: [] });
    expect(await issuerOf(sandbox, { plan: 'developer', keyLimit: 3 }).inspect(signal())).toMatchObject({ keyLimit: 3 });
    expect(await issuerOf(sandbox, { plan: 'Enterprise' }).inspect(signal())).toMatchObject({ keyLimit: null });
    expect(issuerOf(sandbox, { plan: 'free' }).capabilities).toMatchObject({ keyLimit: 1, list: true, lastUse: true, immediateRevocation: true });
  });

  test('inspect reports an admin key of another environment, and one without rights', async () => {
    expect((await issuerOf(sandbox, { environment: 'test' }).inspect(signal())).problems).toEqual([expect.stringMatching(/environment live.*declared as test/)]);
    expect((await issuerOf(sandbox, { environment: 'live' }).inspect(signal())).problems).toEqual([]);
    const weak = await mint(['memory:write']);
    const { problems } = await issuerOf(sandbox, { adminKey: () => Promise.resolve(new Secret(weak.key)) }).inspect(signal());
    expect(problems).toEqual([expect.stringMatching(/may not list keys: it needs memory:admin and has memory:write\. Create an admin key/)]);
  });

  test('usage of today is counted by key from all pages of the audit log', async () => {
    const busy = await mint();
    const issuer = issuerOf(sandbox);
    for (let n = 0; n < 3; n += 1) await issuer.probe(new Secret(busy.key), signal());
    await sandbox.setFaults([always({ kind: 'status', status: 400, body: { detail: 'no' }, applied: false }, { keyName: 'prod-api' })]);
    await issuer.probe(new Secret(busy.key), signal());
    await sandbox.setFaults([]);
    const mine = (await sandbox.requests(busy.id));
    expect(await issuer.usageToday?.(signal())).toContainEqual({ issuerKeyId: busy.id, requests: mine.total, failures: mine.failures });
  });

  test('the quota is what the service counts, with the period that it goes by', async () => {
    const { current } = ((await issuerOf(sandbox).quota?.(signal())) ?? []).find(({ what }) => what === 'queries') ?? expect.fail('queries are counted');
    const app = await sandbox.mintKey({ name: 'quota-reader', scopes: ['memory:read'] });
    await fetch(`${sandbox.url}/api/v1/memory/recall`, { method: 'POST', headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ query: 'x', max_results: 1 }) });
    const [queries, nodes] = (await issuerOf(sandbox).quota?.(signal())) ?? [];
    expect(queries).toMatchObject({ what: 'queries', current: current + 1 });
    expect(queries?.period?.start.getUTCDate()).toBe(1);
    expect(nodes).toMatchObject({ what: 'nodes', period: null });
  });

  test('usage of today is null where the audit log is not served, and where it does not fit', async () => {
    expect(await issuerOf(sandbox, { paths: { auditLog: '/v1/nowhere' } }).usageToday?.(signal())).toBeNull();
    const endless = against((_request, nth) => ({ status: 200, body: { events: [], next_cursor: `c${nth}` } }), async ({ url }) => issuerAt(url, { maxAuditPages: 3 }).usageToday?.(signal()));
    expect(await endless).toBeNull();
  });

  test('examine says of each address whether it is served and which fields it has', async () => {
    await mint();
    const seen = await issuerOf(sandbox, { paths: { usage: '/v2/usage' }, fields: { lastUsedAt: 'lastUse' } }).examine?.(signal());
    const byWhat = new Map(seen?.map((one) => [one.what, one]));
    expect(byWhat.get('GET /v1/api-keys')).toMatchObject({ ok: true, detail: expect.stringContaining('has id, name, prefix, scopes') as string });
    expect(byWhat.get('GET /v1/api-keys')?.detail).toContain('lacks "lastUse"');
    expect(byWhat.get('GET /v2/usage')).toMatchObject({ ok: false, detail: expect.stringContaining('set paths.usage') as string });
    expect(byWhat.get('GET /v1/audit-log')).toMatchObject({ ok: true });
    expect(byWhat.get('GET /api/v1/memory/overview')).toMatchObject({ ok: true });
    expect(Object.keys((await sandbox.requests()).by_route).every((route) => route.startsWith('GET ') || route.includes('__sandbox'))).toBe(true);
  });

  test('examine goes on when the service does not answer, and says so of each address', async () => {
    await sandbox.setFaults([always({ kind: 'html', status: 200 })]);
    const seen = (await issuerOf(sandbox).examine?.(signal())) ?? [];
    expect(seen.filter((one) => one.what.startsWith('GET')).map((one) => one.ok)).toEqual([false, false, false, false]);
  });
});

const deafToDelete = (request: Seen): Reply =>
  request.method === 'DELETE' ? { status: 404, body: { detail: 'Not Found' } } : { status: 200, body: { keys: [{ id: 'k1', name: 'n', prefix: 'hm_live_', scopes: [] }] } };

describe('revoking by a wrong path', () => {
  test('a 404 for a key that is still listed as live is no success', async () => {
    await against(deafToDelete, async ({ issuer }) => {
      const thrown = await issuer().revoke('k1', signal()).catch((error: unknown) => error);
      expect(thrown).toMatchObject({ code: 'ISSUER_BAD_ANSWER', message: expect.stringContaining('still lists it as live') as string });
      expect(await issuer().revoke('k2', signal())).toBe('gone');
    });
  });

  test('an id can not climb out of its path', async () => {
    await against(
      () => ({ status: 200 }),
      async ({ issuer, seen }) => {
        for (const id of ['', '.', '..']) expect(await code(issuer().revoke(id, signal()))).toBe('ISSUER_REJECTED');
        await issuer().revoke('../../admin?x=1', signal());
        expect(seen.map((one) => one.url)).toEqual(['/v1/api-keys/..%2F..%2Fadmin%3Fx%3D1']);
      },
    );
  });
});

const entry = (id: string, more: object = {}): object => ({ id, name: id, prefix: 'hm_live_', scopes: ['memory:read'], ...more });
const twoPages = (request: Seen): Reply =>
  request.url.includes('cursor=two') ? { status: 200, body: { keys: [entry('b'), entry('c')] } } : { status: 200, body: { keys: [entry('a'), entry('b')], next_cursor: 'two' } };

describe('lists', () => {
  test('all pages are read, and a key that moved between pages counts once', async () => {
    const keys = await against(twoPages, ({ issuer }) => issuer().list(signal()));
    expect(keys.map((key) => key.id)).toEqual(['a', 'b', 'c']);
  });

  test('a list that can not be read to its end is an error, never a part', async () => {
    expect(await against((_request, nth) => ({ status: 200, body: { keys: [entry('a')], next_cursor: `c${nth}` } }), ({ issuer }) => code(issuer({ maxListPages: 3 }).list(signal())))).toBe('ISSUER_BAD_ANSWER');
    expect(await against(() => ({ status: 200, body: { keys: [entry('a')], next_cursor: 'same' } }), ({ issuer }) => code(issuer().list(signal())))).toBe('ISSUER_BAD_ANSWER');
    expect(await against((_request, nth) => (nth === 1 ? { status: 200, body: { keys: [entry('a')], next_cursor: 'x' } } : { status: 403, body: { detail: 'no' } }), ({ issuer }) => code(issuer().list(signal())))).toBe('ISSUER_DENIED');
  });

  test('states, instants and environments are read as they come', async () => {
    const body = {
      keys: [
        entry('dead', { status: 'Revoked' }),
        entry('dead-too', { revoked_at: '2026-01-01T00:00:00Z' }),
        entry('unheard-of', { status: 'paused' }),
        entry('zoneless', { created_at: '2026-01-31T10:00:00', last_used_at: 1_767_225_600, prefix: 'hm_test_', graph_id: 'main' }),
        entry('second', { prefix: 'hm_4f2a9', scopes: 'owner', name: null }),
      ],
    };
    const keys = await against(() => ({ status: 200, body }), ({ issuer }) => issuer().list(signal()));
    expect(keys.map((key) => key.live)).toEqual([false, false, true, true, true]);
    expect(keys[3]).toMatchObject({ createdAt: new Date('2026-01-31T10:00:00Z'), lastUsedAt: new Date('2026-01-01T00:00:00Z'), environment: 'test', space: 'main' });
    expect(keys[4]).toMatchObject({ environment: null, scopes: ['owner'], name: '', space: null });
  });

  test('every path and field name can be another', async () => {
    const paths = { keys: '/api/keys', key: '/api/keys/{key_id}/revoke' };
    const fields = { keys: 'data.items', id: 'key_id', name: 'label', scopes: 'permissions', value: 'secret.token', requestName: 'label', requestScopes: 'permissions', requestSpace: 'graph' };
    const made = { key_id: 7, label: 'n', permissions: ['memory:read'], secret: { token: VALUE.reveal() } };
    const answer = ({ method }: Seen): Reply => (method === 'GET' ? { status: 200, body: { data: { items: [made] } } } : { status: 201, body: made });
    await against(answer, async ({ issuer, seen }) => {
      const one = issuer({ paths, fields });
      expect(await one.list(signal())).toEqual([expect.objectContaining({ id: '7', name: 'n', prefix: '' })]);
      const { key, value } = await one.create({ name: 'n', scopes: ['memory:read'], space: 'g' }, signal());
      expect(key).toMatchObject({ id: '7', prefix: 'hm_live_', environment: 'live' });
      expect(value.equals(VALUE)).toBe(true);
      expect(seen[1]).toMatchObject({ url: '/api/keys', body: { label: 'n', permissions: ['memory:read'], graph: 'g' } });
      await one.revoke('7', signal()).catch(() => undefined);
      expect(seen[2]).toMatchObject({ method: 'DELETE', url: '/api/keys/7/revoke' });
    });
  });
});

describe('a probe', () => {
  const cases: readonly [string, Reply, boolean, boolean][] = [
    ['200', { status: 200, body: { nodes: 0 } }, true, true],
    ['401', { status: 401, body: { detail: 'revoked' } }, false, true],
    ['403 for want of a scope: the key is alive', { status: 403, body: { error: { code: 'FORBIDDEN', required_scope: 'memory:read', key_scopes: [] } } }, true, true],
    ['403 for another reason', { status: 403, body: { detail: 'blocked country' } }, false, false],
    ['401 in HTML', { status: 401, body: '<html>log in</html>' }, false, false],
    ['200 in HTML', { status: 200, body: '<html>log in</html>' }, false, false],
    ['404', { status: 404, body: { detail: 'Not Found' } }, false, false],
    ['429', { status: 429, body: { detail: 'slow' } }, false, false],
    ['a used-up quota', { status: 403, body: { error: { code: 'QUOTA_EXCEEDED' } } }, false, false],
    ['500', { status: 500, body: {} }, false, false],
    ['a broken connection', (response) => response.destroy(), false, false],
  ];
  for (const [says, reply, works, conclusive] of cases) {
    test(`${says}: works ${works}, conclusive ${conclusive}`, async () => {
      await against(
        () => reply,
        async ({ issuer, seen }) => {
          const probe = await issuer().probe(VALUE, signal());
          expect(probe).toMatchObject({ works, conclusive });
          expect(probe.reason === '').toBe(works);
          expect(seen.map((one) => [one.method, one.authorization])).toEqual([['GET', `Bearer ${VALUE.reveal()}`]]);
        },
      );
    });
  }

  test('an exercise names the space that the key is for', async () => {
    await against(
      () => ({ status: 200, body: {} }),
      async ({ issuer, seen }) => {
        await issuer().exercise?.(VALUE, { ...WRITER, space: 'graph-1' }, signal());
        expect(seen.map((one) => one.headers['x-graph-id'])).toEqual(['graph-1', 'graph-1', 'graph-1']);
      },
    );
  });
});

describe('the admin key', () => {
  test('is resolved for every call, and a reference that fails sends nothing', async () => {
    await against(
      () => ({ status: 200, body: { keys: [] } }),
      async ({ url, seen }) => {
        let n = 0;
        const adminKey = (): Promise<Secret> => {
          n += 1;
          return n === 3 ? Promise.reject(new KeyturnError('REFERENCE_UNRESOLVED', 'no file')) : Promise.resolve(new Secret(`hm_live_number_${n}`));
        };
        const issuer = createHyperMemoryIssuer({ name: 'hm', baseUrl: url, adminKey, generation: 1, timeoutMs: 2_000, listLagMs: 0 });
        await issuer.list(signal());
        await issuer.list(signal());
        expect(seen.map((one) => one.authorization)).toEqual(['Bearer hm_live_number_1', 'Bearer hm_live_number_2']);
        const thrown = await issuer.create({ name: 'n', scopes: [], space: null }, signal()).catch((error: unknown) => error);
        expect(thrown).toMatchObject({ code: 'REFERENCE_UNRESOLVED', effect: 'none' });
      },
    );
  });
});

test('scopes of both generations', () => {
  expect([['memory:read'], ['memory:write'], ['memory:admin'], ['owner'], ['member'], ['odd'], []].map((one) => [canRead(one), canWrite(one), canAdminister(one)])).toEqual([
    [true, false, false],
    [true, true, false],
    [true, true, true],
    [true, true, false],
    [true, false, false],
    [false, false, false],
    [false, false, false],
  ]);
  expect(sameScopes(['a', 'b'], ['b', 'a', 'a'])).toBe(true);
  expect(sameScopes(['memory:write'], ['memory:write', 'memory:read'])).toBe(false);
  expect(sameScopes(['memory:write'], ['memory:admin'])).toBe(false);
  expect([environmentOf('hm_live_'), environmentOf('hm_test_'), environmentOf('hm_4f2a9'), environmentOf('hm_live')]).toEqual(['live', 'test', null, null]);
});

/** How many nodes the sandbox holds, asked with the admin key. */
async function nodes(sandbox: RunningSandbox): Promise<number> {
  const answer = await fetch(`${sandbox.url}/api/v1/memory/overview`, { headers: { authorization: `Bearer ${sandbox.adminKey}` } });
  const body = (await answer.json()) as { nodes: number };
  return body.nodes;
}
