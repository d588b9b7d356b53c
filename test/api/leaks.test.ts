/** The door for reported leaks: who is let in, who is told what, and what an answer gives away. */
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startApi, type Api } from '../../src/api/index.ts';
import { createLeakSources } from '../../src/app/leak-sources.ts';
import { takeLeaks, type LeakIntake } from '../../src/app/leak-intake.ts';
import { parseConfig } from '../../src/config/load.ts';
import { Secret } from '../../src/core/secret.ts';
import type { LeakDelivered } from '../../src/ports/leak-ledger.ts';
import type { Log } from '../../src/ports/log.ts';
import { hmac, SECRET } from '../leaks/signing.ts';
import { fakeWorker } from '../support/fake-operations.ts';

const API_TOKEN = 'api-token-0123456789';
const CONFIG = `version: 1
leaks:
  sources:
    scanner: { type: signed, secret: "\${env:KEYTURN_TEST_LEAKS}", maxBody: 200000 }
    hog: { type: trufflehog }
`;
const VALUE = `hm_live_${'0123456789abcdef'.repeat(3)}`;
const written: string[] = [];
const quiet: Log = { debug: say, info: say, warn: say, error: say, child: () => quiet };
function say(...given: readonly unknown[]): void { written.push(JSON.stringify(given)); }

let api: Api;
let taken: LeakDelivered[] = [];
let woken: string[] = [];
beforeAll(async () => {
  process.env['KEYTURN_TEST_LEAKS'] = SECRET;
  const { config } = parseConfig('/nowhere/keyturn.yaml', CONFIG, { env: {} });
  const ids = new Set<string>();
  const intake = {
    log: quiet, fingerprint: (value: string) => `print-${value.length}`, issuers: () => [], leakSources: createLeakSources(() => config), ledger: { now: async () => new Date() },
    queue: { wake: async (job: string) => { woken.push(job); return true; } },
    leaks: {
      take: async (delivered: LeakDelivered) => {
        if (ids.has(delivered.deliveryId)) return { outcome: 'repeated' };
        ids.add(delivered.deliveryId);
        taken.push(delivered);
        return { outcome: 'taken', matched: delivered.leaks.length, alike: 0, sought: 0 };
      },
    },
  } as unknown as LeakIntake;
  const { operations, health } = fakeWorker();
  const tcp = { host: '127.0.0.1', port: 0, token: new Secret(API_TOKEN) };
  api = await startApi({ operations, health, takeLeaks: (request) => takeLeaks(intake, request), socketPath: null, tcp, log: quiet, version: '0.1.0' });
});
afterAll(async () => {
  await api.close(500);
  delete process.env['KEYTURN_TEST_LEAKS'];
});
beforeEach(() => { [taken, woken] = [[], []]; });

interface Sending {
  readonly source?: string;
  readonly at?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body that the signature is of. */
  readonly signs?: string;
  readonly unsigned?: boolean;
}

let count = 0;
const report = (): string => JSON.stringify({ leaks: [{ value: VALUE, url: `https://example.com/${(count += 1)}` }] });
async function post(body: string, { source = 'scanner', at = Date.now(), headers, signs = body, unsigned = false }: Sending = {}): Promise<{ status: number; text: string; retry: string | null }> {
  const seconds = Math.floor(at / 1_000);
  const proof = unsigned ? {} : { 'x-keyturn-signature': `t=${seconds},v1=${await hmac(SECRET, `${seconds}.`, signs)}` };
  const response = await fetch(`${api.addresses[0]}/v1/leaks/${source}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...proof, ...headers } });
  return { status: response.status, text: await response.text(), retry: response.headers.get('www-authenticate') };
}

test('a signed report is taken at once, its value is a fingerprint by then, and the sender learns nothing of us', async () => {
  expect(await post(report())).toEqual({ status: 202, text: '{"accepted":true}', retry: null });
  expect([taken.length, taken[0]?.leaks[0]?.fingerprint, woken]).toEqual([1, 'print-56', ['handle-leaks']]);
  expect(JSON.stringify(taken) + written.join('')).not.toContain(VALUE);
});

test('the same report again is taken and changes nothing', async () => {
  const body = report();
  expect([await post(body), await post(body)]).toMatchObject([{ status: 202 }, { status: 202 }]);
  expect([taken.length, woken.length]).toEqual([1, 1]);
});

test('forged, altered, truncated, stale, unsigned, and a source that does not exist look all the same', async () => {
  const body = report();
  const hour = 3_600_000;
  const answers = await Promise.all([
    post(body, { signs: `${body} ` }), post(body.slice(0, -3), { signs: body }), post(body, { unsigned: true }), post(body, { at: Date.now() - hour }), post(body, { at: Date.now() + hour }),
    post(body, { source: 'nobody' }), post(body, { source: 'constructor' }), post(body, { source: 'hog' }), post('rubbish', { source: 'nobody' }), post(body, { unsigned: true, headers: { authorization: 'Bearer wrong' } }),
  ]);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(answers[0]?.status).toBe(401);
  expect(answers[0]?.text).toContain('the clock of the sender');
  expect(taken).toEqual([]);
});

/** The status that is answered to a body of that length, none of which is sent. */
function announced(length: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${api.addresses[0]}/v1/leaks/scanner`, { method: 'POST', headers: { 'content-length': length, 'content-type': 'application/json' } }, (response) => {
      resolve(response.statusCode);
      asked.destroy();
    });
    asked.on('error', reject).flushHeaders();
  });
}

test('what is larger than the source takes is refused, and what is larger than anybody takes is not read', async () => {
  expect(await post(JSON.stringify({ leaks: [], pad: 'x'.repeat(250_000) }))).toMatchObject({ status: 400, text: expect.stringContaining('200000 bytes') });
  expect(await announced(9_000_000)).toBe(413);
  expect(taken).toEqual([]);
});

test('a body that is signed and of another form is refused without a word of it', async () => {
  const answer = await post(`{"leaks": "${VALUE}"}`);
  expect([answer.status, answer.text.includes(VALUE)]).toEqual([400, false]);
});

test('without a signature of its own a source takes what the control API lets in, and says how it went', async () => {
  const line = JSON.stringify({ Raw: VALUE, DetectorName: 'CustomRegex' });
  const answer = await post(`${line}\nno finding\n`, { source: 'hog', unsigned: true, headers: { authorization: `Bearer ${API_TOKEN}` } });
  expect([answer.status, JSON.parse(answer.text)]).toEqual([202, { accepted: true, leaks: 1, malformed: 1, repeated: false, ours: 1, alike: 0, sought: 0 }]);
  expect((await post('x', { source: 'nobody', unsigned: true, headers: { authorization: `Bearer ${API_TOKEN}` } })).status).toBe(404);
});

test('the control API’s token is no signature', async () => {
  const answer = await post(report(), { unsigned: true, headers: { authorization: `Bearer ${API_TOKEN}` } });
  expect([answer.status, JSON.parse(answer.text)]).toEqual([401, { error: { code: 'UNAUTHENTICATED', message: expect.stringContaining('Leak source scanner is of type signed'), todo: expect.stringContaining('type trufflehog') } }]);
});
