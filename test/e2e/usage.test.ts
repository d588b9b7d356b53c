/** Usage of keys as people see it: read by a worker from the issuer, from an access log and from pushes, over kills and rubbish. */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UsageView } from '../../src/app/operations.ts';
import { canMakeTerminal, keyturnOnTerminal } from '../support/cli.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { API_TOKEN, GATEWAY, openScene, PUSH_TOKEN, type Scene } from './scene.ts';
import { BRISK, readEnv, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAME = 'prod-api';
const HOSTILE = ['<!channel> <script>alert(1)</script>', 'a\u001b[2J\u001b]0;owned\u0007b', 'line\r\nkey_1\tcurrent\t9999', '\u202egnp.exe\u200b', '"; drop table keyturn.keys; --'];
/** Lines that workers are killed over: batches enough that some are left. */
const MANY = 40_000;

describe.each(RUNTIMES)('usage on $name', (runtime) => {
  let scene: Scene;
  let home: Home;
  let sandbox: SandboxProcess;
  let worker: Worker;
  let api = '';
  let keyId = '';
  const log = (): string => join(home.directory, 'edge.log');
  const served = (): string => readEnv(join(home.directory, 'app.env'))['HYPERMEMORY_API_KEY'] ?? '';
  const pushed = (more: Record<string, unknown> = {}): string => `${JSON.stringify({ at: new Date().toISOString(), key: served(), address: '10.0.0.9', agent: 'gateway/1', ...more })}\n`;
  const push = async (body: string | Buffer, headers: Record<string, string> = {}): Promise<{ status: number; body: Record<string, unknown> }> => {
    const answer = await fetch(`${api}/v1/usage/gateway`, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers: { authorization: `Bearer ${PUSH_TOKEN}`, ...headers } });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  /** Through the API: a command line takes longer than a worker takes to read a batch. */
  const view = async (): Promise<UsageView> => (await (await fetch(`${api}/v1/usage?credential=${NAME}`, { headers: { authorization: `Bearer ${API_TOKEN}` } })).json()) as UsageView;
  const counted = async (source: string): Promise<number> => (await view()).keys.filter((key) => key.source === source).reduce((sum, { span }) => sum + span.requests, 0);
  const reaches = (source: string, requests: number): Promise<unknown> => until(async () => (await counted(source)) >= requests, 60_000, `${source} to tell of ${requests} requests`);
  const call = async (key: string): Promise<number> => (await fetch(`${sandbox.url}/api/v1/memory/overview`, { headers: { authorization: `Bearer ${key}`, 'user-agent': 'app/1' } })).status;

  beforeAll(async () => {
    scene = await openScene(runtime);
    ({ home, sandbox, api } = scene);
    writeFileSync(log(), '');
    home.configure(scene.configuration({
      credentials: { [NAME]: { issuer: 'hypermemory', scopes: ['memory:write', 'memory:read'], policy: 'monthly', stores: [{ store: 'app-env' }] } },
      usage: { sources: {
        audit: { type: 'issuer', issuer: 'hypermemory' },
        edge: { type: 'access-log', path: './edge.log', format: 'nginx', key: { by: 'id', field: 'key_id' }, lateness: '0s' },
        gateway: { ...GATEWAY, maxBody: 65_536 },
      } },
      worker: { intervals: { ...BRISK, usage: '300ms' } },
      api: { listen: scene.listen },
    }));
    worker = await home.up();
    keyId = (await until(() => sandbox.alive(served()), 40_000, 'the first key')).id;
  });
  afterAll(() => scene?.close());

  test('each source tells of its own, side by side: the issuer, an access log, a push', async () => {
    expect([await call(served()), await call(served()), await call(`${served().slice(0, -4)}0000`)]).toEqual([200, 200, 401]);
    appendFileSync(log(), `${line(keyId)}${line(keyId, 500)}${line(keyId, 401)}${line('key_nobody')}`);
    expect(await push(gzipSync(pushed({ requests: 5 }) + pushed({ status: 503 })), { 'content-encoding': 'gzip' })).toMatchObject({ status: 200, body: { records: 2, malformed: 0, repeated: false } });
    await Promise.all([reaches('audit', 3), reaches('edge', 3), reaches('gateway', 6)]);
    const told = await home.json<UsageView>('usage', NAME);
    expect(told.keys.map(({ source, issuerKeyId, span }) => [source, issuerKeyId, span])).toEqual([
      ['audit', keyId, { requests: 3, failed: 0, denied: 1 }], ['edge', keyId, { requests: 3, failed: 1, denied: 1 }], ['gateway', keyId, { requests: 6, failed: 1, denied: 0 }],
    ]);
    expect(told.callers.map(({ source, address, agent, requests }) => [source, address, agent, requests])).toEqual(expect.arrayContaining([
      ['audit', '127.0.0.1', 'app/1', 3], ['edge', '10.0.0.7', 'edge-app/2', 3], ['gateway', '10.0.0.9', 'gateway/1', 6],
    ]));
    expect(told.scopes.map(({ source, scope, requests, refused }) => [source, scope, requests, refused]), 'of the source that tells; a refused key asks nothing').toEqual([['audit', 'memory:read', 2, 0]]);
    expect(told.sources.find(({ source }) => source === 'edge')).toMatchObject({ unknown: 1, unknownExample: 'key_nobody', failingSince: null });
    const [lines, since] = await Promise.all([home.keyturn('usage', NAME), home.keyturn('usage', NAME, '--since', '30d')]);
    expect(lines.stdout).toMatch(new RegExp(`^${keyId}\\t${NAME}-kt-\\S+\\tcurrent\\taudit\\t3\\t3\\t0%\\t1\\t\\d{4}-`, 'm'));
    expect(lines.stdout).toContain('# edge told of 1 request with keys that Keyturn does not know, such as key_nobody.');
    expect(lines.stdout).toMatch(/^memory:read\taudit\t2\t0\t\d{4}-\S+\t\d{4}-\S+$/m);
    expect(since.stdout).toMatch(/\tgateway\t6\t6\t17%\t0\t/);
    for (const text of [lines.stdout, since.stdout, JSON.stringify(told)]) expect(text.includes(served())).toBe(false);
  });

  test('a log that is rotated under the worker is followed, with what was written last to the old file', async () => {
    const before = await counted('edge');
    appendFileSync(log(), line(keyId));
    renameSync(log(), `${log()}.1`);
    appendFileSync(`${log()}.1`, line(keyId));
    writeFileSync(log(), line(keyId));
    await reaches('edge', before + 3);
    // A batch later nothing is told again.
    appendFileSync(log(), line(keyId));
    await reaches('edge', before + 4);
    expect(await counted('edge')).toBe(before + 4);
  });

  test('a push counts once, only with its own token, and says what of it could not be used', async () => {
    const before = await counted('gateway');
    const batch = pushed({ requests: 2 });
    expect([await push(batch), await push(batch)]).toMatchObject([{ body: { repeated: false } }, { body: { repeated: true, records: 0 } }]);
    expect([await push(pushed(), { authorization: 'Bearer wrong' }), await push(pushed(), { authorization: `Bearer ${API_TOKEN}` })]).toMatchObject([{ status: 401 }, { status: 401 }]);
    expect((await fetch(`${api}/v1/status`, { headers: { authorization: `Bearer ${PUSH_TOKEN}` } })).status).toBe(401);
    const large = pushed().repeat(2_000);
    expect([await push(large), await push(gzipSync(large), { 'content-encoding': 'gzip' })]).toMatchObject([{ status: 400, body: { error: { code: 'USAGE' } } }, { status: 400, body: { error: { code: 'USAGE' } } }]);
    const [hour, day] = [3_600_000, 86_400_000];
    const rubbish = `${pushed({ at: new Date(Date.now() + hour) })}${pushed({ at: new Date(Date.now() - 2 * day) })}not JSON ${served()}\n${pushed({ status: 'great' })}${pushed({ requests: -5 })}${pushed({ requests: 3 })}`;
    expect(await push(rubbish)).toMatchObject({ status: 200, body: { records: 1, malformed: 5, example: 'line 1: time lies in the future' } });
    expect(await counted('gateway')).toBe(before + 5);
    expect((await home.keyturn('usage', NAME)).stdout).toContain('# gateway had 5 records that could not be used: line 1: time lies in the future.');
  });

  test('whatever callers write in their names steers no terminal and forges no line', async () => {
    await push(HOSTILE.map((text) => pushed({ agent: text, address: text })).join(''));
    const told = await view();
    expect(told.callers.filter(({ agent }) => agent.includes('<script>'))).toHaveLength(1);
    for (const { address, agent } of told.callers) expect(`${address}${agent}`).not.toMatch(/[\p{Cc}\u2028\u200b\u202e]/u);
    const { stdout } = await home.keyturn('usage', NAME);
    expect(stdout).not.toMatch(/[\u200b\u202e]|(?![\t\n])\p{Cc}/u);
    expect(stdout.split('\n').filter((one) => one.startsWith('key_1\t'))).toEqual([]);
    if (!canMakeTerminal()) return;
    const shown = await keyturnOnTerminal(['usage', NAME], 120, { cwd: home.directory, env: { ...home.env, HOME: home.directory } });
    expect(shown.code).toBe(0);
    // oxlint-disable-next-line no-control-regex -- colours are the only codes that may be there
    expect(shown.stdout.replaceAll(/\u001b\[\d+m/g, '')).not.toMatch(/[\u200b\u202e]|(?![\r\n])\p{Cc}/u);
  });

  test('a name or a span that is none is an error that says so', async () => {
    expect(await home.keyturn('usage', 'nobody')).toMatchObject({ code: 5, stdout: '', stderr: `error: No credential named nobody is declared.\n  Declared: ${NAME}.\n` });
    for (const span of ['often', '-1d', '', '3w4', '1e9d']) expect([span, await home.keyturn('usage', NAME, `--since=${span}`)]).toEqual([span, expect.objectContaining({ code: 2, stdout: '', stderr: expect.stringContaining('--since takes a duration') })]);
    expect(await home.keyturn('usage')).toMatchObject({ code: 2 });
    expect((await fetch(`${api}/v1/usage?credential=${NAME}&sinceMs=-5`, { headers: { authorization: `Bearer ${API_TOKEN}` } })).status).toBe(400);
  });

  test('doctor says of each source whether it can be read, and how far it was', async () => {
    const { stdout } = await home.keyturn('doctor');
    for (const says of [/^ok\tusage source\taudit\tissuer hypermemory's audit log can be read; read up to /m, /^ok\tusage source\tedge\taccess log .*edge\.log can be read; .* such as key_nobody$/m, /^ok\tusage source\tgateway\ttakes what is pushed to \/v1\/usage\/gateway; last read .* ago; 5 records so far that could not be used/m]) expect(stdout).toMatch(says);
  });

  test('a worker that is killed while it reads counts nothing twice and leaves nothing out', async () => {
    const before = await counted('edge');
    const batch = pushed({ requests: 4 });
    const pushedBefore = await counted('gateway');
    for (let n = 1; n <= 2; n += 1) {
      const at = await counted('edge');
      appendFileSync(log(), line(keyId).repeat(MANY / 2));
      // After a kill the queue takes a minute to believe that the job which reads is dead.
      await until(async () => (await counted('edge')) > at, 120_000, 'the worker to be in the middle of it');
      if (n === 2) await push(batch);
      await worker.kill();
      worker = await home.up();
    }
    expect((await push(batch)).body).toMatchObject({ repeated: true });
    await until(async () => (await counted('edge')) >= before + MANY, 120_000, 'all to be read');
    appendFileSync(log(), line(keyId));
    await reaches('edge', before + MANY + 1);
    expect([await counted('edge') - before, await counted('gateway') - pushedBefore]).toEqual([MANY + 1, 4]);
  }, 400_000);

  test('without a worker the command says how to start one', async () => {
    expect(await worker.ended('SIGTERM')).toBe(0);
    expect(await home.keyturn('usage', NAME)).toMatchObject({ code: 3, stderr: expect.stringContaining('keyturn up') });
  });
});

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A line of the combined format, with the key's id after it. */
function line(key: string, status = 200): string {
  return `10.0.0.7 - - [${commonTime(new Date())}] "GET /v1/x HTTP/1.1" ${status} 12 "-" "edge-app/2" key_id="${key}"\n`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** As nginx writes `$time_local`. */
function commonTime(at: Date): string {
  return `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}:${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`;
}
