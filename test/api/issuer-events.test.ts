/** Events that an issuer's service posts: only who has the token may ring, and ringing has the issuer asked. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startApi, type Api } from '../../src/api/index.ts';
import type { Context } from '../../src/app/context.ts';
import { takeIssuerEvent } from '../../src/app/issuer-events.ts';
import { parseConfig } from '../../src/config/load.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Log } from '../../src/ports/log.ts';
import { fakeWorker } from '../support/fake-operations.ts';

const TOKEN = 'events-token-0123456789';
const CONFIG = `version: 1
issuers:
  hm: { type: hypermemory, adminKey: "\${env:ADMIN}", events: { token: "\${env:KEYTURN_TEST_EVENTS}" } }
  deaf: { type: hypermemory, adminKey: "\${env:ADMIN}" }
`;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const EVENT = { event: 'usage.queries.threshold', threshold: 90, current: 9_000, limit: 10_000, timestamp: '2026-03-02T12:00:00Z' };

const wake = async (...given: readonly unknown[]): Promise<boolean> => { woken.push(given); return true; };

let api: Api;
let woken: (readonly unknown[])[] = [];
beforeAll(async () => {
  process.env['KEYTURN_TEST_EVENTS'] = TOKEN;
  const { config } = parseConfig('/nowhere/keyturn.yaml', CONFIG, { env: {} });
  const context = { config: () => config, queue: { wake }, engine: { log: quiet } } as unknown as Context;
  const { operations, health } = fakeWorker();
  const tcp = { host: '127.0.0.1', port: 0, token: new Secret('api-token-0123456789') };
  api = await startApi({ operations, health, takeIssuerEvent: (request) => takeIssuerEvent(context, request), socketPath: null, tcp, log: quiet, version: '0.1.0' });
});
afterAll(async () => {
  await api.close(500);
  delete process.env['KEYTURN_TEST_EVENTS'];
});
beforeEach(() => { woken = []; });

async function post(body: string, { token = TOKEN, issuer = 'hm' } = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(`${api.addresses[0]}/v1/issuers/${issuer}/events`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) } });
  return { status: response.status, text: await response.text() };
}

test('a threshold has the quota asked for, once for several that come together', async () => {
  expect(await post(JSON.stringify(EVENT))).toEqual({ status: 202, text: '{"event":"usage.queries.threshold","known":true}' });
  await post(JSON.stringify({ ...EVENT, event: 'usage.nodes.threshold' }));
  expect(woken).toEqual([['inspect', {}, { delayMs: 2_000, dedupeKey: 'event' }], ['inspect', {}, { delayMs: 2_000, dedupeKey: 'event' }]]);
});

test('an event that is not known is taken, so that its sender goes on, and changes nothing', async () => {
  expect(await post('{"event":"invoice.paid"}')).toMatchObject({ status: 202, text: '{"event":"invoice.paid","known":false}' });
  expect(woken).toEqual([]);
});

test.each([
  ['no token', { token: '' }],
  ['a wrong one', { token: 'wrong' }],
  ['the control API’s', { token: 'api-token-0123456789' }],
  ['an issuer that takes none', { issuer: 'deaf' }],
  ['no such issuer', { issuer: 'nobody' }],
  ['a name of every object', { issuer: 'constructor' }],
])('%s: it is not let in, whatever it says, and learns no names', async (_what, how) => {
  for (const body of [JSON.stringify(EVENT), 'rubbish']) {
    const answer = await post(body, how);
    expect(answer.status).toBe(401);
    expect(answer.text).toContain('UNAUTHENTICATED');
  }
  expect(woken).toEqual([]);
});

test.each([
  ['rubbish', 400], ['', 400], ['[]', 400], ['{"event":7}', 400], [`{"event":"${'x'.repeat(200)}"}`, 400], ['{"event":"line\\nbreak"}', 400], [JSON.stringify({ ...EVENT, more: 'x'.repeat(20_000) }), 413],
])('%.20s: answered %d, and nothing is asked', async (body, status) => {
  expect((await post(body)).status).toBe(status);
  expect(woken).toEqual([]);
});

test('its token opens nothing else', async () => {
  expect((await fetch(`${api.addresses[0]}/v1/status`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(401);
});
