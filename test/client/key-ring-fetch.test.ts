import { Readable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { KeyRing, KeyRingError, type KeyReading, type KeyRingEvent, type KeyRingOptions } from '../../src/client/index.ts';
import { startApi, type Api } from './api.ts';

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

async function api(...args: Parameters<typeof startApi>): Promise<Api> {
  const started = await startApi(...args);
  opened.push(() => started.stop());
  return started;
}

interface Bench {
  readonly ring: KeyRing;
  readonly events: KeyRingEvent[];
  /** How often the source was read. */
  readonly reads: () => number;
  readonly set: (reading: KeyReading) => void;
}

/** A ring on values that the test may change, with no pause between reads. */
function ringOn(first: KeyReading, baseUrl: string, options: KeyRingOptions = {}): Bench {
  let now = first;
  let reads = 0;
  const events: KeyRingEvent[] = [];
  const getter = (): KeyReading => {
    reads += 1;
    return now;
  };
  const ring = KeyRing.fromValues(getter, { baseUrl, minRefreshMs: 0, onEvent: (event) => events.push(event), ...options });
  opened.push(() => ring.close());
  return { ring, events, reads: () => reads, set: (reading) => (now = reading) };
}

const typesOf = (events: readonly KeyRingEvent[]): string[] => events.map(({ type }) => type);

describe('fetch with a ring', () => {
  it('sends the primary key, over whatever the caller had put there, and keeps the other headers', async () => {
    const server = await api(['new']);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    const fetchLike: typeof fetch = ring.fetch;
    const response = await fetchLike('/v1/x', { method: 'POST', body: 'hello', headers: { Authorization: 'Bearer placeholder' } });
    expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
    expect(server.calls).toEqual([{ path: '/v1/x', authorization: 'Bearer new', body: 'hello', status: 200 }]);
  });

  it('falls back to the backup on a 401, tells it once, and begins with the backup from then on', async () => {
    const server = await api(['old']);
    const { ring, events } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    for (let call = 0; call < 3; call += 1) expect((await ring.fetch('/')).status).toBe(200);
    expect(server.keysSeen()).toEqual(['new', 'old', 'old', 'old']);
    expect(typesOf(events)).toEqual(['refreshed', 'fell-back']);
    expect(ring.status()).toMatchObject({ using: 'backup', hasBackup: true, problem: null });
  });

  it('reads the source on a 401 and retries with the newer key', async () => {
    const server = await api(['new']);
    const { ring, set, events } = ringOn({ primary: 'old' }, server.url);
    await ring.ready();
    set({ primary: 'new', backup: 'old' });
    expect((await ring.fetch('/')).status).toBe(200);
    expect(server.keysSeen()).toEqual(['old', 'new']);
    expect(typesOf(events)).toEqual(['refreshed', 'refreshed']);
  });

  it('tries the primary first again once the source changed', async () => {
    const server = await api(['old']);
    const { ring, set } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    await ring.fetch('/');
    server.accept('newer', 'old');
    set({ primary: 'newer', backup: 'old' });
    await ring.refresh();
    await ring.fetch('/');
    expect(server.keysSeen()).toEqual(['new', 'old', 'newer']);
  });

  it('gives a refused primary another chance after a while, so that the old key can go quiet', async () => {
    const server = await api(['old']);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url, { primaryRetryMs: 50 });
    await ring.fetch('/');
    server.accept('new', 'old');
    await vi.waitFor(async () => {
      await ring.fetch('/');
      expect(server.keysSeen().at(-1)).toBe('new');
    });
    await ring.fetch('/');
    expect(server.keysSeen().at(-1)).toBe('new');
    expect(ring.status().using).toBe('primary');
  });

  it('gives the caller the 401 when both keys are dead, after two requests and no more', async () => {
    const server = await api([]);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    const response = await ring.fetch('/');
    expect([response.status, await response.json()]).toEqual([401, { ok: false }]);
    expect(server.keysSeen()).toEqual(['new', 'old']);
    server.accept('new');
    expect((await ring.fetch('/')).status).toBe(200);
  });

  it('gives the caller the 401 when there is no other key, after one request', async () => {
    const server = await api([]);
    const { ring } = ringOn({ primary: 'only' }, server.url);
    expect((await ring.fetch('/')).status).toBe(401);
    expect(server.keysSeen()).toEqual(['only']);
  });

  it.each([403, 429, 500, 503])('does not retry a %i', async (status) => {
    const server = await api(['new', 'old'], (_path, response) => response.writeHead(status).end() !== undefined);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    expect((await ring.fetch('/')).status).toBe(status);
    expect(server.keysSeen()).toEqual(['new']);
  });

  it('does not retry a lost connection', async () => {
    const server = await api(['new', 'old'], (_path, response) => response.destroy() !== undefined);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    await expect(ring.fetch('/', { method: 'POST', body: 'x' })).rejects.toThrow('fetch failed');
    expect(server.keysSeen()).toEqual(['new']);
  });

  it('an endpoint that refuses every key does not take the working key from other calls for long', async () => {
    const server = await api(['new', 'old'], (path, response) => path === '/never' && response.writeHead(401).end() !== undefined);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    expect((await ring.fetch('/never')).status).toBe(401);
    expect((await ring.fetch('/fine')).status).toBe(200);
    expect(server.keysSeen()).toEqual(['new', 'old', 'new']);
  });
});

describe('bodies', () => {
  const bodies: [string, () => NonNullable<RequestInit['body']>][] = [
    ['text', () => 'payload'],
    ['bytes', () => new TextEncoder().encode('payload')],
    ['a Blob', () => new Blob(['payload'])],
    ['a form', () => new URLSearchParams({ payload: '1' })],
  ];
  it.each(bodies)('sends %s again in full', async (_kind, body) => {
    const server = await api(['old']);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    expect((await ring.fetch('/', { method: 'POST', body: body() })).status).toBe(200);
    expect(server.calls.map((call) => call.body.includes('payload'))).toEqual([true, true]);
  });

  it('sends a Request again in full, with its own headers', async () => {
    const server = await api(['old']);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    const request = new Request(`${server.url}/v1/x`, { method: 'POST', body: 'payload', headers: { authorization: 'Bearer other' } });
    expect((await ring.fetch(request)).status).toBe(200);
    expect(server.calls.map(({ path, body, authorization }) => [path, body, authorization])).toEqual([
      ['/v1/x', 'payload', 'Bearer new'],
      ['/v1/x', 'payload', 'Bearer old'],
    ]);
  });

  it.each([
    ['a web stream', () => new Blob(['payload']).stream()],
    ['a node stream', () => Readable.from(['payload'])],
  ])('does not send %s twice: the caller gets the 401, and the next call begins with the working key', async (_kind, body) => {
    const server = await api(['old']);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    const init = (): RequestInit => ({ method: 'POST', body: body() as NonNullable<RequestInit['body']>, duplex: 'half' });
    expect((await ring.fetch('/', init())).status).toBe(401);
    expect((await ring.fetch('/', init())).status).toBe(200);
    expect(server.calls.map((call) => [call.authorization, call.body])).toEqual([
      ['Bearer new', 'payload'],
      ['Bearer old', 'payload'],
    ]);
  });
});

describe('where the key may go', () => {
  it('refuses another origin before anything is sent', async () => {
    const [ours, theirs] = [await api(['new']), await api(['new'])];
    const { ring } = ringOn({ primary: 'new' }, ours.url);
    for (const input of [theirs.url, new URL(theirs.url), new Request(theirs.url), theirs.url.replace('http:', '')]) {
      await expect(ring.fetch(input)).rejects.toMatchObject({ name: 'KeyRingError', code: 'origin-refused' });
    }
    expect(theirs.calls).toEqual([]);
  });

  it('goes to further origins that were allowed', async () => {
    const [ours, also] = [await api(['new']), await api(['new'])];
    const { ring } = ringOn({ primary: 'new' }, ours.url, { allowedOrigins: [also.url] });
    expect((await ring.fetch(`${also.url}/x`)).status).toBe(200);
  });

  it('is only HyperMemory, over https, unless said', async () => {
    const ring = KeyRing.fromEnv({ HYPERMEMORY_API_KEY: 'new' }, { fetch: async () => new Response('sent') });
    opened.push(() => ring.close());
    expect(await (await ring.fetch('https://api.hypermemory.io/api/v1/memory/overview')).text()).toBe('sent');
    await expect(ring.fetch('http://api.hypermemory.io/')).rejects.toMatchObject({ code: 'origin-refused' });
  });

  it.each(['not a url', 'ftp://example.org'])('refuses %s as a base', (baseUrl) => {
    expect(() => KeyRing.fromEnv({}, { baseUrl })).toThrow(KeyRingError);
  });

  it('follows a redirect to another origin without the key, and a 401 from there is not held against it', async () => {
    const theirs = await api([]);
    const ours = await api(['new', 'old'], (path, response) => path === '/away' && response.writeHead(307, { location: `${theirs.url}/there` }).end() !== undefined);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, ours.url, { allowedOrigins: [theirs.url] });
    expect((await ring.fetch('/away')).status).toBe(401);
    expect(theirs.keysSeen()).toEqual(['none']);
    expect(ours.keysSeen()).toEqual(['new']);
    expect(ring.status().using).toBe('primary');
  });
});

describe('many calls at once', () => {
  it('read the source once and fall back together when the primary dies', async () => {
    const server = await api(['old']);
    const { ring, reads, events } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    await ring.ready();
    const before = reads();
    const gate = server.hold();
    const calls = Array.from({ length: 50 }, () => ring.fetch('/'));
    await vi.waitFor(() => expect(gate.waiting()).toBe(50));
    gate.release();
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(reads() - before).toBe(1);
    expect(server.calls).toHaveLength(100);
    expect(typesOf(events)).toEqual(['refreshed', 'fell-back']);
  });

  it('share the first read', async () => {
    const server = await api(['new']);
    const { ring, reads } = ringOn({ primary: 'new' }, server.url);
    await Promise.all(Array.from({ length: 20 }, () => ring.fetch('/')));
    expect(reads()).toBe(1);
  });

  it('ask the source no more often than its rate limit when every key is dead', async () => {
    const server = await api([]);
    let reads = 0;
    const ring = KeyRing.fromValues(
      () => {
        reads += 1;
        return { primary: 'new', backup: 'old' };
      },
      { baseUrl: server.url, minRefreshMs: 60_000 },
    );
    opened.push(() => ring.close());
    for (let call = 0; call < 10; call += 1) expect((await ring.fetch('/')).status).toBe(401);
    expect(reads).toBe(2);
    expect(server.calls).toHaveLength(20);
  });

  it('a read that began before the refusal does not count: another one follows', async () => {
    const server = await api(['new']);
    const answers = [Promise.resolve({ primary: 'old' }), Promise.withResolvers<KeyReading>(), Promise.resolve({ primary: 'new' })] as const;
    const queue = [answers[0], answers[1].promise, answers[2]];
    const ring = KeyRing.fromValues(() => queue.shift() ?? answers[2], { baseUrl: server.url, minRefreshMs: 0 });
    opened.push(() => ring.close());
    await ring.ready();
    const slow = ring.refresh();
    const call = ring.fetch('/');
    await vi.waitFor(() => expect(server.calls).toHaveLength(1));
    answers[1].resolve({ primary: 'old' });
    await slow;
    expect((await call).status).toBe(200);
    expect(server.keysSeen()).toEqual(['old', 'new']);
  });
});

describe('giving up', () => {
  it('an aborted call ends while the source is slow, and the source goes on for the others', async () => {
    const server = await api(['new']);
    const slow = Promise.withResolvers<KeyReading>();
    const ring = KeyRing.fromValues(() => slow.promise, { baseUrl: server.url });
    opened.push(() => ring.close());
    const gaveUp = new AbortController();
    const impatient = ring.fetch('/', { signal: gaveUp.signal });
    const patient = ring.fetch('/');
    gaveUp.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    slow.resolve({ primary: 'new' });
    expect((await patient).status).toBe(200);
    expect(server.calls).toHaveLength(1);
  });

  it('an aborted call ends while the server is slow, and is not retried', async () => {
    const server = await api(['new', 'old']);
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, server.url);
    const gate = server.hold();
    const gaveUp = new AbortController();
    const call = ring.fetch(new Request(server.url, { signal: gaveUp.signal }));
    await vi.waitFor(() => expect(gate.waiting()).toBe(1));
    gaveUp.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    gate.release();
    await vi.waitFor(() => expect(server.calls).toHaveLength(1));
  });

  it('a source that never answers is a problem after its time, and the backup serves meanwhile', async () => {
    const server = await api(['old']);
    const never = new Promise<KeyReading>(() => undefined);
    const queue: (KeyReading | Promise<KeyReading>)[] = [{ primary: 'new', backup: 'old' }];
    const events: KeyRingEvent[] = [];
    const ring = KeyRing.fromValues(() => queue.shift() ?? never, { baseUrl: server.url, readTimeoutMs: 30, onEvent: (event) => events.push(event) });
    opened.push(() => ring.close());
    expect((await ring.fetch('/')).status).toBe(200);
    expect(events).toContainEqual(expect.objectContaining({ type: 'problem', code: 'timed-out' }));
    expect(ring.status().problem).toMatchObject({ code: 'timed-out' });
  });

  it('a closed ring sends nothing more', async () => {
    const server = await api(['new']);
    const { ring } = ringOn({ primary: 'new' }, server.url);
    await ring.ready();
    ring.close();
    await expect(ring.fetch('/')).rejects.toMatchObject({ code: 'closed' });
    expect(server.calls).toEqual([]);
  });

  it('a ring without a key says what is missing, and works as soon as there is one', async () => {
    const server = await api(['new']);
    const env: Record<string, string> = {};
    const ring = KeyRing.fromEnv(env, { baseUrl: server.url });
    opened.push(() => ring.close());
    await expect(ring.ready()).rejects.toThrow('There is no key to send, so nothing was sent. The environment has no readable value for HYPERMEMORY_API_KEY.');
    env['HYPERMEMORY_API_KEY'] = 'new';
    expect((await ring.fetch('/')).status).toBe(200);
  });
});

describe('withKey, for SDKs', () => {
  const errors: [string, unknown][] = [
    ['status', Object.assign(new Error('no'), { status: 401 })],
    ['statusCode', { statusCode: 401 }],
    ['response.status', { response: { status: 401 } }],
    ['$metadata', { $metadata: { httpStatusCode: 401 } }],
  ];
  it.each(errors)('retries once with the other key when the error says 401 as %s', async (_where, error) => {
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, 'http://unused.example');
    const keys: string[] = [];
    const use = async (key: string): Promise<string> => {
      keys.push(key);
      if (key === 'new') throw error;
      return 'done';
    };
    expect(await ring.withKey(use)).toBe('done');
    expect(await ring.withKey(use)).toBe('done');
    expect(keys).toEqual(['new', 'old', 'old']);
  });

  it('throws the second error when both keys are refused', async () => {
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, 'http://unused.example');
    const refused = ring.withKey(async (key) => {
      throw Object.assign(new Error(key === 'old' ? 'second' : 'first'), { status: 401 });
    });
    await expect(refused).rejects.toThrow('second');
  });

  it('does not retry other errors, thrown now or later', async () => {
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, 'http://unused.example');
    let calls = 0;
    const use = (): never => {
      calls += 1;
      throw Object.assign(new Error('busy'), { status: 429 });
    };
    await expect(ring.withKey(use)).rejects.toThrow('busy');
    expect(calls).toBe(1);
  });

  it('takes another test for 401', async () => {
    const { ring } = ringOn({ primary: 'new', backup: 'old' }, 'http://unused.example');
    const done = ring.withKey(async (key) => (key === 'old' ? 'done' : Promise.reject(new Error('UNAUTHENTICATED'))), {
      isUnauthorized: (error) => error instanceof Error && error.message === 'UNAUTHENTICATED',
    });
    expect(await done).toBe('done');
  });
});
