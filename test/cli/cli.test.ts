import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../../src/api/index.ts';
import { recordText } from '../../src/app/break-glass/text.ts';
import { sealRecord } from '../../src/core/break-glass.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Log } from '../../src/ports/log.ts';
import { keyturn, LAUNCHER, type CliResult } from '../support/cli.ts';
import { credentialStatus, fakeWorker, keyView, type FakeWorker } from '../support/fake-operations.ts';
import { until } from '../support/processes.ts';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const WHO = `cli:alice@${hostname()}`;

let directory: string;
let socket: string;
let worker: FakeWorker;
let api: Api | null;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kt-cli-'));
  socket = join(directory, 'keyturn.sock');
  worker = fakeWorker();
  api = await startApi({ operations: worker.operations, health: worker.health, socketPath: socket, log, version: '0.1.0' });
});

afterEach(async () => {
  await api?.close(500);
  await rm(directory, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<CliResult> => keyturn(['--socket', socket, ...args], { cwd: directory });
const changes = (): unknown[] => worker.calls.filter((call) => call.actor !== null).map((call) => [call.operation, call.given, call.actor?.who, call.actor?.why]);
/** Waits until somebody watches a rotation, then plays these steps. */
async function play(...steps: readonly (readonly [to: string, reason: string, message: string])[]): Promise<void> {
  const watched = await until(() => worker.calls.find((call) => call.operation === 'rotation'));
  for (const [to, reason, message] of steps) worker.step((watched.given as { id: string }).id, to, reason, message);
}

const inside = (args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> => keyturn(args, { cwd: directory, env });
const listenAt = async (path: string): Promise<void> => {
  await api?.close(0);
  api = await startApi({ operations: worker.operations, health: worker.health, socketPath: path, log, version: '0.1.0' });
};
/** The names of all modules that a command loads, somewhere in the text. */

const owned = (): Promise<CliResult> => cli('revoke', '--owner', 'platform', '--no-replace', '--yes', '--reason', 'left');

describe('a command line that makes no sense', () => {
  const bad: readonly (readonly [args: readonly string[], says: string])[] = [
    [['rotat'], "unknown command 'rotat'\n(Did you mean rotate?)"],
    [['status', '--jsn'], "unknown option '--jsn'\n(Did you mean --json?)"],
    [['revoke', '--reason', 'leak'], 'Name either what is to be revoked or an --owner.'],
    [['revoke', 'ci-testing', '--owner', 'platform', '--reason', 'leak'], 'Name either what is to be revoked or an --owner.'],
    [['revoke', 'ci-testing', '--as', 'leak', '--reason', 'leak'], '--as takes credential or key.'],
    [['revoke', '--owner', 'platform', '--reason', 'leak'], 'nobody can be asked here.\n  Add --yes'],
    [['status', 'extra'], 'too many arguments'],
    [['rotate'], 'Name either credentials or an --owner to rotate.'],
    [['rotate', 'a', '--owner', 'b'], 'Name either credentials or an --owner to rotate.'],
    [['rotate', 'a', '--timeout', '1m'], '--timeout goes with --wait.'],
    [['rotate', 'a', '--wait', '--timeout', 'soon'], '--timeout takes a duration.'],
    [['revoke', 'ci-testing', '--yes'], 'A revocation wants a --reason'],
    [['revoke', 'ci-testing', '--reason', 'leak'], 'nobody can be asked here.\n  Add --yes'],
    [['responses', '--state', 'dead'], '--state takes one of waiting, accepted, done,'],
    [['responses', 'approve', '01JT'], 'An approval wants a --reason'],
    [['responses', 'decline', '01JT'], 'A refusal wants a --reason'],
    [['rotations', 'abort'], "missing required argument 'id'"],
    [['doctor', '--yes'], '--yes goes with --settle.'],
    [['doctor', '--settle'], 'nobody can be asked here.\n  See the plan with `keyturn doctor --json`, then add --yes.'],
    [['pause', 'ci-testing'], 'A pause wants a --reason'],
    [['pause', '--reason', 'x'], 'Say what: one credential, one --issuer, or --all.'],
    [['resume', 'ci-testing', '--all'], 'Say what: one credential, one --issuer, or --all.'],
    [['adopt', 'a', '--key-id', 'k', '--name', 'n'], 'by --key-id or by --name, not by both'],
    [['rotations', '--limit', 'many'], '--limit takes a whole number'],
    [['status', '--watch'], '--watch needs a terminal.'],
    [['usage', 'a', '--since', '1s'], '--since takes a duration of 1m to 400d.'],
    [['usage', 'a', '--since', '500d'], '--since takes a duration of 1m to 400d.'],
    [['silence', 'credential=a', '--for', '0s', '--reason', 'x'], '--for takes a duration of 1m or more.'],
    [['silence', 'rule=eror_rate', '--for', '1h', '--reason', 'x'], '"rule=eror_rate" fits no alert: there is no such rule.\n  It is one of request_rate,'],
    [['silence', 'severity=warn', '--for', '1h', '--reason', 'x'], '"severity=warn" fits no alert: there is no such severity.\n  It is one of info, warning, critical, or a pattern with *.'],
    [['scan', '--replay', 'nowhere.ndjson'], 'nowhere.ndjson cannot be read: there is no such file or directory.'],
    [['scan', '--replay', '.'], '. cannot be read: it is a directory.'],
    [['status', '--url', 'http://127.0.0.1:1'], 'both --socket and --url are given'],
  ];
  it.each(bad)('%j: exit 2, one sentence, and nothing is done', async (args, says) => {
    const result = await cli(...args);
    expect([result.code, result.stdout]).toEqual([2, '']);
    expect(result.stderr).toContain(says);
    expect(result.stderr).toMatch(/^error: /);
    expect(worker.calls).toEqual([]);
  });

  it('without any command shows the help and exits with 2', async () => {
    const result = await keyturn([]);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining('rotate [credential...]')]);
  });
});

describe('scan --replay', () => {
  it('says what is wrong with what it was given', async () => {
    writeFileSync(join(directory, 'r.csv.gz'), 'no gzip');
    const broken = await cli('scan', '--replay', 'r.csv.gz');
    expect([broken.code, broken.stderr]).toEqual([2, expect.stringContaining('it is no gzip, though its name ends in .gz.\n  Pack or copy the recording again')]);
    writeFileSync(join(directory, 'r.csv'), 'timestamp,value\nsoon,1\n1700000060,2\n');
    expect((await cli('scan', '--replay', 'r.csv')).stderr).toContain('warning: 1 line of the recording could not be used: line 2 has no time');
  });

  it.each([['nowhere/chart.svg', 'there is no such file or directory'], ['.', 'it is a directory']])('a chart that cannot be written to %s is no defect', async (svg, why) => {
    writeFileSync(join(directory, 'r.csv'), 'timestamp,value\n1700000000,1\n1700000060,2\n');
    const result = await cli('scan', '--replay', 'r.csv', '--svg', svg);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining(`The chart cannot be written to ${svg}: ${why}.\n  Name a file in a directory`)]);
  });
});

describe('exit codes', () => {
  const codes: readonly (readonly [code: ConstructorParameters<typeof KeyturnError>[0], exit: number])[] = [
    ['STORE_DENIED', 1], ['CONFIG_INVALID', 2], ['LEDGER_UNREACHABLE', 3], ['PAUSED', 4], ['ISSUER_LIMIT', 4], ['UNKNOWN_CREDENTIAL', 5],
  ];
  it.each(codes)('of %s is %i, with what happened and what to do on standard error', async (code, exit) => {
    worker.failNext('publish', new KeyturnError(code, 'It went wrong.', { todo: 'Do better.' }));
    const result = await cli('publish', 'ci-testing');
    expect(result).toMatchObject({ code: exit, stdout: '', stderr: 'error: It went wrong.\n  Do better.\n' });
  });

  it('is 3 when no worker answers, which says how to start one', async () => {
    await api?.close(0);
    const result = await cli('status');
    expect([result.code, result.stderr]).toEqual([3, `error: No worker answers at ${socket}.\n  Start one with \`keyturn up\`, or say where it listens with --socket or --url.\n`]);
  });

  it('is 2 when the file for leaks intake cannot be read', async () => {
    expect(await cli('leaks', 'intake', join(directory, 'no-such-file'))).toMatchObject({ code: 2, stderr: expect.stringMatching(/no-such-file cannot be read \(ENOENT\)\.\n {2}Give a file that exists/) });
  });

  it('comes with a JSON error under --json', async () => {
    const result = await cli('rotate', 'nobody', '--json');
    expect(result).toMatchObject({ code: 5, stdout: '' });
    expect(JSON.parse(result.stderr)).toEqual({ error: { code: 'UNKNOWN_CREDENTIAL', message: 'No credential "nobody" is declared.', todo: '`keyturn status` lists them.' } });
  });
});

describe('finding the worker', () => {
  it('works by default in .keyturn beside the configuration', async () => {
    await listenAt(join(directory, '.keyturn', 'keyturn.sock'));
    expect((await inside(['status'])).code).toBe(0);
    expect((await keyturn(['status', '--config', join(directory, 'keyturn.yaml')])).code).toBe(0);
    expect((await keyturn(['status'], { env: { KEYTURN_CONFIG: join(directory, 'keyturn.yaml') } })).code).toBe(0);
  });

  it('follows worker.dataDir, api.socket and KEYTURN_DATA_DIR', async () => {
    await listenAt(join(directory, 'data', 'keyturn.sock'));
    writeFileSync(join(directory, 'keyturn.yaml'), 'version: 1\nworker: { dataDir: "${env:WHERE}" }\n');
    expect((await inside(['status'], { WHERE: './data' })).code).toBe(0);
    writeFileSync(join(directory, 'keyturn.yaml'), 'version: 1\nworker:\n  dataDir: elsewhere\n');
    expect((await inside(['status'])).stderr).toContain(join(directory, 'elsewhere', 'keyturn.sock'));
    expect((await inside(['status'], { KEYTURN_DATA_DIR: join(directory, 'data') })).code).toBe(0);
    writeFileSync(join(directory, 'keyturn.yaml'), 'version: 1\napi:\n  socket: data/keyturn.sock\n');
    expect((await inside(['status'])).code).toBe(0);
  });

  it('goes over TCP with a token from the environment, never from the arguments', async () => {
    await api?.close(0);
    api = await startApi({ operations: worker.operations, health: worker.health, socketPath: null, tcp: { host: '127.0.0.1', port: 0, token: new Secret('tcp-token-0123456789') }, log, version: '0.1.0' });
    const url = api.addresses[0] ?? '';
    expect((await inside(['reload'], { KEYTURN_URL: url, KEYTURN_TOKEN: 'tcp-token-0123456789' })).code).toBe(0);
    expect((await inside(['reload', '--url', url, '--token-env', 'OTHER'], { OTHER: 'tcp-token-0123456789', KEYTURN_SOCKET: '/nowhere' })).code).toBe(0);
    expect(worker.calls.map((call) => call.actor?.who)).toEqual([`api:token (${WHO})`, `api:token (${WHO})`]);
    const wrong = await inside(['status', '--url', url], { KEYTURN_TOKEN: 'tcp-token-WRONG' });
    expect([wrong.code, wrong.stderr.includes('tcp-token-WRONG'), wrong.stderr]).toEqual([1, false, expect.stringContaining('$KEYTURN_TOKEN')]);
    expect(await inside(['status', '--url', url])).toMatchObject({ code: 2, stderr: expect.stringContaining('$KEYTURN_TOKEN is not set') });
  });
});

describe('changes', () => {
  it('carry who asked and why', async () => {
    await cli('rotate', 'prod-api-server', 'prod-api-server', '--reason', 'monthly');
    await cli('rotate', '--owner', 'ci');
    await cli('revoke', 'ci-testing', '--yes', '--reason', 'leaked');
    await cli('adopt', 'ci-testing', '--key-id', 'key_9');
    await cli('pause', '--issuer', 'hypermemory', '--reason', 'freeze');
    await cli('resume', 'ci-testing');
    await cli('publish', 'ci-testing');
    await cli('deliveries', 'retry', 'ops');
    await cli('reload', '--reason', 'new store');
    expect(changes()).toEqual([
      ['rotate', { credentials: ['prod-api-server'] }, WHO, 'monthly'],
      ['rotate', { owner: 'ci' }, WHO, ''],
      ['revoke', { what: 'ci-testing', replace: true }, WHO, 'leaked'],
      ['adopt', { credential: 'ci-testing', keyId: 'key_9' }, WHO, ''],
      ['pause', { scope: 'issuer', name: 'hypermemory' }, WHO, 'freeze'],
      ['resume', { scope: 'credential', name: 'ci-testing' }, WHO, ''],
      ['publish', { credential: 'ci-testing' }, WHO, ''],
      ['retryDeliveries', { channel: 'ops' }, WHO, ''],
      ['reload', {}, WHO, 'new store'],
    ]);
  });

  it('revoke one key by its id, with what it is to be read as, and without a replacement', async () => {
    worker.answers.keysById = { key_1: 'ci-testing' };
    const result = await cli('revoke', 'key_1', '--as', 'key', '--issuer', 'hypermemory', '--no-replace', '--emergency', '--yes', '--reason', 'leaked');
    expect([result.code, result.stdout]).toEqual([0, expect.stringContaining('ci-testing\t')]);
    expect(worker.calls.map(({ operation, given }) => [operation, given])).toEqual([['revoke', { what: 'key_1', as: 'key', issuer: 'hypermemory', replace: false }]]);
  });

  it('revoke says by its exit code that what was named is dead already', async () => {
    worker.failNext('revoke', new KeyturnError('ALREADY_REVOKED', 'Key key_1 of ci-testing is revoked; nothing was changed.', { effect: 'none' }));
    expect(await cli('revoke', 'ci-testing', '--yes', '--reason', 'leaked')).toMatchObject({ code: 6, stdout: '', stderr: expect.stringContaining('nothing was changed') });
  });

  it('revoke all of an owner: the plan first, also with --yes, then a line each; 1 where one could not be, 6 where nothing was left', async () => {
    const all = await owned();
    expect([all.code, all.stderr]).toEqual([0, expect.stringContaining('revoked at once')]);
    expect(new Set(all.stdout.trim().split('\n').map((line) => line.split('\t')[2]))).toEqual(new Set(['requested']));
    expect(worker.calls.map(({ operation, given }) => [operation, given])).toEqual([['revocationPlan', { owner: 'platform', replace: false }], ['revokeOwned', { owner: 'platform', replace: false }]]);
    worker.answers.owned = [{ credential: 'a', requested: null, nothing: true, problem: 'a has no living key; nothing was changed.' }];
    expect(await owned()).toMatchObject({ code: 6, stdout: 'a\t-\tnothing\ta has no living key; nothing was changed.\n' });
    worker.answers.owned = [...worker.answers.owned, { credential: 'b', requested: null, nothing: false, problem: 'b cannot be bound.' }];
    expect(await owned()).toMatchObject({ code: 1, stdout: expect.stringContaining('b\t-\tfailed\tb cannot be bound.\n') });
  });

  it('revoke at once with --yes, asking nothing else of the worker first', async () => {
    await cli('revoke', 'ci-testing', '--yes', '--reason', 'leaked');
    expect(worker.calls.map((call) => call.operation)).toEqual(['revoke']);
  });

  it('break-glass import takes a signed record as it is, and one without a signature only from who vouches for it', async () => {
    const record = { id: '01K0000000000000000000000A', issuer: 'hm', keyId: 'key_1', name: 'n', prefix: 'hm_live_', credential: null, who: 'cli:bob@laptop', why: 'leaked', askedAt: '2026-11-26T10:00:00.000Z', revokedAt: null, outcome: null };
    const texts = { signed: recordText(sealRecord(record, new Secret('root-key-of-the-tests-0123456789abcdef'))), unsigned: recordText(sealRecord(record, null)), cut: '{"keyturn":"break-glass",' };
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(directory, `${name}.json`), text);
    expect(await cli('break-glass', 'import', 'signed.json', '--reason', 'was away')).toMatchObject({ code: 0, stdout: '01\ttaken\t-\tthe key is dead\n' });
    expect(await cli('break-glass', 'import', 'unsigned.json')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await cli('break-glass', 'import', 'unsigned.json', '--yes')).toMatchObject({ code: 0 });
    expect(await cli('break-glass', 'import', 'cut.json', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining('no whole break-glass record') });
    expect(await cli('break-glass', 'import', 'none.json')).toMatchObject({ code: 2, stderr: expect.stringContaining('none.json cannot be read') });
    expect(changes()).toEqual([['takeRecord', { record: texts.signed, unsigned: false }, WHO, 'was away'], ['takeRecord', { record: texts.unsigned, unsigned: true }, WHO, '']]);
    worker.answers.taken = { id: '01', issuer: 'hm', keyId: 'key_1', outcome: 'not_dead', detail: 'hm lists the key as live', credential: null, rotationId: null };
    expect(await cli('break-glass', 'import', 'signed.json', '--json')).toMatchObject({ code: 1, stdout: expect.stringContaining('"not_dead"') });
  });

  it('say when a rotation was open already', async () => {
    await cli('rotate', 'ci-testing');
    const again = await cli('rotate', 'ci-testing');
    expect([again.code, again.stdout.trim().split('\t').at(-1)]).toEqual([0, 'open']);
  });

  it('publish exits with 1 when a store could not be filled', async () => {
    worker.answers.publish = [{ place: 'env', outcome: 'published', detail: '' }, { place: 'aws', outcome: 'failed', detail: 'Access denied.' }];
    const result = await cli('publish', 'ci-testing');
    expect([result.code, result.stdout]).toEqual([1, expect.stringContaining('aws\tfailed\tAccess denied.')]);
  });

  it('reload shows every mistake of a configuration that was refused, and exits with 2', async () => {
    worker.answers.reload = { applied: false, problems: ['keyturn.yaml:3:1: bad', 'keyturn.yaml:9:2: worse'] };
    const result = await cli('reload');
    expect([result.code, result.stderr]).toEqual([2, 'error: The new configuration has mistakes; the worker keeps the old one.\n  keyturn.yaml:3:1: bad\n  keyturn.yaml:9:2: worse\n']);
  });
});

describe('rotate --wait', () => {
  it('shows each step as it happens and exits with 0 when done', async () => {
    const [result] = await Promise.all([
      cli('rotate', 'prod-api-server', '--wait'),
      play(['preflight', 'admitted', 'Proving.'], ['creating', 'clear', 'All proved.'], ['done', 'revoked', 'The old key is revoked.']),
    ]);
    expect(result.code).toBe(0);
    const steps = result.stdout.trim().split('\n').map((line) => line.split('\t'));
    expect(steps.map(([, ...rest]) => rest).slice(-3)).toEqual([['preflight', 'admitted', 'Proving.'], ['creating', 'clear', 'All proved.'], ['done', 'revoked', 'The old key is revoked.']]);
    expect(steps.every(([time]) => /^\d+\.\ds$/.test(time ?? ''))).toBe(true);
  });

  it('streams: the first step is seen while the rotation still runs', async () => {
    let seen = false;
    const running = keyturn(['--socket', socket, 'rotate', 'prod-api-server', '--wait'], { onOutput: (text) => { seen ||= text.includes('Proving.'); } });
    await play(['preflight', 'admitted', 'Proving.']);
    await until(() => seen);
    await play(['done', 'revoked', 'Done.']);
    expect((await running).code).toBe(0);
  });

  it('shows why a rotation waits, though its state does not change', async () => {
    const running = cli('rotate', 'prod-api-server', '--wait');
    await play(['draining', 'green', 'Checks are green.']);
    const { id } = (await worker.operations.rotations({}))[0] ?? { id: '' };
    await until(() => worker.calls.some((call, at) => call.operation === 'rotation' && at > 3));
    worker.waits(id, 'overlap', 'Both keys live for a while.', new Date(Date.now() + 3_600_000).toISOString());
    await until(() => worker.calls.length > 8);
    worker.step(id, 'done', 'revoked', 'Done.');
    expect((await running).stdout).toContain('draining\toverlap\tBoth keys live for a while.');
  });

  it.each([['aborted', 1], ['rolled_back', 1], ['blocked', 4]] as const)('exits for %s with %i and says why', async (state, code) => {
    const [result] = await Promise.all([cli('rotate', 'prod-api-server', '--wait'), play([state, 'why', 'The store is full.'])]);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(/^error: prod-api-server .*The store is full\.$/m)]);
  });

  it('of several is as bad as the worst: blocked beats done', async () => {
    const running = cli('rotate', 'prod-api-server', 'ci-testing', '--wait', '--json');
    const rows = await until(async () => { const found = await worker.operations.rotations({}); return found.length === 2 ? found : null; });
    for (const row of rows) worker.step(row.id, row.credential === 'ci-testing' ? 'blocked' : 'done', 'x', 'X.');
    const result = await running;
    const ends = JSON.parse(result.stdout) as { credential: string; state: string }[];
    expect([result.code, ends.map((end) => [end.credential, end.state])]).toEqual([4, [['prod-api-server', 'done'], ['ci-testing', 'blocked']]]);
  });

  it('ends at --timeout and says that the rotation goes on', async () => {
    const result = await cli('rotate', 'prod-api-server', '--wait', '--timeout', '500ms');
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('the rotation goes on in the worker')]);
    expect((await worker.operations.rotations({ open: true })).length).toBe(1);
  });

  it('leaves the rotation running on Ctrl-C, says so, and exits with 130', async () => {
    let sent = false;
    const running = keyturn(['--socket', socket, 'rotate', 'prod-api-server', '--wait'], {
      onOutput: (text, child) => { if (!sent && text.includes('Proving.')) sent = child.kill('SIGINT'); },
    });
    await play(['preflight', 'admitted', 'Proving.']);
    const result = await running;
    expect([result.code, result.signal, result.stderr]).toEqual([130, null, expect.stringContaining('the rotation goes on in the worker')]);
    expect((await worker.operations.rotations({ open: true })).length).toBe(1);
  });

  it('bears a worker that restarts meanwhile', async () => {
    const running = cli('rotate', 'prod-api-server', '--wait');
    await play(['preflight', 'admitted', 'Proving.']);
    await api?.close(0);
    api = await startApi({ operations: worker.operations, health: worker.health, socketPath: socket, log, version: '0.1.0' });
    await play(['done', 'revoked', 'Done.']);
    expect((await running).code).toBe(0);
  });
});

describe('listings', () => {
  const listings: readonly (readonly string[])[] = [['status'], ['plan'], ['keys'], ['rotations'], ['audit'], ['audit', 'verify'], ['doctor']];
  it.each(listings)('%s %s has --json: one document, whole', async (...words) => {
    const result = await cli(...words.filter((word) => word !== undefined), '--json');
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(typeof JSON.parse(result.stdout)).toBe('object');
  });

  it('are tab-separated with exact values in a pipe, every column, no colours', async () => {
    const result = await cli('keys', '--credential', 'prod-api-server');
    const [head, row, ...rest] = result.stdout.trimEnd().split('\n').map((line) => line.split('\t'));
    expect(head).toEqual(['name', 'credential', 'issuer', 'id', 'prefix', 'scopes', 'created', 'last_used', 'today', 'errors', 'state']);
    expect([row?.slice(0, 6), row?.slice(8), rest]).toEqual([['prod-api-server-2026-10-a1', 'prod-api-server', 'hypermemory', 'key_1', 'hm_live_', 'memory:read,memory:write'], ['12345', '0.001', 'current'], []]);
    expect(row?.[6]).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(worker.calls[0]?.given).toEqual({ credential: 'prod-api-server' });
  });

  it('let no value steer the terminal, in lines and in JSON', async () => {
    worker.answers.keys = [keyView({ name: 'evil\u001b]0;title\u0007\u009b2J\u202Egnp\nsecond\tline' })];
    const [plain, json] = await Promise.all([cli('keys'), cli('keys', '--json')]);
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/;
    expect([steering.test(plain.stdout), steering.test(json.stdout)]).toEqual([false, false]);
    expect(plain.stdout.split('\n')[1]?.split('\t')[0]).toBe('evil\\u001b]0;title\\u0007\\u009b2J\\u202egnp second line');
    expect((JSON.parse(json.stdout) as { name: string }[])[0]?.name).toBe('evil\u001b]0;title\u0007\u009b2J\u202Egnp\nsecond\tline');
  });

  it('survive a reader that leaves: `keyturn audit | head -1`', async () => {
    worker.answers.audit = Array.from({ length: 5_000 }, (_, seq) => ({ seq, at: new Date().toISOString(), type: 'x'.repeat(60), who: 'a', why: 'b', credential: null, rotationId: null, keyId: null, detail: {}, hash: null }));
    const child = spawn('bash', ['-c', 'set -o pipefail; "$0" "$1" --socket "$2" audit --limit 5000 | head -1', process.execPath, LAUNCHER, socket], { stdio: 'pipe' });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString(); });
    child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString(); });
    const code = await new Promise((resolve) => { child.once('close', resolve); });
    expect([code, err, out.startsWith('seq\tat\t')]).toEqual([0, '', true]);
  });

  it('status names everything that needs somebody', async () => {
    worker.answers.status = {
      credentials: [credentialStatus('lost', { health: 'unbound', currentKey: null })],
      debts: [{ id: 'd', credential: 'prod', issuerKeyId: 'key_7', cause: 'superseded', ageMs: 7_200_000, attempts: 9, nextTryAt: new Date().toISOString(), lastError: 'It is down.', todo: [] }],
      pauses: [{ scope: 'all', name: null, by: 'cli:bob@x', why: 'freeze', since: new Date().toISOString() }],
      stuckDeliveries: [{ id: 's', channel: 'ops', title: 'Blocked', lastError: 'channel_not_found' }],
      channels: [
        { channel: 'mail', waiting: 4, stuck: 0, oldestAgeMs: 7_200_000, failingMs: 7_200_000, lastError: 'It does not answer.' },
        { channel: 'hiccup', waiting: 1, stuck: 0, oldestAgeMs: 60_000, failingMs: 60_000, lastError: '503' },
      ],
      warnings: ['something odd'],
    };
    const { stdout } = await cli('status');
    expect(stdout).not.toContain('hiccup');
    for (const part of ['lost has no key', 'key_7 of prod is not revoked yet (superseded, for 2h, 9 tries', 'Paused: everything, by cli:bob@x', 'keyturn deliveries retry ops', 'Channel mail takes no messages for 2h, 4 wait: It does not answer.', 'something odd']) expect(stdout).toContain(part);
  });

  it('rotations show has the whole history', async () => {
    await cli('rotate', 'ci-testing', '--reason', 'test');
    const { id } = (await worker.operations.rotations({}))[0] ?? { id: '' };
    worker.step(id, 'preflight', 'admitted', 'Proving.');
    const result = await cli('rotations', 'show', id.slice(0, 8));
    expect(result.stdout).toContain(`rotation\t${id}`);
    expect(result.stdout).toContain(`asked by\t${WHO}: test`);
    expect(result.stdout).toMatch(/\tpreflight\tadmitted\t1\tw-1\tProving\.$/m);
    expect((await cli('rotations', 'show', 'nothing')).code).toBe(5);
  });
});

describe('verdicts', () => {
  it('audit verify names the first bad event and exits with 1', async () => {
    worker.answers.verifyAudit = { ok: false, events: 12, sealed: 12, head: null, firstBad: { seq: 7, why: 'its hash does not fit its content' } };
    expect(await cli('audit', 'verify')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('broken at event 7: its hash does not fit its content.') });
    const json = await cli('audit', 'verify', '--json');
    expect([json.code, (JSON.parse(json.stdout) as { firstBad: unknown }).firstBad]).toEqual([1, { seq: 7, why: 'its hash does not fit its content' }]);
  });

  it('doctor --settle settles what it may with --yes, and says what it leaves alone and why', async () => {
    const settle = { id: 'orphan/hm/key_9', does: 'make its revocation a debt', safe: 'no store holds it' };
    worker.answers.doctor = [{ subject: 'key', name: 'hm: k9', level: 'problem', message: 'It is an orphan.', settle }, { subject: 'key', name: 'hm: theirs', level: 'ok', message: 'It is alive.', leftAlone: 'it was not made by Keyturn' }, { subject: 'issuer', name: 'hm', level: 'ok', message: 'answers' }];
    const { code, stdout } = await cli('doctor', '--settle', '--yes', '--reason', 'tidy');
    expect([code, stdout.split('\n')]).toEqual([0, ['would\thm: k9\tIt is an orphan.\tmake its revocation a debt\tno store holds it', 'left alone\thm: theirs\tIt is alive.\tit was not made by Keyturn', 'settled\thm: k9\tit is revoked', '']]);
    expect(changes()).toEqual([['settle', { ids: ['orphan/hm/key_9'] }, WHO, 'tidy']]);
    worker.answers.settled = [{ id: settle.id, outcome: 'failed', detail: 'not yet' }];
    const again = await cli('doctor', '--settle', '--yes', '--json');
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([1, { settled: [{ id: settle.id, outcome: 'failed' }], leftAlone: [{ name: 'hm: theirs' }] }]);
  });

  it('doctor --settle exits with 1 while a problem is left that is for people, and with 0 when there is nothing to do', async () => {
    worker.answers.doctor = [{ subject: 'rotation', name: 'prod', level: 'problem', message: 'It is blocked.', leftAlone: 'it waits for a person' }];
    expect((await cli('doctor', '--settle', '--yes')).code).toBe(1);
    worker.answers.doctor = [];
    expect((await cli('doctor', '--settle', '--yes')).code).toBe(0);
    expect(changes()).toEqual([]);
  });

  it('rotations abort and resume say what happens next, and pass on who asked and why', async () => {
    await cli('rotate', 'ci-testing');
    const id = '01JT0001CITESTING';
    const abort = await cli('rotations', 'abort', id, '--reason', 'not today');
    expect([abort.code, abort.stdout, abort.stderr]).toEqual([0, `ci-testing\t${id}\trequested\tasked\n`, expect.stringContaining('The new key is revoked.')]);
    expect(JSON.parse((await cli('rotations', 'resume', id, '--json')).stdout)).toMatchObject({ already: false, rotation: { id }, next: ['It looks again now.'] });
    expect(changes().slice(1)).toEqual([['abortRotation', { id }, WHO, 'not today'], ['resumeRotation', { id }, WHO, '']]);
    worker.failNext('abortRotation', new KeyturnError('NO_WAY_BACK', 'It cannot be aborted.', { effect: 'none' }));
    expect(await cli('rotations', 'abort', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('It cannot be aborted.') });
    expect((await cli('rotations', 'abort', 'nothing')).code).toBe(5);
    expect((await cli('rotations', 'resume', 'nothing')).code).toBe(5);
  });

  it('audit verify prints the chain\'s end as an anchor, takes anchors back, and refuses what is none', async () => {
    const [hash, other] = ['a'.repeat(64), 'b'.repeat(64)];
    worker.answers.verifyAudit = { ok: true, events: 13, sealed: 12, head: hash, firstBad: null };
    expect((await cli('audit', 'verify')).stdout).toBe(`13 events, 12 sealed, and the chain is whole. Head: 12:${hash}\n`);
    const held = await cli('audit', 'verify', '--anchor', `12:${hash}`, '--anchor', `7:${other}`);
    expect([held.code, held.stdout]).toEqual([0, expect.stringContaining('whole and holds all 2 anchors')]);
    expect(worker.calls.at(-1)?.given).toEqual({ anchors: [{ seq: 12, hash }, { seq: 7, hash: other }] });
    for (const wrong of [hash, `0:${hash}`, `12:${hash}0`, '12:', 'x']) {
      expect(await cli('audit', 'verify', '--anchor', wrong)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--anchor takes <seq>:<hash>') });
    }
  });

  it('doctor exits with 1 for a problem, with 0 for a mere warning', async () => {
    worker.answers.doctor = [{ subject: 'store', name: 'env', level: 'warning', message: 'odd' }];
    expect((await cli('doctor')).code).toBe(0);
    worker.answers.doctor = [{ subject: 'store', name: 'env', level: 'problem', message: 'denied' }];
    expect(await cli('doctor')).toMatchObject({ code: 1, stdout: expect.stringContaining('problem\tstore\tenv\tdenied') });
  });
});

describe('before there is a worker', () => {
  it('init writes a configuration that validates, and never overwrites one', async () => {
    expect((await keyturn(['init'], { cwd: directory })).stdout).toContain('Add `.keyturn/` to .gitignore');
    const written = readFileSync(join(directory, 'keyturn.yaml'), 'utf8');
    expect(await keyturn(['validate'], { cwd: directory })).toMatchObject({ code: 0, stdout: expect.stringContaining('is valid: 1 issuer, 1 store, 1 policy, 1 credential.') });
    writeFileSync(join(directory, 'keyturn.yaml'), 'mine');
    expect(await keyturn(['init'], { cwd: directory })).toMatchObject({ code: 2, stderr: expect.stringContaining('was left as it is') });
    expect(readFileSync(join(directory, 'keyturn.yaml'), 'utf8')).toBe('mine');
    expect((await keyturn(['init', '--force'], { cwd: directory })).code).toBe(0);
    expect(readFileSync(join(directory, 'keyturn.yaml'), 'utf8')).toBe(written);
  });

  it('every comment that init offers as configuration is right too', async () => {
    await keyturn(['init'], { cwd: directory });
    const path = join(directory, 'keyturn.yaml');
    const offered = readFileSync(path, 'utf8').replace(/^( *)# (?=\s*(?:- |[a-z][\w-]*:)(?! \w+ \w+ \w+))/gim, '$1');
    writeFileSync(path, offered);
    const result = await keyturn(['validate', '--json'], { cwd: directory });
    expect(result.stderr).toBe('');
    expect((JSON.parse(result.stdout) as { declared: object }).declared).toMatchObject({ stores: 2, checks: 1, channels: 2, credentials: 1 });
  });

  it('validate tells every mistake with its line, and exits with 2', async () => {
    writeFileSync(join(directory, 'keyturn.yaml'), 'version: 1\nissuers:\n  hm:\n    type: hypermemory\n    adminKey: plain-secret-value\npolices: {}\n');
    const result = await keyturn(['validate'], { cwd: directory });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/^error: .*2 problems/);
    expect(result.stderr).toContain('keyturn.yaml:5:');
    expect(result.stderr).toContain('keyturn.yaml:6:1');
    expect(result.stderr).not.toContain('plain-secret-value');
    const json = await keyturn(['validate', '--json'], { cwd: directory });
    expect((JSON.parse(json.stderr) as { error: { problems: string[] } }).error.problems).toHaveLength(2);
  });

  it('init where nothing may be written says so', async () => {
    expect(await keyturn(['init', '--config', join(directory, 'no', 'such', 'keyturn.yaml')])).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be written (ENOENT)') });
  });

  it('a worker that was named outright is not replaced by a look of our own', async () => {
    await api?.close(0);
    expect(await cli('plan')).toMatchObject({ code: 3, stderr: expect.stringContaining('No worker answers') });
    expect(existsSync(join(directory, '.keyturn'))).toBe(false);
  });

  it('sandbox refuses odd options with exit 2', async () => {
    expect(await keyturn(['sandbox', '--plan', 'golden'])).toMatchObject({ code: 2, stderr: expect.stringContaining('must be one of free, developer, pro, enterprise') });
  });

  it('sandbox runs until it is told to stop', async () => {
    let told = false;
    const result = await keyturn(['sandbox'], { onOutput: (text, child) => { if (!told && text.includes('Inspection:')) told = child.kill('SIGTERM'); } });
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^HyperMemory sandbox: http:\/\/127\.0\.0\.1:\d+/) });
  });
});

describe('the launcher', () => {
  it('tells an old Node in one sentence, in syntax that it understands', () => {
    const source = readFileSync(LAUNCHER, 'utf8');
    expect(source).not.toMatch(/=>|\bconst\b|\blet\b|\?\.|\?\?|\bawait\b|\basync\b/);
    const faked = `Object.defineProperty(process.versions, "node", { value: "20.11.1" }); process.argv[1] = ${JSON.stringify(LAUNCHER)}; import(${JSON.stringify(`file://${LAUNCHER}`)})`;
    const result = spawnSync(process.execPath, ['-e', faked], { encoding: 'utf8' });
    expect([result.status, result.stdout, result.stderr]).toEqual([2, '', expect.stringContaining('error: Keyturn needs Node.js 22.19 or newer, and this is 20.11.1.')]);
  });

  it('prints its version, and nothing on standard error', async () => {
    const { version } = JSON.parse(readFileSync(join(LAUNCHER, '..', '..', 'package.json'), 'utf8')) as { version: string };
    expect(await keyturn(['--version'])).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
  });
});
