import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type Api } from '../../src/api/index.ts';
import { pushUsage } from '../../src/app/push.ts';
import { parseConfig } from '../../src/config/load.ts';
import { Secret, textFingerprinter } from '../../src/core/secret.ts';
import type { Context } from '../../src/app/context.ts';
import type { Log } from '../../src/ports/log.ts';
import { ACTOR, declared, keyOf } from '../ledger/fixtures.ts';
import { fakeWorker } from '../support/fake-operations.ts';
import { RUNTIMES, ROOT_KEY, openRuntime, type OpenRuntime } from '../support/runtimes.ts';

const TOKEN = 'push-token-0123456789';
const VALUE = 'hm_live_0123456789abcdef0123';
const CONFIG = `version: 1
usage:
  sources:
    apps: { type: push, token: "\${env:KEYTURN_TEST_PUSH}", key: { by: value }, maxBody: 4096 }
`;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const [embedded] = RUNTIMES;

let open: OpenRuntime;
let api: Api;
let keyId = '';
beforeAll(async () => {
  process.env['KEYTURN_TEST_PUSH'] = TOKEN;
  open = await openRuntime(embedded ?? expect.fail('the embedded runtime runs everywhere'));
  await declared(open.ledger, 'prod-api');
  const fingerprint = textFingerprinter(ROOT_KEY);
  keyId = (await open.ledger.adopt(keyOf('prod-api', { state: 'current', fingerprint: fingerprint(VALUE) }), ACTOR, {})).id;
  const { config } = parseConfig('/nowhere/keyturn.yaml', CONFIG, { env: { KEYTURN_TEST_PUSH: TOKEN } });
  const context = { ledger: open.ledger, usage: open.usage, config: () => config } as unknown as Context;
  const { operations, health } = fakeWorker();
  const tcp = { host: '127.0.0.1', port: 0, token: new Secret('api-token-0123456789') };
  api = await startApi({ operations, health, pushUsage: (request) => pushUsage(context, fingerprint, request), socketPath: null, tcp, log: quiet, version: '0.1.0' });
});
afterAll(async () => {
  await api.close(500);
  await open.close();
  delete process.env['KEYTURN_TEST_PUSH'];
});

interface Answer {
  readonly status: number;
  readonly body: { readonly records?: number; readonly repeated?: boolean; readonly error?: { readonly code: string } };
  readonly text: string;
}

async function push(body: string | Buffer, headers: Record<string, string> = {}, source = 'apps'): Promise<Answer> {
  const response = await fetch(`${api.addresses[0]}/v1/usage/${source}`, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers: { authorization: `Bearer ${TOKEN}`, ...headers } });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Answer['body'], text };
}

const record = (n: number): string => JSON.stringify({ at: new Date().toISOString(), key: VALUE, requests: n, agent: 'gateway/1', address: '10.0.0.9' });
const requests = async (): Promise<number> => {
  const now = Date.now();
  return (await open.usage.buckets([keyId], 'hour', new Date(now - 7_200_000), new Date(now + 7_200_000))).reduce((sum, one) => sum + one.requests, 0);
};

test('a batch counts once, plain or gzip, by its id or by its content', async () => {
  const batch = `${record(5)}\n${record(2)}\n`;
  expect((await push(gzipSync(batch), { 'content-encoding': 'gzip' })).body).toMatchObject({ records: 2, repeated: false });
  expect((await push(batch)).body, 'the same content').toMatchObject({ records: 0, repeated: true });
  expect((await push(record(1), { 'idempotency-key': 'b-1' })).body).toMatchObject({ records: 1, repeated: false });
  expect((await push(record(9), { 'idempotency-key': 'b-1' })).body, 'the same id').toMatchObject({ repeated: true });
  expect(await requests()).toBe(8);
});

test('a body without records tells each time anew that its sender lives', async () => {
  const pushed: unknown[] = [];
  for (const body of ['', '\n', '']) {
    expect((await push(body)).body).toMatchObject({ records: 0, repeated: false });
    pushed.push((await open.usage.source('apps')).version);
  }
  expect(new Set(pushed).size).toBe(3);
});

test('its token opens nothing else, and no other token opens it', async () => {
  for (const authorization of ['', 'Bearer wrong', 'Bearer api-token-0123456789']) expect((await push(record(1), { authorization })).body.error?.code).toBe('UNAUTHENTICATED');
  expect((await push(record(1), {}, 'nobody')).body.error?.code, 'names of sources are not told').toBe('UNAUTHENTICATED');
  expect((await fetch(`${api.addresses[0]}/v1/status`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(401);
});

test('what is too large, unpacked too, or no gzip, is refused and changes nothing', async () => {
  const before = await requests();
  const large = `${record(1)}\n`.repeat(100);
  expect(await push(large)).toMatchObject({ status: 400, body: { error: { code: 'USAGE' } } });
  expect(await push(gzipSync(large), { 'content-encoding': 'gzip' })).toMatchObject({ status: 400, body: { error: { code: 'USAGE' } } });
  expect(await push('no gzip', { 'content-encoding': 'gzip' })).toMatchObject({ status: 400 });
  expect(await push('x', { 'content-encoding': 'br' })).toMatchObject({ status: 400 });
  expect(await push('x', { 'idempotency-key': 'k'.repeat(300) })).toMatchObject({ status: 400 });
  expect(await requests()).toBe(before);
});

test('rubbish beside good records is counted, and the value of a key is nowhere in the answer', async () => {
  const { text, body } = await push(`${record(1)}\nrubbish ${VALUE}\n{"at":"never","key":"${VALUE}"}\n`);
  expect(body).toMatchObject({ records: 1, malformed: 2 });
  expect(text).not.toContain(VALUE);
});
