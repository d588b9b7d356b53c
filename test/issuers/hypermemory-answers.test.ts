import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { ADMIN, issuerAt, scripted, type Reply, type ScriptedService, type Seen } from './scripted-service.ts';

const CANARY = `hm_live_${'c0ffee'.repeat(8)}`;
const REQUEST = { name: 'prod-api-k1', scopes: ['memory:write'], space: null };
const never = AbortSignal.timeout(60_000);

let service: ScriptedService | undefined;
afterEach(async () => {
  await service?.close();
  service = undefined;
});

async function answering(answer: (request: Seen, nth: number) => Reply): Promise<ScriptedService> {
  service = await scripted(answer);
  return service;
}

async function failure(work: Promise<unknown>): Promise<KeyturnError> {
  try {
    await work;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(KeyturnError);
    return thrown as KeyturnError;
  }
  throw new Error('expected a KeyturnError, got an answer');
}

const body = (error: unknown): unknown => ({ error });

describe('what a refusal of a create means', () => {
  const cases: readonly {
    readonly says: string;
    readonly reply: Reply;
    readonly code: string;
    readonly effect: 'none' | 'unknown';
    readonly words?: readonly string[];
    readonly retryAfterMs?: number;
  }[] = [
    { says: '401', reply: { status: 401, body: { detail: 'bad key' } }, code: 'ISSUER_DENIED', effect: 'none', words: ['admin key is invalid', 'adminKey reference'] },
    { says: '401 without a body', reply: { status: 401, body: null }, code: 'ISSUER_DENIED', effect: 'none' },
    {
      says: '403 naming scopes',
      reply: { status: 403, body: body({ code: 'FORBIDDEN', message: 'no', required_scope: 'memory:admin', key_scopes: ['memory:read', 'memory:write'] }) },
      code: 'ISSUER_DENIED',
      effect: 'none',
      words: ['needs memory:admin', 'has memory:read, memory:write'],
    },
    {
      says: '403 KEY_LIMIT_REACHED',
      reply: { status: 403, body: body({ code: 'KEY_LIMIT_REACHED', message: 'no more', plan: 'Developer' }) },
      code: 'ISSUER_LIMIT',
      effect: 'none',
      words: ['plan Developer allows 5 live keys', 'Settings → Billing → Upgrade Plan'],
    },
    {
      says: '403 with a plan and a limit of its own',
      reply: { status: 403, body: { plan: 'custom', limit: 7, message: 'no' } },
      code: 'ISSUER_LIMIT',
      effect: 'none',
      words: ['plan custom allows 7 live keys'],
    },
    { says: '429 with seconds', reply: { status: 429, body: { message: 'slow' }, headers: { 'retry-after': '7' } }, code: 'ISSUER_RATE_LIMITED', effect: 'none', retryAfterMs: 7_000 },
    { says: '429 with retry_after in the body', reply: { status: 429, body: { detail: 'slow', retry_after: 9 } }, code: 'ISSUER_RATE_LIMITED', effect: 'none', retryAfterMs: 9_000 },
    { says: '429 of something in between', reply: { status: 429, body: '<h1>slow</h1>', headers: { 'retry-after': '3' } }, code: 'ISSUER_RATE_LIMITED', effect: 'unknown', retryAfterMs: 3_000 },
    { says: '400', reply: { status: 400, body: { detail: 'name too long' } }, code: 'ISSUER_REJECTED', effect: 'none', words: ['name too long'] },
    { says: '422 in a list', reply: { status: 422, body: { detail: [{ loc: ['scopes'], msg: 'unknown scope', input: 'x' }] } }, code: 'ISSUER_REJECTED', effect: 'none', words: ['unknown scope'] },
    { says: '409, which a repeated request could get', reply: { status: 409, body: { message: 'name taken' } }, code: 'ISSUER_REJECTED', effect: 'unknown' },
    { says: '404 on a wrong path', reply: { status: 404, body: { detail: 'Not Found' } }, code: 'ISSUER_BAD_ANSWER', effect: 'none', words: ['keyturn doctor'] },
    { says: '500 in JSON', reply: { status: 500, body: { message: 'oops' } }, code: 'ISSUER_UNAVAILABLE', effect: 'unknown', words: ['oops'] },
    { says: '503 with Retry-After', reply: { status: 503, body: '<html>', headers: { 'retry-after': '2' } }, code: 'ISSUER_UNAVAILABLE', effect: 'unknown', retryAfterMs: 2_000 },
    { says: '200 with HTML', reply: { status: 200, body: '<html>log in</html>' }, code: 'ISSUER_BAD_ANSWER', effect: 'unknown', words: ['proxy'] },
    { says: '403 with HTML', reply: { status: 403, body: '<html>WAF</html>' }, code: 'ISSUER_BAD_ANSWER', effect: 'unknown' },
    { says: '202, which is no answer to it', reply: { status: 202, body: {} }, code: 'ISSUER_BAD_ANSWER', effect: 'unknown' },
    { says: '201 without the value', reply: { status: 201, body: { id: 'k1', name: 'n', scopes: [] } }, code: 'ISSUER_BAD_ANSWER', effect: 'unknown', words: ['field "key"', 'keyturn doctor'] },
    { says: '201 without scopes', reply: { status: 201, body: { id: 'k1', name: 'n', key: CANARY } }, code: 'ISSUER_BAD_ANSWER', effect: 'unknown', words: ['field "scopes"'] },
  ];

  for (const { says, reply, code, effect, words, retryAfterMs } of cases) {
    test(`${says} → ${code}, effect ${effect}`, async () => {
      const { issuer, seen } = await answering(() => reply);
      const error = await failure(issuer().create(REQUEST, never));
      expect({ code: error.code, effect: error.effect, retryAfterMs: error.retryAfterMs }).toEqual({ code, effect, retryAfterMs });
      for (const word of words ?? []) expect(error.sentence).toContain(word);
      expect(error.todo).toBeTruthy();
      expect(seen, 'a create is sent once').toHaveLength(1);
    });
  }

  test('a used-up quota tells when it starts anew, and does not close the gate', async () => {
    const resets = new Date(Date.now() + 3_600_000).toISOString();
    const { issuer, seen } = await answering(() => ({ status: 429, body: body({ code: 'QUOTA_EXCEEDED', limit: 10, current: 10, resets_at: resets }) }));
    const one = issuer();
    const error = await failure(one.create(REQUEST, never));
    expect(error).toMatchObject({ code: 'ISSUER_RATE_LIMITED', effect: 'none' });
    expect(error.message).toContain(resets);
    expect(error.retryAfterMs).toBeGreaterThan(3_590_000);
    await failure(one.list(never));
    expect(seen).toHaveLength(2);
  });

  test('Retry-After as a date and X-RateLimit-Reset count from the clock of the service', async () => {
    const at = Date.parse('2030-01-01T00:00:00Z');
    const date = new Date(at).toUTCString();
    const { issuer } = await answering((_request, nth) => ({
      status: 429,
      body: { message: 'slow' },
      headers: nth === 1 ? { date, 'retry-after': new Date(at + 20_000).toUTCString() } : { date, 'x-ratelimit-reset': String(at / 1000 + 30) },
    }));
    expect((await failure(issuer().create(REQUEST, never))).retryAfterMs).toBe(20_000);
    expect((await failure(issuer().create(REQUEST, never))).retryAfterMs).toBe(30_000);
  });
});

describe('when the answer does not come', () => {
  test('nobody listens: surely nothing was created', async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => {
      probe.listen(0, '127.0.0.1', resolve);
    });
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => {
      probe.close(resolve);
    });
    const error = await failure(issuerAt(`http://127.0.0.1:${port}`).create(REQUEST, never));
    expect(error).toMatchObject({ code: 'ISSUER_UNAVAILABLE', effect: 'none' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('an unknown host: surely nothing was created', async () => {
    expect(await failure(issuerAt('http://keyturn.invalid').create(REQUEST, never))).toMatchObject({ code: 'ISSUER_UNAVAILABLE', effect: 'none' });
  });

  test('the connection breaks after the request: nobody knows', async () => {
    const { issuer, seen } = await answering(() => (response) => response.destroy());
    expect(await failure(issuer().create(REQUEST, never))).toMatchObject({ code: 'ISSUER_UNAVAILABLE', effect: 'unknown' });
    expect(seen).toHaveLength(1);
  });

  test('the body stops half way, with the value in it: nobody knows, and the value is quoted nowhere', async () => {
    const { issuer } = await answering(() => (response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '400' });
      response.write(`{"id":"k1","name":"n","scopes":[],"key":"${CANARY}`);
      setTimeout(() => response.destroy(), 50);
    });
    const error = await failure(issuer().create(REQUEST, never));
    expect(error).toMatchObject({ code: 'ISSUER_BAD_ANSWER', effect: 'unknown' });
    expect(everything(error)).not.toContain('c0ffee');
  });

  test('the answer is no HTTP, with the value in it: the parser quotes it to nobody', async () => {
    const { issuer } = await answering(() => (response) => {
      response.socket?.end(`HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n{"key":"${CANARY}"}`);
    });
    expect(everything(await failure(issuer().create(REQUEST, never)))).not.toContain('c0ffee');
    const other = await scripted(() => (response) => response.socket?.end(`{"key":"${CANARY}"}`));
    const error = await failure(other.issuer().create(REQUEST, never));
    expect(error).toMatchObject({ effect: 'unknown' });
    expect(everything(error)).not.toContain('c0ffee');
    await other.close();
  });

  test('the service hangs: the call ends at its own time-out, effect unknown', async () => {
    const { issuer } = await answering(() => (_response) => undefined);
    const began = Date.now();
    const error = await failure(issuer({ timeoutMs: 200 }).create(REQUEST, never));
    expect(error).toMatchObject({ code: 'ISSUER_UNAVAILABLE', effect: 'unknown' });
    expect(error.message).toContain('in time');
    expect(Date.now() - began).toBeLessThan(2_000);
  });

  test('an abort is honoured, and one that came first sends nothing', async () => {
    const { issuer, seen } = await answering(() => (_response) => undefined);
    const stop = new AbortController();
    const pending = failure(issuer().create(REQUEST, stop.signal));
    await expect.poll(() => seen.length).toBe(1);
    stop.abort();
    expect(await pending).toMatchObject({ code: 'ISSUER_UNAVAILABLE', effect: 'unknown' });
    expect(await failure(issuer().create(REQUEST, stop.signal))).toMatchObject({ effect: 'none' });
    expect(seen).toHaveLength(1);
  });

  test('an endless body is cut at 4 MiB', async () => {
    const { issuer } = await answering(() => (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    const error = await failure(issuer().create(REQUEST, never));
    expect(error).toMatchObject({ code: 'ISSUER_BAD_ANSWER' });
    expect(error.message).toContain('4 MiB');
  });

  test('a redirect is never followed with a key', async () => {
    const other = await scripted(() => ({ status: 200, body: { keys: [] } }));
    try {
      const { issuer } = await answering(() => ({ status: 307, headers: { location: `${other.url}/v1/api-keys` } }));
      const error = await failure(issuer().list(never));
      expect(error).toMatchObject({ code: 'ISSUER_BAD_ANSWER' });
      expect(error.message).toContain(other.url);
      expect(other.seen).toHaveLength(0);
    } finally {
      await other.close();
    }
  });
});

describe('the pace of calls', () => {
  const slow: Reply = { status: 429, body: { message: 'slow' }, headers: { 'retry-after': '1' } };

  test('a short pause is waited out by the next call', async () => {
    const { issuer, seen } = await answering((_request, nth) => (nth === 1 ? slow : { status: 200, body: { keys: [] } }));
    const one = issuer();
    const began = Date.now();
    await failure(one.list(never));
    expect(await one.list(never)).toEqual([]);
    expect(Date.now() - began).toBeGreaterThanOrEqual(950);
    expect(seen).toHaveLength(2);
  });

  test('a long pause fails at once with what is left of it, and sends nothing', async () => {
    const { issuer, seen } = await answering(() => ({ status: 429, body: { message: 'slow' }, headers: { 'retry-after': '60' } }));
    const one = issuer();
    await failure(one.list(never));
    const error = await failure(one.create(REQUEST, never));
    expect(error).toMatchObject({ code: 'ISSUER_RATE_LIMITED', effect: 'none' });
    expect(error.retryAfterMs).toBeGreaterThan(55_000);
    expect(seen).toHaveLength(1);
  });

  test('an abort ends the wait', async () => {
    const { issuer, seen } = await answering(() => ({ status: 429, body: { message: 'slow' }, headers: { 'retry-after': '2' } }));
    const one = issuer();
    await failure(one.list(never));
    const began = Date.now();
    expect(await failure(one.create(REQUEST, AbortSignal.timeout(100)))).toMatchObject({ code: 'ISSUER_RATE_LIMITED', effect: 'none' });
    expect(Date.now() - began).toBeLessThan(1_000);
    expect(seen).toHaveLength(1);
  });

  test('a revocation does not wait behind a pause', async () => {
    const { issuer, seen } = await answering((request) =>
      request.method === 'DELETE' ? { status: 200 } : { status: 429, body: { message: 'slow' }, headers: { 'retry-after': '60' } },
    );
    const one = issuer();
    await failure(one.list(never));
    expect(await one.revoke('k1', never)).toBe('revoked');
    expect(seen).toHaveLength(2);
  });

  test('nothing left of the window slows down', async () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 30) };
    const { issuer } = await answering(() => ({ status: 200, body: { keys: [] }, headers }));
    const one = issuer();
    await one.list(never);
    const began = Date.now();
    await one.list(never);
    expect(Date.now() - began).toBeGreaterThanOrEqual(900);
  });
});

describe('retries within a call', () => {
  test('a list and a revocation are tried once more, a create never', async () => {
    const { issuer, seen } = await answering((request, nth) => {
      if (nth % 2 === 1) return { status: 502, body: '<html>' };
      return request.method === 'GET' ? { status: 200, body: { keys: [] } } : { status: 200 };
    });
    expect(await issuer().list(never)).toEqual([]);
    expect(await issuer().revoke('k1', never)).toBe('revoked');
    await failure(issuer().create(REQUEST, never));
    expect(seen.map((one) => one.method)).toEqual(['GET', 'GET', 'DELETE', 'DELETE', 'POST']);
  });
});

describe('no value is ever quoted', () => {
  const leaky: readonly [string, Reply][] = [
    ['an answer with the value under another name', { status: 201, body: { id: 'k', name: 'n', scopes: [], secret: CANARY } }],
    ['a value that is no key', { status: 201, body: { id: 'k', name: 'n', scopes: [], key: `${CANARY}\n${CANARY}` } }],
    ['JSON broken after the value', { status: 201, headers: { 'content-type': 'application/json' }, body: `{"key":"${CANARY}",}` }],
    ['an error that quotes it', { status: 400, body: { detail: `cannot store ${CANARY}` } }],
    ['trouble that quotes it', { status: 500, body: { message: `row ${CANARY} failed` } }],
    ['an error that quotes the admin key', { status: 401, body: { detail: `no such key ${ADMIN.reveal()}` } }],
    ['a refused scope', { status: 403, body: { error: { code: 'FORBIDDEN', message: CANARY } } }],
  ];
  for (const [says, reply] of leaky) {
    test(says, async () => {
      const { issuer } = await answering(() => reply);
      const error = await failure(issuer().create(REQUEST, never));
      expect(everything(error)).not.toContain('c0ffee');
      expect(everything(error)).not.toContain('admin0000');
    });
  }

  test('an admin key with a line end is refused before fetch could quote it', async () => {
    const { issuer, seen } = await answering(() => ({ status: 200, body: { keys: [] } }));
    const adminKey = (): Promise<Secret> => Promise.resolve(new Secret(`${CANARY}\n`));
    const error = await failure(issuer({ adminKey }).create(REQUEST, never));
    expect(error).toMatchObject({ code: 'ISSUER_DENIED', effect: 'none' });
    expect(everything(error)).not.toContain('c0ffee');
    const probe = await issuer().probe(new Secret(`${CANARY}\n`), never);
    expect(probe).toMatchObject({ works: false, conclusive: true });
    expect(JSON.stringify(probe)).not.toContain('c0ffee');
    expect(seen).toHaveLength(0);
  });

  test('a base URL with a user in it is refused unquoted', () => {
    expect(() => issuerAt('https://user:s3cr3t-pass@example.com')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => issuerAt('https://user:s3cr3t-pass@example.com')).not.toThrow(/s3cr3t/);
  });

  test('the key travels in the header only, once, exactly', async () => {
    const { issuer, seen } = await answering(() => ({ status: 200, body: { keys: [] } }));
    await issuer().list(never);
    expect(seen[0]?.authorization).toBe(`Bearer ${ADMIN.reveal()}`);
    expect(seen[0]?.url).toBe('/v1/api-keys');
  });
});

/** Message, stack, causes, own properties: all that a careless logger could print. */
function everything(error: Error): string {
  return `${error.message} ${error.stack} ${inspect(error, { depth: 20, showHidden: true })} ${JSON.stringify(error)}`;
}
