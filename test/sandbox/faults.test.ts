import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { startSandbox } from '../../src/sandbox/index.ts';
import type { FaultRule } from '../../src/sandbox/index.ts';
import { client, minted, sandbox, temporaryDir } from './support.ts';

const CREATE = { method: 'POST', path: '/v1/api-keys' } as const;
const wish = (name: string) => ({ name, scopes: ['memory:read'] });

async function withFault(rule: FaultRule) {
  const box = await sandbox({ faults: [rule] });
  const admin = client(box.url, box.adminKey);
  const create = (name = 'wanted') => admin.post('/v1/api-keys', wish(name));
  const names = async () => (await box.inspect()).keys.map(({ name }) => name).slice(1);
  return { box, admin, create, names };
}

describe('how a request can end', () => {
  test('status: the service refuses, with the body, headers and Retry-After of the rule; nothing happens', async () => {
    const { create, names, box } = await withFault({
      match: CREATE,
      times: 1,
      effect: { kind: 'status', status: 503, body: { message: 'later' }, headers: { 'x-why': 'test' }, retryAfter: 2 },
    });
    const answer = await create();
    expect([answer.status, answer.body, answer.headers.get('retry-after'), answer.headers.get('x-why')]).toEqual([503, { message: 'later' }, '2', 'test']);
    expect(await names()).toEqual([]);
    expect((await box.inspect()).keys[0]?.failures).toBe(1);
    expect((await create()).status).toBe(201);
  });

  test('status with applied: an error is answered, and the key exists all the same', async () => {
    const { create, names } = await withFault({ match: CREATE, effect: { kind: 'status', status: 504, applied: true } });
    expect((await create()).status).toBe(504);
    expect(await names()).toEqual(['wanted']);
  });

  test('html: something in between answers a page', async () => {
    const { create, names } = await withFault({ effect: { kind: 'html' } });
    const answer = await create();
    expect(answer.status).toBe(502);
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(answer.text).toContain('<!doctype html>');
    expect(await names()).toEqual([]);
  });

  test('drop-before: the request is lost', async () => {
    const { create, names } = await withFault({ match: CREATE, effect: { kind: 'drop-before' } });
    await expect(create()).rejects.toThrow('fetch failed');
    expect(await names()).toEqual([]);
  });

  test('drop-after: the answer is lost, the key exists', async () => {
    const { create, names } = await withFault({ match: CREATE, effect: { kind: 'drop-after' } });
    await expect(create()).rejects.toThrow('fetch failed');
    expect(await names()).toEqual(['wanted']);
  });

  test('late-effect: the connection dies, and the key comes to exist later', async () => {
    const { create, names } = await withFault({ match: CREATE, effect: { kind: 'late-effect', ms: 400 } });
    await expect(create()).rejects.toThrow('fetch failed');
    expect(await names()).toEqual([]);
    await vi.waitFor(async () => expect(await names()).toEqual(['wanted']), { timeout: 5_000, interval: 20 });
  });

  test('half-body: the answer breaks off', async () => {
    const { create, names } = await withFault({ match: CREATE, effect: { kind: 'half-body' } });
    await expect(create()).rejects.toThrow();
    expect(await names()).toEqual(['wanted']);
  });

  test('delay: the effect waits, or with when: after only the answer', async () => {
    const { box, create, names } = await withFault({ match: CREATE, effect: { kind: 'delay', ms: 150 } });
    const before = performance.now();
    expect((await create()).status).toBe(201);
    expect(performance.now() - before).toBeGreaterThanOrEqual(145);
    await box.setFaults([{ match: CREATE, effect: { kind: 'delay', ms: 60_000, when: 'after' } }]);
    const hanging = create('slow').catch(() => 'lost');
    await vi.waitFor(async () => expect(await names()).toEqual(['wanted', 'slow']), { timeout: 5_000, interval: 20 });
    await box.close();
    expect(await hanging).toBe('lost');
  });
});

describe('how a key can be born', () => {
  test('hide-created: lists do not show the key yet, though it works and counts', async () => {
    let now = 1_000_000;
    const box = await sandbox({ now: () => now, faults: [{ effect: { kind: 'hide-created', ms: 5_000 } }] });
    const admin = client(box.url, box.adminKey);
    const { key } = await minted(admin, 'shy', ['memory:read']);
    const listed = async () => JSON.stringify((await admin.get('/v1/api-keys')).body).includes('shy');
    expect(await listed()).toBe(false);
    expect((await client(box.url, key).get('/v1/usage')).status).toBe(200);
    now += 5_000;
    expect(await listed()).toBe(true);
  });

  test('activation-delay: the key is refused at first', async () => {
    let now = 1_000_000;
    const box = await sandbox({ now: () => now, faults: [{ effect: { kind: 'activation-delay', ms: 3_000 } }] });
    const app = client(box.url, (await minted(client(box.url, box.adminKey), 'slow', ['memory:read'])).key);
    expect((await app.get('/v1/usage')).status).toBe(401);
    expect((await box.inspect()).keys[1]).toMatchObject({ requests: 0, requests_after_revocation: 0 });
    now += 3_000;
    expect((await app.get('/v1/usage')).status).toBe(200);
  });

  test('a hidden key may also lose its answer: rules add up', async () => {
    const box = await sandbox({ faults: [{ effect: { kind: 'hide-created', ms: 60_000 } }, { match: CREATE, effect: { kind: 'drop-after' } }] });
    const admin = client(box.url, box.adminKey);
    await expect(admin.post('/v1/api-keys', wish('ghost'))).rejects.toThrow('fetch failed');
    expect(JSON.stringify((await admin.get('/v1/api-keys')).body)).not.toContain('ghost');
    expect((await box.inspect()).keys.map(({ name }) => name)).toContain('ghost');
  });
});

const broken = { kind: 'status', status: 500 } as const;

/** Which of 40 requests a rule of probability one half strikes. */
async function run(seed: number): Promise<boolean[]> {
  const box = await sandbox({ faults: [{ probability: 0.5, seed, effect: broken }] });
  const admin = client(box.url, box.adminKey);
  const hits: boolean[] = [];
  for (let n = 0; n < 40; n += 1) hits.push((await admin.get('/v1/usage')).status === 500);
  return hits;
}

describe('which requests a rule strikes', () => {
  test('a method and a path alone or with all beneath it, or a pattern', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    const statuses = async (path: string) => {
      await box.setFaults([{ match: { method: ['get', 'delete'], path }, effect: broken }]);
      return [(await admin.get('/v1/api-keys')).status, (await admin.del('/v1/api-keys/x')).status, (await admin.get('/v1/usage')).status, (await admin.post('/v1/api-keys', {})).status];
    };
    expect(await statuses('/v1/api-keys')).toEqual([500, 500, 200, 422]);
    expect(await statuses('/v1/api-keys/*')).toEqual([200, 500, 200, 422]);
    expect(await statuses('/v1/*')).toEqual([500, 404, 500, 422]);
    expect(await statuses('/v1/**')).toEqual([500, 500, 500, 422]);
    expect(await statuses('/v1/api')).toEqual([200, 404, 200, 422]);
  });

  test('the key that calls, and the key that would be created, by name', async () => {
    const box = await sandbox();
    const admin = client(box.url, box.adminKey);
    const app = client(box.url, (await minted(admin, 'prod-api-1', ['memory:read'])).key);
    await box.setFaults([{ match: { keyName: 'prod-*' }, effect: broken }, { match: { createdName: 'kt-*' }, effect: broken }]);
    expect((await app.get('/v1/usage')).status).toBe(500);
    expect((await admin.get('/v1/usage')).status).toBe(200);
    expect((await admin.post('/v1/api-keys', wish('kt-7'))).status).toBe(500);
    expect((await admin.post('/v1/api-keys', wish('other'))).status).toBe(201);
  });

  test('after, times: some pass, some are struck, the rest pass; hits are counted', async () => {
    const box = await sandbox({ faults: [{ name: 'two', after: 1, times: 2, effect: broken }] });
    const admin = client(box.url, box.adminKey);
    const statuses: number[] = [];
    for (let n = 0; n < 5; n += 1) statuses.push((await admin.get('/v1/usage')).status);
    expect(statuses).toEqual([200, 500, 500, 200, 200]);
    expect(await box.faults()).toMatchObject([{ rule: { name: 'two' }, matched: 5, struck: 2 }]);
  });

  test('probability with a seed strikes the same requests in every run', async () => {
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
    const struck = first.filter(Boolean).length;
    expect(struck).toBeGreaterThan(8);
    expect(struck).toBeLessThan(32);
  });
});

describe('a faults file', () => {
  test('is read as YAML or JSON', async () => {
    const dir = temporaryDir();
    writeFileSync(join(dir, 'f.yaml'), '- match: { path: /v1/usage }\n  effect: { kind: status, status: 418 }\n');
    writeFileSync(join(dir, 'f.json'), JSON.stringify([{ effect: { kind: 'status', status: 419 } }]));
    for (const [file, status] of [['f.yaml', 418], ['f.json', 419]] as const) {
      const box = await sandbox({ faults: join(dir, file) });
      expect((await client(box.url, box.adminKey).get('/v1/usage')).status).toBe(status);
    }
  });

  test('as docs/sandbox.md shows it is valid, and shows every kind', async () => {
    const page = readFileSync(new URL('../../docs/sandbox.md', import.meta.url), 'utf8');
    const rules = parse(/```yaml\n([^]*?)```/.exec(page)?.[1] ?? '') as FaultRule[];
    const box = await sandbox({ faults: rules });
    expect((await box.faults()).map(({ rule }) => rule.effect.kind).sort()).toEqual(
      ['activation-delay', 'delay', 'drop-after', 'drop-before', 'half-body', 'hide-created', 'html', 'late-effect', 'status'],
    );
  });

  test('with mistakes names all of them and starts nothing', async () => {
    const file = join(temporaryDir(), 'bad.yaml');
    writeFileSync(file, '- effect: { kind: explode }\n- match: { path: v1 }\n  when: now\n  effect: { kind: delay, ms: -1 }\n');
    const message = await startSandbox({ faults: file }).then(() => '', (error: Error) => error.message);
    for (const part of [file, 'rules[0].effect.kind', 'rules[1].match.path', 'rules[1].effect.ms', '"when"']) expect(message).toContain(part);
  });

  test('that is missing or no YAML is one clear sentence', async () => {
    await expect(startSandbox({ faults: '/nowhere/f.yaml' })).rejects.toMatchObject({ code: 'FAULTS_INVALID', message: expect.stringContaining('/nowhere/f.yaml') });
    const file = join(temporaryDir(), 'bad.yaml');
    writeFileSync(file, '{[');
    await expect(startSandbox({ faults: file })).rejects.toMatchObject({ code: 'FAULTS_INVALID' });
  });
});

test('latency is added to every request of the API', async () => {
  const box = await sandbox({ latencyMs: 80 });
  const before = performance.now();
  await client(box.url, box.adminKey).get('/v1/usage');
  expect(performance.now() - before).toBeGreaterThanOrEqual(75);
});
