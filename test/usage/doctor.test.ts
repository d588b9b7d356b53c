/** `doctor` on usage sources, over a real ledger and real files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Context } from '../../src/app/context.ts';
import { examineSources } from '../../src/app/doctor-sources.ts';
import type { Finding } from '../../src/app/operations.ts';
import { createSources } from '../../src/app/sources.ts';
import { usageOf } from '../../src/app/usage.ts';
import { createUsageReader } from '../../src/app/usage-work.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Log } from '../../src/ports/log.ts';
import { ACTOR, declared, fresh, keyOf } from '../ledger/fixtures.ts';
import { openRuntime, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';

const TOKEN_VARIABLE = 'KEYTURN_TEST_DOCTOR_PUSH';
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const [embedded] = RUNTIMES;

let open: OpenRuntime;
let directory = '';
let log = '';
let name = '';
let keyId = '';
const credential = fresh('cred');
beforeAll(async () => {
  open = await openRuntime(embedded ?? expect.fail('the embedded runtime runs everywhere'));
  await declared(open.ledger, credential);
  keyId = (await open.ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {})).issuerKeyId;
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keyturn-doctor-'));
  log = join(directory, 'access.log');
  name = fresh('log');
  process.env[TOKEN_VARIABLE] = 'push-token-0123456789';
});
afterAll(async () => {
  await open.close();
  delete process.env[TOKEN_VARIABLE];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Worker {
  readonly context: Context;
  read(): Promise<void>;
  doctor(): Promise<readonly string[]>;
}

const told = ({ subject, level, name, message }: Finding): string => `${subject} ${name} ${level}: ${message}`;

function workerWith(sources: string): Worker {
  const { config } = parseConfig('/nowhere/keyturn.yaml', `version: 1\nusage:\n  sources:\n${sources}`, { env: process.env });
  const opened = createSources({ config: () => config, issuer: () => expect.fail('no issuer takes part'), fingerprint: (value) => value });
  const context = { ledger: open.ledger, usage: open.usage, scans: open.scans, sources: opened, config: () => config, engine: { log: quiet } } as unknown as Context;
  return { context, read: () => createUsageReader(context)(new AbortController().signal), doctor: async () => (await examineSources(context)).map(told) };
}

const following = (): Worker => workerWith(`    ${name}: { type: access-log, path: ${log}, format: json, key: { by: id, field: key } }\n`);
const line = (key: string): string => `${JSON.stringify({ time: new Date().toISOString(), key, status: 200 })}\n`;

test('a source that was never read, and one that was: how far', async () => {
  writeFileSync(log, line(keyId));
  const worker = following();
  expect(await worker.doctor()).toEqual([`usage source ${name} ok: access log ${log} can be read; nothing was read yet`]);
  await worker.read();
  expect(await worker.doctor()).toEqual([expect.stringMatching(new RegExp(`^usage source ${name} ok: access log ${log} can be read; read up to [\\d.]+ \\w+ ago$`))]);
});

test('one that can not be read is a problem, and says what is missing and what to do', async () => {
  writeFileSync(log, line(keyId));
  const worker = following();
  await worker.read();
  rmSync(directory, { recursive: true });
  const [found, ...others] = await worker.doctor();
  expect([found, others]).toEqual([expect.stringMatching(/^usage source \S+ problem: .* does not exist\..* looked for again by itself.* Newer usage is missing; read up to .* ago$/), []]);
});

test('one that answers again says that reading it has failed', async () => {
  writeFileSync(log, line(keyId));
  const worker = following();
  await worker.context.usage.sourceFailed(name, 'The disk is full.');
  expect(await worker.doctor()).toEqual([expect.stringContaining(' ok: '), expect.stringMatching(/ warning: It answers now, but reading it has failed for .*: The disk is full\.$/)]);
});

test('keys that nobody knows are counted, and a source that names keys in another way is told', async () => {
  writeFileSync(log, `${line('key_nobody')}${line(keyId)}`);
  const worker = following();
  await worker.read();
  expect(await worker.doctor()).toEqual([expect.stringMatching(/ ok: .*; 1 request so far with keys that Keyturn does not know, such as key_nobody$/)]);
  [name, log] = [fresh('log'), join(directory, 'other.log')];
  writeFileSync(log, line('hm_live_abcd'));
  const other = following();
  await other.read();
  expect(await other.doctor()).toEqual([expect.stringContaining('such as hm_live_abcd'), expect.stringMatching(/ warning: .* `key\.by` /)]);
});

test('a log in another format is told by the lines of the last minutes, and by what was read before', async () => {
  writeFileSync(log, 'not a line of JSON\n');
  const worker = following();
  await worker.read();
  expect(await worker.doctor()).toEqual([expect.stringMatching(/ ok: .*; 1 record so far that could not be used, such as access\.log at byte 0/), expect.stringMatching(/ warning: 1 lines of .* could not be understood/)]);
});

test('a push source whose token can be read takes pushes; one whose token is gone is a problem', async () => {
  const worker = workerWith(`    ${name}: { type: push, token: "\${env:${TOKEN_VARIABLE}}", key: { by: id } }\n`);
  expect(await worker.doctor()).toEqual([`usage source ${name} ok: takes what is pushed to /v1/usage/${name}; nothing was read yet`]);
  delete process.env[TOKEN_VARIABLE];
  expect(await worker.doctor()).toEqual([expect.stringMatching(/ problem: Nobody can push to it, since its token can't be read\. .*KEYTURN_TEST_DOCTOR_PUSH/)]);
});

test('what a source said that was taken out of the configuration concerns nobody any more', async () => {
  writeFileSync(log, line(keyId));
  const worker = following();
  await worker.read();
  await worker.context.usage.sourceFailed(name, 'gone');
  const after = workerWith('    {}\n');
  expect([(await usageOf(worker.context, credential)).sources.map(({ source }) => source), (await usageOf(after.context, credential)).sources, await after.doctor()]).toEqual([[name], [], []]);
});
