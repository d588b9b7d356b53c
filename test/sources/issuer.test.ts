import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { createHyperMemoryIssuer, type HyperMemoryOptions } from '../../src/issuers/hypermemory/index.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { UsageBatch, UsageSource } from '../../src/ports/usage-source.ts';
import type { FaultRule } from '../../src/sandbox/faults/schema.ts';
import type { NewEvent } from '../../src/sandbox/tables/events.ts';
import { createIssuerSource } from '../../src/sources/issuer/index.ts';
import { runUsageSourceContract, type SourceTrouble, type Use, type UsageSourceHarness } from '../contracts/usage-source.ts';
import { scripted, type Reply } from '../issuers/scripted-service.ts';
import { sandboxWithPen, type SandboxWithPen } from './sandbox-with-pen.ts';

const TYPES = { ok: 'request.succeeded', failed: 'request.failed', denied: 'auth.failed' } as const;
const TROUBLES: Readonly<Record<SourceTrouble, readonly FaultRule[]>> = {
  none: [],
  down: [{ effect: { kind: 'drop-before' }, match: {} }],
  busy: [{ effect: { kind: 'status', status: 429, body: { detail: 'slow down' }, retryAfter: 10 }, match: {} }],
  slow: [{ effect: { kind: 'delay', ms: 60_000 }, match: {} }],
  refused: [{ effect: { kind: 'status', status: 403, body: { error: { code: 'FORBIDDEN', message: 'no' } } }, match: {} }],
  rubbish: [{ effect: { kind: 'status', status: 200, body: { events: [{}, 'x', null, { type: 'request.succeeded', at: 'never', key_id: '\u001b' }], next_cursor: null } }, match: {} }],
};

function issuerOn(url: string, adminKey: string, more: Partial<HyperMemoryOptions> = {}) {
  return createHyperMemoryIssuer({ name: 'hm', baseUrl: url, adminKey: () => Promise.resolve(new Secret(adminKey)), generation: 1, timeoutMs: 5_000, listLagMs: 0, ...more });
}

const eventOf = (use: Use): Partial<NewEvent> => ({ type: TYPES[use.outcome], keyId: use.key, at: use.at.getTime(), ip: use.address ?? null, userAgent: use.agent ?? null });

async function harness(): Promise<UsageSourceHarness> {
  let clock = Date.now() - 3 * 3_600_000;
  const sandbox = await sandboxWithPen(() => clock);
  // A pause that was asked for closes the issuer's gate; a new issuer has a fresh one, as a restarted worker has.
  const made = (): UsageSource => createIssuerSource({ name: 'audit', issuer: issuerOn(sandbox.url, sandbox.adminKey) });
  let inner = made();
  const source: UsageSource = { ...inner, read: (request, signal) => inner.read(request, signal), probe: (signal) => inner.probe(signal) };
  return {
    source,
    add: async (uses) => sandbox.write(uses.map(eventOf)),
    repeat: null,
    latenessMs: 110_000,
    settlesMs: 0,
    setClock: (now) => {
      clock = now.getTime();
    },
    async trouble(kind) {
      sandbox.setFaults(TROUBLES[kind]);
      inner = made();
    },
    troubles: ['down', 'busy', 'slow', 'refused', 'rubbish'],
    busyRetryAfterMs: 10_000,
    clue: (key) => key,
    callers: true,
    resolutionMs: 1,
    close: () => sandbox.close(),
  };
}

runUsageSourceContract('issuer (hypermemory’s audit log)', harness);

const never = new AbortController().signal;
const MINUTE = 60_000;

const read = (source: UsageSource, cursor: unknown = null, now = new Date()): Promise<UsageBatch> => source.read({ cursor, now, since: new Date(now.getTime() - 30 * MINUTE) }, never);

describe('the audit log as a usage source', () => {
  let sandbox: SandboxWithPen;
  beforeEach(async () => {
    sandbox = await sandboxWithPen();
  });
  afterEach(() => sandbox.close());
  const source = (more: Partial<HyperMemoryOptions> = {}): UsageSource => createIssuerSource({ name: 'audit', issuer: issuerOn(sandbox.url, sandbox.adminKey, { timeoutMs: 10_000, ...more }) });

  it('leaves out what Keyturn does itself, and what is no use; a foreign caller that says it is Keyturn is seen', async () => {
    const issuer = issuerOn(sandbox.url, sandbox.adminKey, { timeoutMs: 10_000 });
    const { key, value } = await issuer.create({ name: 'prod-api', scopes: ['memory:write'], space: null }, never);
    await issuer.probe(value, never);
    await issuer.prove?.(value, key.id, never);
    await issuer.exercise?.(value, { scopes: ['memory:write'], space: null, canary: true }, never);
    for (const agent of ['keyturn/forged', 'keyturn-proof/x', 'app/1']) await fetch(`${sandbox.url}/api/v1/memory/overview`, { headers: { authorization: `Bearer ${value.reveal()}`, 'user-agent': agent } });
    await issuer.revoke(key.id, never);
    await fetch(`${sandbox.url}/api/v1/memory/overview`, { headers: { authorization: `Bearer ${value.reveal()}`, 'user-agent': 'late/1' } });
    const { events } = await read(createIssuerSource({ name: 'audit', issuer }));
    expect(events.map(({ clue, outcome, agent }) => [clue, outcome, agent])).toEqual([
      [key.id, 'ok', 'keyturn/forged'],
      [key.id, 'ok', 'keyturn-proof/x'],
      [key.id, 'ok', 'app/1'],
      [key.id, 'denied', 'late/1'],
    ]);
  });

  it('says when a failed authentication carries a prefix only, and leaves out one that carries nothing', async () => {
    const at = Date.now();
    sandbox.write([{ type: 'auth.failed', at, keyPrefix: 'hm_live_' }, { type: 'auth.failed', at, keyPrefix: null }, { type: 'key.created', at, keyId: 'k' }, { type: 'auth.failed', at, keyId: 'k', keyPrefix: 'hm_live_' }]);
    const { events, malformed } = await read(source());
    expect(events.map(({ clue, clueKind, outcome }) => [clue, clueKind, outcome])).toEqual([['hm_live_', 'prefix', 'denied'], ['k', undefined, 'denied']]);
    expect(malformed).toBe(0);
  });

  it('remembers as much as fits, however much happens within the overlap', async () => {
    const now = Date.now();
    const use = (n: number): Partial<NewEvent> => ({ keyId: `k${n}`, at: now - 60_000 + Math.floor(n / 10) });
    sandbox.write(Array.from({ length: 9_000 }, (_, n) => use(n)));
    const audit = source();
    const [first, told] = [await read(audit, null, new Date(now)), [] as string[]];
    told.push(...first.events.map((event) => event.clue));
    let { cursor } = first;
    for (let more = true, n = 0; more || n < 3; n += 1) {
      const batch = await read(audit, JSON.parse(JSON.stringify(cursor)), new Date(now));
      expect(JSON.stringify(batch.cursor).length).toBeLessThan(16_384);
      told.push(...batch.events.map((event) => event.clue));
      ({ cursor, more } = batch);
    }
    expect(told).toHaveLength(9_000);
    expect(new Set(told).size).toBe(9_000);
  });

  it('keeps what it has when a later page is refused, and goes on there', async () => {
    const now = new Date();
    sandbox.write(Array.from({ length: 1_200 }, (_, n) => ({ keyId: `k${n}`, at: now.getTime() - 600_000 + n })));
    const cursored: FaultRule = { effect: { kind: 'status', status: 429, retryAfter: 5, body: { detail: 'slow' } }, match: { path: '/v1/audit-log' }, after: 1 };
    sandbox.setFaults([cursored]);
    const first = await read(source(), null, now);
    sandbox.setFaults([]);
    expect([first.events.length, first.more, first.seenUntil]).toEqual([499, true, null]);
    const second = await read(source(), first.cursor, now);
    expect([second.events.length, second.more]).toEqual([701, false]);
  });

  it('lags what it claims to have seen behind by as long as events may be late', async () => {
    const now = new Date();
    const { seenUntil } = await read(source(), null, now);
    expect(now.getTime() - (seenUntil?.getTime() ?? 0)).toBeGreaterThanOrEqual(120_000);
    expect(now.getTime() - (seenUntil?.getTime() ?? 0)).toBeLessThan(125_000);
  });
});

const event = (id: string, at: string, more: object = {}): object => ({ id, type: 'request.succeeded', key_id: `k${id}`, at, ...more });
const on = async (answer: (url: URL, nth: number) => Reply, work: (source: UsageSource) => Promise<void>, more: Partial<HyperMemoryOptions> = {}): Promise<void> => {
  const service = await scripted((seen, nth) => answer(new URL(seen.url, 'http://x'), nth));
  try {
    await work(createIssuerSource({ name: 'audit', issuer: service.issuer(more) }));
  } finally {
    await service.close();
  }
};

describe('an audit log that behaves oddly', () => {
  const now = new Date('2026-05-01T12:00:00Z');
  const request = { cursor: null as unknown, now, since: new Date('2026-05-01T11:00:00Z') };
  const page = (events: readonly object[], next: string | null = null): Reply => ({ status: 200, body: { events, next_cursor: next }, headers: { date: now.toUTCString() } });

  it('tells an event that is listed twice once, within a page, over pages and over passes', async () => {
    const [a, b, c] = [event('1', '2026-05-01T11:59:00Z'), event('2', '2026-05-01T11:59:00Z'), event('3', '2026-05-01T11:58:30Z')];
    await on(
      (url) => (url.searchParams.get('cursor') === null ? page([a, a, b], 'p2') : page([b, a, c])),
      async (source) => {
        const first = await source.read(request, never);
        expect(first.events.map(({ clue }) => clue)).toEqual(['k1', 'k2', 'k3']);
        expect((await source.read({ ...request, cursor: JSON.parse(JSON.stringify(first.cursor)) }, never)).events).toEqual([]);
      },
    );
  });

  it('begins the pass anew where the service has forgotten its cursor', async () => {
    const early = Array.from({ length: 3 }, (_, n) => event(`${n}`, `2026-05-01T11:30:0${n}Z`));
    const queries: string[] = [];
    await on(
      (url, nth) => {
        queries.push(`${url.searchParams.get('since')} ${url.searchParams.get('cursor')}`);
        if (nth === 1) return page(early, 'gone');
        if (nth === 2 || nth === 3) return { status: 500 };
        return url.searchParams.get('cursor') === 'gone' ? { status: 400, body: { detail: 'bad cursor' } } : page([...early, event('9', '2026-05-01T11:50:00Z')]);
      },
      async (source) => {
        const first = await source.read(request, never);
        const more = first.more ? await source.read({ ...request, cursor: first.cursor }, never) : null;
        expect([...first.events, ...(more?.events ?? [])].map(({ clue }) => clue)).toEqual(['k0', 'k1', 'k2', 'k9']);
        expect(queries).toContain('2026-05-01T11:28:02.001Z null');
      },
    );
  });

  it('is not led astray by an event of the future', async () => {
    await on(
      (_url, nth) => page(nth === 1 ? [event('1', '2099-01-01T00:00:00Z'), event('2', '2026-05-01T12:03:00Z')] : [event('2', '2026-05-01T12:03:00Z'), event('3', '2026-05-01T11:59:59Z')]),
      async (source) => {
        const first = await source.read(request, never);
        expect([first.events.map(({ clue }) => clue), first.malformed, first.example]).toEqual([['k2'], 1, 'an event of the audit log whose field "at" lies in the future']);
        expect((await source.read({ ...request, cursor: JSON.parse(JSON.stringify(first.cursor)) }, never)).events.map(({ clue }) => clue)).toEqual(['k3']);
      },
    );
  });

  it('takes a page that is larger than a batch in parts', async () => {
    const all = Array.from({ length: 7_000 }, (_, n) => event(`${n}`, new Date(Date.parse('2026-05-01T11:30:00Z') + n).toISOString()));
    await on(
      () => page(all),
      async (source) => {
        const first = await source.read(request, never);
        const second = await source.read({ ...request, cursor: JSON.parse(JSON.stringify(first.cursor)) }, never);
        expect([first.events.length, first.more, second.events.length, second.more]).toEqual([5_000, true, 2_000, false]);
      },
    );
  });

  it('ends where a cursor leads nowhere, and where nothing ever ends', async () => {
    await on(
      () => page([], 'same'),
      async (source) => {
        const first = await source.read(request, never);
        await expect(source.read({ ...request, cursor: first.cursor }, never)).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
      },
    );
    await on(
      (_url, nth) => page([], `p${nth}`),
      async (source) => expect((await source.read(request, never)).more).toBe(true),
    );
  });

  it('reads the fields that configuration names', async () => {
    const foreign = { uid: 1, what: { kind: 'request.failed' }, who: 'k1', when: 1_777_636_800, from: '192.0.2.1:99', ua: 'app', did: { verb: 'POST', to: '/api/v1/memory/store' }, code: 403 };
    await on(
      () => page([foreign]),
      async (source) => {
        const { events } = await source.read(request, never);
        expect(events).toEqual([{ at: new Date(1_777_636_800_000), clue: 'k1', outcome: 'failed', requests: 1, address: '192.0.2.1', agent: 'app', need: 'memory:write', refused: true }]);
      },
      { fields: { eventId: 'uid', eventType: 'what.kind', eventKeyId: 'who', eventAt: 'when', eventAddress: 'from', eventUserAgent: 'ua', eventMethod: 'did.verb', eventPath: 'did.to', eventStatus: 'code' } },
    );
  });

  it('is refused for good where the address is not there, and not where a proxy speaks', async () => {
    await on(() => ({ status: 404, body: { detail: 'Not found' } }), async (source) => expect(await source.read(request, never).catch((thrown: KeyturnError) => thrown.code)).toBe('SOURCE_REFUSED'));
    await on(() => ({ status: 200, body: '<html>' }), async (source) => expect(await source.read(request, never).catch((thrown: KeyturnError) => thrown.code)).toBe('SOURCE_UNAVAILABLE'));
  });

  it('takes nothing for a scope that is none', async () => {
    const issuer = issuerOn('http://127.0.0.1:9', 'hm_live_x12345');
    const at = new Date();
    const telling = (need: string | null): Issuer => ({ ...issuer, usage: async () => ({ events: [{ at, clue: 'k', outcome: 'ok', requests: 1, address: null, agent: null, need }], cursor: null, seenUntil: null, more: false, malformed: 0, example: null }) });
    const needs = await Promise.all(['memory:read', null, '', 'a b', 'a\u001b[2J', 'x'.repeat(65)].map(async (need) => (await read(createIssuerSource({ name: 'audit', issuer: telling(need) }))).events[0]?.need));
    expect(needs).toEqual(['memory:read', null, null, null, null, null]);
  });

  it('needs an issuer that tells', () => {
    const issuer = issuerOn('http://127.0.0.1:9', 'hm_live_x12345');
    const silent = Object.fromEntries(Object.entries(issuer).filter(([name]) => name !== 'usage')) as unknown as Issuer;
    expect(() => createIssuerSource({ name: 'audit', issuer: silent })).toThrow(/does not tell/);
  });
});
