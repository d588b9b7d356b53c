/** The door for decisions by link: what it answers without a token, to whom, and what it never does. And the routes of the control API beside it. */
import { request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect, type Client } from '../../src/api/client.ts';
import { startApi, type Api } from '../../src/api/index.ts';
import type { ApprovalRequest } from '../../src/app/approvals.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Log } from '../../src/ports/log.ts';
import { fakeWorker, type FakeWorker } from '../support/fake-operations.ts';
import { responseView } from '../support/fake-responses.ts';

const written: string[] = [];
const say = (...given: readonly unknown[]): void => void written.push(JSON.stringify(given));
const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
const TOKEN = `01JTRESP000000000000000001.t1abcd.${'m'.repeat(43)}`;
const API_TOKEN = new Secret('api-token-0123456789');
const ACTOR = { who: 'cli:alice@host', why: 'none of ours' };

let api: Api;
let worker: FakeWorker;
let client: Client;
let directory: string;
let seen: ApprovalRequest[];
let status: number;
const answerApproval = async (asked: ApprovalRequest) => { seen.push(asked); return { status, html: '<!doctype html><title>decide</title>' }; };
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keyturn-approve-'));
  worker = fakeWorker();
  api = await startApi({ operations: worker.operations, health: worker.health, answerApproval, socketPath: join(directory, 'k.sock'), tcp: { host: '127.0.0.1', port: 0, token: API_TOKEN }, log, version: '0.1.0' });
  client = connect({ url: api.addresses[1] ?? '', token: API_TOKEN });
});
afterAll(async () => {
  await api.close(500);
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => { [seen, status, written.length] = [[], 200, 0]; });

const at = (path = `/approve/${TOKEN}`): string => `${api.addresses[1] ?? ''}${path}`;
const form = (fields: Readonly<Record<string, string>>): RequestInit => ({ method: 'POST', body: new URLSearchParams(fields) });

describe('a link', () => {
  test('is opened without a token, by GET and HEAD alike, and only looks; the page loads nothing, is kept by nobody, and tells nobody where it came from', async () => {
    for (const method of ['GET', 'HEAD', 'GET']) {
      const answer = await fetch(at(), { method });
      expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control'), answer.headers.get('referrer-policy'), answer.headers.get('x-content-type-options'), answer.headers.get('x-robots-tag')])
        .toEqual([200, 'text/html; charset=utf-8', 'no-store', 'no-referrer', 'nosniff', 'noindex, nofollow']);
      expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
      expect(await answer.text()).toBe(method === 'HEAD' ? '' : '<!doctype html><title>decide</title>');
    }
    expect(seen).toEqual(Array.from({ length: 3 }, () => ({ token: TOKEN, wants: 'look', name: '' })));
  });

  test('decides by a form alone', async () => {
    expect((await fetch(at(), form({ decision: 'approve', name: 'Alice & Bob' }))).status).toBe(200);
    expect((await fetch(at(), form({ decision: 'decline', name: 'Alice' }))).status).toBe(200);
    expect((await fetch(at(), form({ decision: 'maybe', name: 'Alice' }))).status).toBe(200);
    expect((await fetch(at(), { method: 'POST' })).status).toBe(200);
    expect(seen.map(({ wants, name }) => [wants, name])).toEqual([['approve', 'Alice & Bob'], ['decline', 'Alice'], ['look', 'Alice'], ['look', '']]);
  });

  test('takes no other body, no large one, and no other method', async () => {
    expect((await fetch(at(), { method: 'POST', body: '{"decision":"approve"}', headers: { 'content-type': 'application/json' } })).status).toBe(415);
    expect((await fetch(at(), form({ decision: 'approve', name: 'x'.repeat(5_000) }))).status).toBe(413);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) expect([method, (await fetch(at(), { method })).status]).toEqual([method, 401]);
    expect((await fetch(at(`/approve/${'x'.repeat(500)}`))).status).toBeGreaterThanOrEqual(401);
    expect(seen).toEqual([]);
  });

  test('its answer has the status of its page', async () => {
    for (status of [400, 404, 409, 410, 412, 429, 503]) expect((await fetch(at(), form({ decision: 'approve', name: 'Alice' }))).status).toBe(status);
  });

  test('opens nothing of the control API, and is in no log', async () => {
    for (const path of ['/v1/status', '/v1/responses', `/approve/${TOKEN}/../../v1/status`, '/approve', `/approve/${TOKEN}/more`]) expect([path, (await fetch(at(path))).status]).toEqual([path, 401]);
    expect((await fetch(at('/v1/responses/01JT/approve'), form({ decision: 'approve', name: 'Alice' }))).status).toBe(401);
    expect([seen, written.join()]).toEqual([[], '']);
  });

  test('the socket has no such page: whoever may use that needs no link', async () => {
    const code = await new Promise((resolve, reject) => { request({ socketPath: join(directory, 'k.sock'), path: `/approve/${TOKEN}` }, (answer) => { answer.resume(); resolve(answer.statusCode); }).once('error', reject).end(); });
    expect([code, seen]).toEqual([404, []]);
  });
});

describe('the control API', () => {
  test('lists, approves and declines with an actor and a reason', async () => {
    expect(await client.responses({ credential: 'prod-api-server', open: true, state: 'waiting', limit: 5 })).toMatchObject({ responses: [{ state: 'waiting' }], breaker: { maxPerHour: 3 } });
    expect(await client.approveResponse('01JTRESP', ACTOR)).toMatchObject({ ...responseView({ state: 'accepted', openedAt: expect.any(String) as never, expiresAt: expect.any(String) as never, decidedBy: expect.anything() as never }) });
    expect(await client.declineResponse('01JTRESP', ACTOR)).toMatchObject({ state: 'declined' });
    expect(worker.calls.map(({ operation, given, actor }) => [operation, given, actor?.who])).toEqual([
      ['responses', { credential: 'prod-api-server', open: true, state: 'waiting', limit: 5 }, undefined], ['approveResponse', { id: '01JTRESP' }, 'api:token (cli:alice@host)'], ['declineResponse', { id: '01JTRESP' }, 'api:token (cli:alice@host)'],
    ]);
  });

  test('refuses what says no reason, and states that are none', async () => {
    await expect(client.approveResponse('01JTRESP', { who: 'x', why: '' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(client.responses({ state: 'dead' as never })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(client.declineResponse('01ZZ', ACTOR)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  });
});
