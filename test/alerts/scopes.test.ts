/** Scopes wider than used, from requests to the real sandbox over its audit log and the ledger to what is told. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inventoryScan } from '../../src/app/inventory-scan.ts';
import type { KeyRecord } from '../../src/core/vocabulary.ts';
import { Secret } from '../../src/core/secret.ts';
import { createHyperMemoryIssuer } from '../../src/issuers/hypermemory/index.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import { createIssuerSource } from '../../src/sources/issuer/index.ts';
import { ingest } from '../../src/usage/ingest.ts';
import { ACTOR, keyOf } from '../ledger/fixtures.ts';
import { sandboxWithPen, type SandboxWithPen } from '../sources/sandbox-with-pen.ts';
import { RUNTIMES, setClock } from '../support/runtimes.ts';
import { openStage, scanConfig, SOURCE, DAY, type Stage } from '../usage/scan-stage.ts';

const NAMES = ['reader', 'writer', 'agent', 'curious', 'newcomer', 'exempt', 'narrowed'] as const;
type Name = (typeof NAMES)[number];
/** Ends at the present: the sandbox's answers carry the real date. */
const START = Date.now() - 31 * DAY;
const never = new AbortController().signal;
const RULE = 'scopes_wider_than_used';
const OVERVIEW = ['GET', '/api/v1/memory/overview'] as const;
const STORE = ['POST', '/api/v1/memory/store', { key: 'k', description: 'd' }] as const;

describe.each(RUNTIMES.filter(({ name }) => name !== 'redis'))('scopes wider than used, on $name', (runtime) => {
  let stage: Stage;
  let sandbox: SandboxWithPen;
  let issuer: Issuer;
  let now = START;
  const config = scanConfig(NAMES, '', { exempt: 'rules: { scopes_wider_than_used: off }' });
  const values = new Map<Name, Secret>();

  /** A key of the sandbox that is the credential's current one; a former one is dead. */
  const mint = async (name: Name): Promise<KeyRecord> => {
    const before = (await stage.ledger.keysOf(name)).find(({ state }) => state === 'current');
    if (before !== undefined) await stage.ledger.markKey(before.id, 'revoked', ACTOR, 'replaced');
    const scopes = name === 'narrowed' ? ['memory:read'] : ['memory:write'];
    const { key, value } = await issuer.create({ name: `${name}-${now}`, scopes, space: null }, never);
    values.set(name, value);
    return await stage.ledger.adopt(keyOf(name, { issuerKeyId: key.id, scopes, state: 'current' }), ACTOR, {});
  };
  const call = async (name: Name, method: string, path: string, body?: object): Promise<number> => {
    const headers = { authorization: `Bearer ${values.get(name)?.reveal() ?? ''}`, 'user-agent': `${name}/1`, 'content-type': 'application/json' };
    return (await fetch(`${sandbox.url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })).status;
  };
  const goTo = async (day: number): Promise<void> => {
    now = START + day * DAY;
    await setClock(stage.pool, new Date(now));
  };
  const read = () => ingest({ usage: stage.usage, retention: { minutesMs: 14 * DAY }, log: stage.context.engine.log, now: () => stage.ledger.now() }, createIssuerSource({ name: SOURCE, issuer }), never);
  const scan = () => inventoryScan({ ...stage.context, issuers: () => [{ name: 'hm', open: () => issuer }] }, new Map());
  const told = async (): Promise<readonly string[]> => (await scan()).findings.filter(({ rule }) => rule === RULE).map(({ credential }) => String(credential)).sort();
  const without = async (name: Name) => {
    const alert = { finding: { rule: RULE, subject: `credential:${name} memory:write`, issuer: 'hm', credential: name } } as Parameters<Awaited<ReturnType<typeof scan>>['without']>[0];
    return (await scan()).without(alert);
  };

  beforeAll(async () => {
    sandbox = await sandboxWithPen(() => now);
    issuer = createHyperMemoryIssuer({ name: 'hm', baseUrl: sandbox.url, adminKey: () => Promise.resolve(new Secret(sandbox.adminKey)), generation: 1, timeoutMs: 10_000, listLagMs: 0 });
    stage = await openStage(runtime, config);
    await goTo(0);
    for (const name of NAMES) await mint(name);
  });
  afterAll(async () => {
    await stage.close();
    await sandbox.close();
  });

  test('it is told of once it has been watched for so long, over a rotation, and not where more was asked for, or might have been', async () => {
    for (const name of ['reader', 'writer', 'agent', 'curious', 'exempt', 'narrowed'] as const) expect(await call(name, ...OVERVIEW)).toBe(200);
    expect([await call('writer', ...STORE), await call('curious', 'GET', '/v1/api-keys'), await call('agent', 'POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' })]).toEqual([200, 403, 200]);
    await read();
    expect(await told()).toEqual([]);
    await goTo(20);
    await mint('reader');
    for (const name of ['reader', 'writer', 'agent', 'curious', 'newcomer', 'exempt', 'narrowed'] as const) expect(await call(name, ...OVERVIEW)).toBe(200);
    expect(await call('agent', 'POST', '/mcp', { jsonrpc: '2.0', id: 2, method: 'tools/list' })).toBe(200);
    await read();
    expect(await told()).toEqual([]);
    await goTo(31);
    await read();
    expect(await told()).toEqual(['curious', 'reader']);
    expect([await without('writer'), await without('agent'), await without('newcomer'), await without('exempt'), await without('narrowed')], 'narrowed: its key could not do more').toEqual(['clear', 'unseen', 'unseen', 'gone', 'unseen']);
    expect((await stage.usage.credentialNeeds(['curious'])).map(({ need, requests, refused }) => [need, requests, refused])).toEqual([['memory:read', 2, 0], ['memory:admin', 1, 1]]);
  });

  test('a source that fails, or has fallen behind, says nothing of anybody', async () => {
    await stage.usage.sourceFailed(SOURCE, 'It answers 503.');
    expect([await told(), await without('reader')]).toEqual([[], 'unseen']);
    await read();
    expect(await told()).toEqual(['curious', 'reader']);
    await stage.pool.query('update keyturn.usage_sources set seen_until = $1', [new Date(START + 29 * DAY).toISOString()]);
    expect([await told(), await without('reader')]).toEqual([[], 'unseen']);
    await read();
  });

  test('it is over once it is asked for more, or once other scopes are declared', async () => {
    expect(await call('reader', ...STORE)).toBe(200);
    await read();
    expect([await told(), await without('reader')]).toEqual([['curious'], 'clear']);
    await stage.declare(scanConfig(NAMES.filter((name) => name !== 'writer'), '', { exempt: 'rules: { scopes_wider_than_used: off }' }));
    await stage.pool.query(`update keyturn.credentials set plan = jsonb_set(plan, '{scopes}', '["memory:read"]') where name = 'curious'`);
    expect([await told(), await without('curious'), await without('writer')]).toEqual([[], 'clear', 'gone']);
  });
});
