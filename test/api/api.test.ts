import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/api/client.ts';
import { startApi, type Api, type ApiOptions } from '../../src/api/index.ts';
import { ROUTES } from '../../src/api/routes.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Log } from '../../src/ports/log.ts';
import { ALERT_OPERATIONS } from '../support/fake-alerts.ts';
import { DRILL_OPERATIONS } from '../support/fake-drills.ts';
import { INCIDENT_OPERATIONS } from '../support/fake-incidents.ts';
import { RESPONSE_OPERATIONS } from '../support/fake-responses.ts';
import { fakeWorker, type FakeWorker } from '../support/fake-operations.ts';
import { freePort, until } from '../support/processes.ts';

const ACTOR = { who: 'cli:alice@laptop', why: 'because' };
const HASH = 'c'.repeat(64);
const TOKEN = new Secret('a-token-that-is-long-enough-1234');

let directory: string;
let socketPath: string;
let worker: FakeWorker;
let logged: unknown[][];
const opened: Api[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kt-api-'));
  socketPath = join(directory, 'keyturn.sock');
  worker = fakeWorker();
  logged = [];
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((api) => api.close(500)));
  await rm(directory, { recursive: true, force: true });
});

const note = (...line: unknown[]): void => void logged.push(line);
const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log };

async function start(parts: Partial<ApiOptions> = {}): Promise<Api> {
  const api = await startApi({ operations: worker.operations, health: worker.health, socketPath, log, version: '0.1.0', ...parts });
  opened.push(api);
  return api;
}

async function startTcp(parts: Partial<NonNullable<ApiOptions['tcp']>> = {}): Promise<string> {
  const api = await start({ socketPath: null, tcp: { host: '127.0.0.1', port: 0, token: TOKEN, tokenName: 'ci', ...parts } });
  return api.addresses[0] ?? '';
}

const authorized = { authorization: `Bearer ${TOKEN.reveal()}`, 'content-type': 'application/json' };
const post = (url: string, body: string, headers: Record<string, string> = authorized): Promise<Response> => fetch(url, { method: 'POST', body, headers });
const refusalOf = async (answer: Response): Promise<{ code: string; message: string; todo: string | null }> => ((await answer.json()) as { error: { code: string; message: string; todo: string | null } }).error;
const thrownBy = async (promise: Promise<unknown>): Promise<KeyturnError> => {
  const error: unknown = await promise.then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof KeyturnError)) throw new Error(`expected a KeyturnError, got ${String(error)}`);
  return error;
};

describe('the Unix socket', () => {
  it('may be used by its owner only, from its first moment', async () => {
    const before = process.umask(0);
    try {
      await start();
    } finally {
      process.umask(before);
    }
    expect((statSync(socketPath).mode & 0o777).toString(8)).toBe('600');
    expect(process.umask()).toBe(before);
  });

  it('of a dead process is replaced', async () => {
    leaveStaleSocket(socketPath);
    const api = await start();
    expect(api.addresses).toEqual([socketPath]);
    expect((await connect({ socketPath }).status()).worker).toBe('w-1');
  });

  it('of a living worker is left alone', async () => {
    await start();
    const error = await thrownBy(start());
    expect(error.code).toBe('ADDRESS_IN_USE');
    expect((await connect({ socketPath }).status()).worker).toBe('w-1');
  });

  it('is never made over a file that is something else', async () => {
    writeFileSync(socketPath, 'precious');
    const error = await thrownBy(start());
    expect([error.code, error.message]).toEqual(['ADDRESS_IN_USE', `${socketPath} exists and is no socket.`]);
    expect(statSync(socketPath).size).toBe('precious'.length);
  });

  it('with a path that no operating system takes is refused with a remedy', async () => {
    const error = await thrownBy(start({ socketPath: join(directory, 'x'.repeat(120)) }));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.todo).toContain('shorter');
  });

  it('is gone after close, and close ends at its deadline even with a request that hangs', async () => {
    let asked = false;
    const hanging = { ...worker.operations, doctor: () => new Promise<never>(() => { asked = true; }) };
    const api = await start({ operations: hanging });
    const doctor = thrownBy(connect({ socketPath }).doctor());
    await until(() => asked);
    const begun = performance.now();
    await api.close(200);
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect((await doctor).code).toBe('WORKER_UNREACHABLE');
    expect(() => statSync(socketPath)).toThrow('ENOENT');
  });
});

describe('the typed client', () => {
  it('asks every question and makes every change of Operations through the routes', async () => {
    await start();
    const client = connect({ socketPath });
    const { id } = (await client.rotate({ credentials: ['prod-api-server'] }, ACTOR))[0]?.rotation ?? { id: '' };
    await client.status();
    await client.plan('prod-api-server');
    await client.keys({ credential: 'prod-api-server', issuer: 'hypermemory' });
    await client.revocationPlan({ what: 'prod-api-server', as: 'credential', issuer: 'hypermemory', replace: false });
    await client.revocationPlan({ owner: 'platform' });
    await client.usage({ credential: 'prod-api-server', sinceMs: 3_600_000 });
    await client.rotations({ credential: 'prod-api-server', open: true, limit: 5 });
    await client.rotation(id);
    await client.audit({ credential: 'prod-api-server', limit: 7 });
    await client.verifyAudit();
    await client.verifyAudit([{ seq: 7, hash: HASH }]);
    await client.verifyAudit([{ seq: 7, hash: HASH }, { seq: 9, hash: HASH }]);
    await client.leaks({ source: 'github', credential: 'prod-api-server', open: true, limit: 9 });
    await client.doctor();
    await client.rotate({ owner: 'ci' }, ACTOR);
    await client.revoke('ci-testing', ACTOR);
    await client.revoke('ci-testing', ACTOR, { as: 'credential', issuer: 'hypermemory', replace: false });
    await client.revokeOwned('platform', false, ACTOR);
    await client.adopt({ credential: 'ci-testing', keyId: 'key_9' }, ACTOR);
    await client.pause({ scope: 'issuer', name: 'hypermemory' }, ACTOR);
    await client.resume({ scope: 'all', name: null }, ACTOR);
    await client.abortRotation(id, ACTOR);
    await client.resumeRotation(id, ACTOR);
    await client.publish('ci-testing', ACTOR);
    await client.settle(['debt/prod/1'], ACTOR);
    await client.takeRecord({ record: '{}', unsigned: true }, ACTOR);
    await client.retryDeliveries(null, ACTOR);
    await client.reload(ACTOR);
    expect(worker.calls.filter((call) => call.actor !== null).every((call) => JSON.stringify(call.actor) === JSON.stringify(ACTOR))).toBe(true);
    expect(worker.calls.map((call) => [call.operation, call.given])).toEqual([
      ['rotate', { credentials: ['prod-api-server'] }],
      ['status', {}],
      ['plan', { credential: 'prod-api-server' }],
      ['keys', { credential: 'prod-api-server', issuer: 'hypermemory' }],
      ['revocationPlan', { what: 'prod-api-server', as: 'credential', issuer: 'hypermemory', replace: false }],
      ['revocationPlan', { owner: 'platform' }],
      ['usage', { credential: 'prod-api-server', sinceMs: 3_600_000 }],
      ['rotations', { credential: 'prod-api-server', open: true, limit: 5 }],
      ['rotation', { id }],
      ['audit', { credential: 'prod-api-server', limit: 7 }],
      ['verifyAudit', { anchors: [] }],
      ['verifyAudit', { anchors: [{ seq: 7, hash: HASH }] }],
      ['verifyAudit', { anchors: [{ seq: 7, hash: HASH }, { seq: 9, hash: HASH }] }],
      ['leaks', { source: 'github', credential: 'prod-api-server', open: true, limit: 9 }],
      ['doctor', {}],
      ['rotate', { owner: 'ci' }],
      ['revoke', { what: 'ci-testing', replace: true }],
      ['revoke', { what: 'ci-testing', as: 'credential', issuer: 'hypermemory', replace: false }],
      ['revokeOwned', { owner: 'platform', replace: false }],
      ['adopt', { credential: 'ci-testing', keyId: 'key_9' }],
      ['pause', { scope: 'issuer', name: 'hypermemory' }],
      ['resume', { scope: 'all', name: null }],
      ['abortRotation', { id }],
      ['resumeRotation', { id }],
      ['publish', { credential: 'ci-testing' }],
      ['settle', { ids: ['debt/prod/1'] }],
      ['takeRecord', { record: '{}', unsigned: true }],
      ['retryDeliveries', { channel: null }],
      ['reload', {}],
    ]);
    expect(new Set(worker.calls.map((call) => call.operation))).toEqual(new Set(Object.keys(worker.operations).filter((operation) => ![...ALERT_OPERATIONS, ...INCIDENT_OPERATIONS, ...RESPONSE_OPERATIONS, ...DRILL_OPERATIONS].includes(operation))));
  });

  it('throws the error that the worker threw: code, message, todo', async () => {
    await start();
    worker.failNext('rotate', new KeyturnError('PAUSED', 'Everything is paused.', { todo: 'Resume it.' }));
    const error = await thrownBy(connect({ socketPath }).rotate({ credentials: ['ci-testing'] }, ACTOR));
    expect([error.code, error.message, error.todo]).toEqual(['PAUSED', 'Everything is paused.', 'Resume it.']);
  });

  it('says that no worker answers where there is no socket, a dead one, or no server', async () => {
    leaveStaleSocket(join(directory, 'dead.sock'));
    const places = [{ socketPath }, { socketPath: join(directory, 'dead.sock') }, { url: `http://127.0.0.1:${await freePort()}`, token: TOKEN }];
    for (const place of places) {
      const error = await thrownBy(connect(place).status());
      expect([error.code, error.effect]).toEqual(['WORKER_UNREACHABLE', 'none']);
      expect(error.todo).toContain('keyturn up');
    }
  });

  it('does not call a change undone when its answer was lost', async () => {
    const deaf = createServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((resolve) => { deaf.listen(socketPath, resolve); });
    const error = await thrownBy(connect({ socketPath }).revoke('ci-testing', ACTOR));
    deaf.close();
    expect([error.code, error.effect]).toEqual(['WORKER_UNREACHABLE', 'unknown']);
    expect(error.message).toContain('may or may not have happened');
  });

  it('gives up on a worker that never answers', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => { mute.listen(socketPath, resolve); });
    const error = await thrownBy(connect({ socketPath }, { timeoutMs: 100 }).status());
    mute.close();
    expect([error.code, error.message]).toEqual(['WORKER_UNREACHABLE', expect.stringContaining('timeout')]);
  });

  it('recognises what is no worker', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>hi</html>'));
    await new Promise<void>((resolve) => { other.listen(socketPath, resolve); });
    const error = await thrownBy(connect({ socketPath }).status());
    other.close();
    expect(error.message).toContain('is no Keyturn worker');
  });
});

describe('the door over TCP', () => {
  it('lets nobody in without the token, but for /healthz', async () => {
    const url = await startTcp();
    for (const route of ROUTES) {
      const path = route.path.replace(':id', '01JT');
      const answers = await Promise.all([undefined, 'Bearer wrong', `Basic ${TOKEN.reveal()}`, `Bearer ${TOKEN.reveal()}x`].map((authorization) =>
        fetch(url + path, { method: route.method, headers: authorization === undefined ? {} : { authorization } })));
      expect([path, answers.map((answer) => answer.status)]).toEqual([path, Array<number>(4).fill(path === '/healthz' ? 200 : 401)]);
    }
    expect(worker.calls).toEqual([]);
    expect((await fetch(`${url}/nowhere`)).status).toBe(401);
  });

  it('opens with the token', async () => {
    const url = await startTcp();
    expect((await connect({ url, token: TOKEN }).status()).worker).toBe('w-1');
    const metrics = await fetch(`${url}/metrics`, { headers: authorized });
    expect([metrics.headers.get('content-type'), await metrics.text()]).toEqual(['text/plain; version=0.0.4; charset=utf-8', expect.stringContaining('keyturn_open_debts 0')]);
  });

  it('can leave other paths open, when told so', async () => {
    const url = await startTcp({ openPaths: ['/healthz', '/metrics'] });
    const statuses = await Promise.all(['/healthz', '/metrics', '/readyz'].map(async (path) => (await fetch(url + path)).status));
    expect(statuses).toEqual([200, 200, 401]);
  });

  it('is refused on a port that is taken, and leaves nothing behind', async () => {
    const url = await startTcp();
    const error = await thrownBy(start({ tcp: { host: '127.0.0.1', port: Number(new URL(url).port), token: TOKEN } }));
    expect(error.code).toBe('ADDRESS_IN_USE');
    expect(() => statSync(socketPath)).toThrow('ENOENT');
  });
});

describe('who asked', () => {
  it('is recorded as told for the CLI on the socket, and never as somebody else', async () => {
    await start();
    const client = connect({ socketPath });
    for (const who of ['cli:alice@laptop', 'schedule', 'api:ci', 'worker:w-2']) await client.reload({ who, why: '' });
    expect(worker.calls.map((call) => call.actor?.who)).toEqual(['cli:alice@laptop', 'socket:schedule', 'socket:api:ci', 'socket:worker:w-2']);
  });

  it('begins with the token\'s name over TCP, whatever the client says', async () => {
    const url = await startTcp();
    await connect({ url, token: TOKEN }).reload({ who: 'cli:root@prod', why: 'x' });
    await post(`${url}/v1/reload`, '{}');
    expect(worker.calls.map((call) => call.actor)).toEqual([{ who: 'api:ci (cli:root@prod)', why: 'x' }, { who: 'api:ci', why: '' }]);
  });

  it('and why, is demanded for a revocation and a pause', async () => {
    const url = await startTcp();
    for (const [path, fields] of [['/v1/revoke', { credential: 'ci-testing' }], ['/v1/pause', { scope: 'all' }]] as const) {
      for (const actor of [undefined, { who: 'x' }, { why: '  ' }]) {
        const answer = await post(url + path, JSON.stringify({ ...fields, actor }));
        expect([path, answer.status, (await refusalOf(answer)).code]).toEqual([path, 400, 'USAGE']);
      }
    }
    expect(worker.calls).toEqual([]);
  });

  it('cannot forge lines of the audit log', async () => {
    const url = await startTcp();
    const answer = await post(`${url}/v1/reload`, JSON.stringify({ actor: { who: 'a\nb', why: 'c\u001b[2J' } }));
    expect([answer.status, (await refusalOf(answer)).message]).toEqual([400, expect.stringContaining('actor.who: must not hold control characters')]);
  });
});

describe('bad requests', () => {
  const bad: readonly (readonly [story: string, path: string, body: string, status: number, says: string])[] = [
    ['an unknown field', '/v1/publish', '{"credential":"a","force":true}', 400, 'unknown field "force", known are credential, actor'],
    ['an unknown field further down', '/v1/publish', '{"credential":"a","actor":{"why":"","role":"x"}}', 400, 'unknown field "actor.role"'],
    ['a missing field', '/v1/publish', '{}', 400, 'credential: is missing'],
    ['a field of another type', '/v1/publish', '{"credential":[]}', 400, 'credential: must be text'],
    ['a span that is too short', '/v1/silences', '{"matchers":["rule=x"],"forMs":5,"actor":{"why":"x"}}', 400, 'forMs: must be at least 60000'],
    ['an empty list', '/v1/silences', '{"matchers":[],"forMs":60000,"actor":{"why":"x"}}', 400, 'matchers: must be at least 1 long'],
    ['both an owner and credentials', '/v1/rotate', '{"credentials":["a"],"owner":"b"}', 400, 'name either credentials or an owner'],
    ['neither', '/v1/rotate', '{}', 400, 'name either credentials or an owner'],
    ['a scope without its name', '/v1/resume', '{"scope":"issuer"}', 400, 'scope issuer or credential wants a name'],
    ['text that is no JSON', '/v1/publish', '{"credential"', 400, 'The request cannot be read'],
    ['a body that is too large', '/v1/publish', JSON.stringify({ credential: 'a'.repeat(70_000) }), 413, 'too large'],
    ['a path that does not exist', '/v1/rotat', '{}', 404, 'has no POST /v1/rotat'],
  ];
  it.each(bad)('with %s get one clear sentence', async (_story, path, body, status, says) => {
    const url = await startTcp();
    const answer = await post(url + path, body);
    expect(answer.status).toBe(status);
    const refused = await refusalOf(answer);
    expect(refused.message).toContain(says);
    if (status === 413) expect(refused.todo).toContain('docs/api.md');
    expect(worker.calls).toEqual([]);
  });

  it('with another content type are refused, so that no web page can post a form', async () => {
    const url = await startTcp();
    const answer = await post(`${url}/v1/publish`, '{"credential":"a"}', { ...authorized, 'content-type': 'text/plain' });
    expect([answer.status, (await refusalOf(answer)).code]).toEqual([415, 'USAGE']);
  });

  it('with unknown query parameters or odd numbers are refused', async () => {
    const url = await startTcp();
    const messages = await Promise.all(['/v1/keys?credentials=a', '/v1/audit?limit=-1', '/v1/audit?limit=999999', '/v1/rotations?open=yes'].map(async (path) => {
      const answer = await fetch(url + path, { headers: authorized });
      return [answer.status, (await refusalOf(answer)).message];
    }));
    expect(messages).toEqual([
      [400, expect.stringContaining('unknown field "credentials", known are credential, issuer')],
      [400, expect.stringContaining('limit: must be a whole number')],
      [400, expect.stringContaining('limit:')],
      [400, expect.stringContaining('open:')],
    ]);
  });
});

describe('what goes wrong inside', () => {
  it('is told to the log, and to the client only by its request id', async () => {
    const url = await startTcp();
    worker.failNext('status', new TypeError('cannot read properties of /etc/keyturn/secret-layout'));
    const answer = await fetch(`${url}/v1/status`, { headers: authorized });
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(text).not.toContain('secret-layout');
    const id = /request ([0-9a-f-]{36})/.exec(text)?.[1];
    expect(logged[0]?.[0]).toMatchObject({ requestId: id, path: '/v1/status', err: { message: expect.stringContaining('secret-layout') } });
  });

  it('never carries a secret out, in an answer or in an error', async () => {
    const url = await startTcp();
    const value = new Secret('hm_live_canary_0123456789abcdef').reveal();
    worker.answers.doctor = [{ subject: 'store', name: 'env', level: 'problem', message: `found ${value} there` }];
    worker.failNext('plan', new KeyturnError('STORE_DENIED', `it said ${value}`, { todo: `remove ${value}` }));
    const texts = await Promise.all(['/v1/doctor', '/v1/plan'].map(async (path) => (await fetch(url + path, { headers: authorized })).text()));
    expect(texts.join('')).not.toContain(value);
    expect(texts).toEqual([expect.stringContaining('found [secret] there'), expect.stringContaining('remove [secret]')]);
  });

  it('uses the HTTP status of the error table', async () => {
    const url = await startTcp();
    worker.failNext('status', new KeyturnError('LEDGER_UNREACHABLE', 'The ledger is away.'));
    expect((await fetch(`${url}/v1/status`, { headers: authorized })).status).toBe(503);
    expect((await fetch(`${url}/v1/rotations/01NONE`, { headers: authorized })).status).toBe(404);
  });
});

describe('probes', () => {
  it('say what is not ready, with a status that load balancers understand', async () => {
    const url = await startTcp({ openPaths: ['/readyz'] });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    worker.answers.ready = { ready: false, reasons: ['the queue does not answer'] };
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([503, { ready: false, reasons: ['the queue does not answer'] }]);
  });
});

const begin = async (): Promise<string> => (await connect({ socketPath }).rotate({ credentials: ['prod-api-server'] }, ACTOR))[0]?.rotation.id ?? '';
/** How often the ledger was asked for one rotation. */
const asked = (): number => worker.calls.filter((call) => call.operation === 'rotation').length;

describe('watching a rotation', () => {
  it('answers a transition soon after it happened, and only those not seen yet', async () => {
    await start();
    const id = await begin();
    worker.step(id, 'preflight', 'admitted', 'Proving.');
    const client = connect({ socketPath });
    expect((await client.events(id, { after: 0, waitMs: 0 })).events.map((event) => event.to)).toEqual(['preflight']);
    const next = client.events(id, { after: 1, waitMs: 20_000 });
    await until(() => worker.calls.filter((call) => call.operation === 'rotation').length >= 3);
    worker.step(id, 'creating', 'clear', 'All proved.');
    expect((await next).events.map((event) => event.to)).toEqual(['creating']);
  });

  it('answers when only the reason of a wait changed', async () => {
    await start();
    const id = await begin();
    const next = connect({ socketPath }).events(id, { after: 0, reason: 'requested', waitMs: 20_000 });
    await until(() => worker.calls.some((call) => call.operation === 'rotation'));
    worker.waits(id, 'window_closed', 'The window is closed.', new Date().toISOString());
    expect((await next).rotation.reason).toBe('window_closed');
  });

  it('answers at once when the rotation has ended, and after waitMs when nothing happens', async () => {
    await start();
    const id = await begin();
    const client = connect({ socketPath });
    expect((await client.events(id, { after: 0, waitMs: 300 })).events).toEqual([]);
    worker.step(id, 'done', 'revoked', 'Done.');
    expect((await client.events(id, { after: 1, waitMs: 60_000 })).rotation.state).toBe('done');
  });

  it('ends when the API closes, and stops asking the ledger when the watcher leaves', async () => {
    const api = await start();
    const id = await begin();
    const leaving = new AbortController();
    const left = thrownBy(connect({ socketPath }).events(id, { after: 0, waitMs: 60_000 }, leaving.signal));
    await until(() => asked() >= 2);
    leaving.abort();
    await left;
    let before = -1;
    await vi.waitUntil(() => { const still = asked() === before; before = asked(); return still; }, { interval: 700, timeout: 10_000 });
    const watching = connect({ socketPath }).events(id, { after: 0, waitMs: 60_000 });
    await until(() => asked() > before);
    const begun = performance.now();
    await api.close(20_000);
    expect((await watching).events).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

/** What a killed process leaves: a socket file that nobody listens on. */
function leaveStaleSocket(path: string): void {
  const died = spawnSync(process.execPath, ['-e', 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))', path], { timeout: 20_000 });
  expect([died.signal, statSync(path).isSocket()]).toEqual(['SIGKILL', true]);
}
