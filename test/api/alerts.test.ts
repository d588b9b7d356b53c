import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/api/client.ts';
import { startApi, type Api } from '../../src/api/index.ts';
import type { Log } from '../../src/ports/log.ts';
import { keyturn, type CliResult } from '../support/cli.ts';
import { fakeWorker, type FakeWorker } from '../support/fake-operations.ts';
import { silenceView } from '../support/fake-alerts.ts';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const ACTOR = { who: 'cli:alice@laptop', why: 'because' };

let directory: string;
let socketPath: string;
let worker: FakeWorker;
let api: Api;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kt-alerts-'));
  socketPath = join(directory, 'keyturn.sock');
  worker = fakeWorker();
  api = await startApi({ operations: worker.operations, health: worker.health, socketPath, log, version: '0.1.0' });
});

afterEach(async () => {
  await api.close(500);
  await rm(directory, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<CliResult> => keyturn(['--socket', socketPath, ...args], { cwd: directory });

it('the client asks and changes everything about alerts through the routes', async () => {
  const client = connect({ socketPath });
  await client.alerts({ credential: 'prod-api-server', rule: 'error_rate', open: true, limit: 5 });
  await client.alert('01JT');
  await client.alertRoute({ rule: 'error_rate', severity: 'critical', credential: 'a', owner: 'b' });
  await client.silences({ active: true });
  await client.acknowledgeAlert('01JTALERT0001', ACTOR);
  await client.silence({ matchers: ['credential=prod-*', 'label.team=a b'], forMs: 3_600_000 }, ACTOR);
  await client.endSilence('01JTSILENCE01', ACTOR);
  expect(worker.calls.map(({ operation, given }) => [operation, given])).toEqual([
    ['alerts', { credential: 'prod-api-server', rule: 'error_rate', open: true, limit: 5 }],
    ['alert', { id: '01JT' }],
    ['alertRoute', { rule: 'error_rate', severity: 'critical', credential: 'a', owner: 'b' }],
    ['silences', { active: true }],
    ['acknowledgeAlert', { id: '01JTALERT0001' }],
    ['silence', { matchers: ['credential=prod-*', 'label.team=a b'], forMs: 3_600_000 }],
    ['endSilence', { id: '01JTSILENCE01' }],
  ]);
  await expect(client.silence({ matchers: ['rule=*'], forMs: 3_600_000 }, { who: 'x', why: '' })).rejects.toThrow('reason');
  await expect(client.alert('01ZZ')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
});

describe('the command line', () => {
  it('lists alerts for pipes and programs', async () => {
    const [plain, json] = [await cli('alerts', '--open', '--limit', '7'), await cli('alerts', '--json')];
    expect([plain.code, plain.stdout]).toEqual([0, expect.stringContaining('id\tstate\tseverity\twhat')]);
    expect(plain.stdout).toContain('01JTALERT0001\tfiring\twarning\tprod-api-server: far more requests than usual\t500 requests a minute');
    expect(JSON.parse(json.stdout)).toMatchObject([{ id: '01JTALERT0001', muted: null }]);
    expect(worker.calls[0]).toMatchObject({ operation: 'alerts', given: { open: true, limit: 7 } });
  });

  it('shows one whole, and text from outside steers no terminal', async () => {
    worker.answers.alert = { happened: 'The caller is \u001b[31m"evil"\nline.', muted: { by: 'silence', id: 's1', until: '2026-03-02T14:00:00.000Z', why: 'silenced by bob: a test' } };
    const { code, stdout } = await cli('alerts', 'show', '01JT');
    expect(code).toBe(0);
    for (const text of ['# expected: at most 100 requests a minute', '# muted: silenced by bob: a test (silence s1, until 2026-03-02T14:00:00.000Z)', '# todo: See who calls', '2026-03-02T12:00:00.000Z\tfiring']) expect(stdout).toContain(text);
    expect(stdout).not.toContain('\u001b');
    expect((await cli('alerts', 'show', '01ZZ')).code).toBe(5);
  });

  it('acknowledges and silences with a reason, and not without', async () => {
    expect((await cli('alerts', 'ack', '01JT', '--reason', 'on it')).stdout).toContain('You look after alert 01JTALERT0001');
    expect((await cli('silence', 'credential=prod-*', 'rule=error_rate', '--for', '2h', '--reason', 'load test')).stdout).toContain('of open alerts it fits 2. End it with `keyturn silences end 01JTSILENCE01`');
    expect((await cli('silences', 'end', '01JTSILENCE01', '--reason', 'done')).stdout).toContain('Ended silence');
    expect(worker.calls.map(({ operation, given, actor }) => [operation, given, actor])).toEqual([
      ['acknowledgeAlert', { id: '01JT' }, { who: `cli:alice@${hostname()}`, why: 'on it' }],
      ['silence', { matchers: ['credential=prod-*', 'rule=error_rate'], forMs: 7_200_000 }, { who: `cli:alice@${hostname()}`, why: 'load test' }],
      ['endSilence', { id: '01JTSILENCE01' }, { who: `cli:alice@${hostname()}`, why: 'done' }],
    ]);
  });

  it.each([
    [['alerts', 'ack', '01JT'], 'An acknowledgement wants a --reason'],
    [['silence', 'credential=x', '--for', '2h'], 'A silence wants a --reason'],
    [['silence', 'credential=x', '--reason', 'y'], 'A silence wants an end.'],
    [['silence', 'credentials=x', '--for', '2h', '--reason', 'y'], '"credentials=x" is no matcher.'],
    [['silence', '--for', '2h'], "missing required argument 'matcher'"],
    [['alerts', 'route', '--severity', 'bad'], '--severity takes info, warning or critical.'],
  ])('%j makes no sense: exit 2, and nothing is done', async (args, says) => {
    const result = await cli(...args);
    expect([result.code, result.stdout, worker.calls]).toEqual([2, '', []]);
    expect(result.stderr).toContain(says);
  });

  it('says where an alert would go and why', async () => {
    const { code, stdout } = await cli('alerts', 'route', '--dry-run', '--rule', 'error_rate', '--credential', 'prod-api-server', '--severity', 'warning');
    expect([code, worker.calls[0]?.given]).toEqual([0, { rule: 'error_rate', credential: 'prod-api-server', severity: 'warning' }]);
    expect(stdout).toContain('# goes to ops: by the routes below.');
    expect(stdout).toContain('2\tmail\tno\ttakes severity critical');
  });

  it('lists silences', async () => {
    worker.answers.silences = [silenceView()];
    expect((await cli('silences')).stdout).toContain('01JTSILENCE01\tcredential=prod-*\t2026-03-02T14:00:00.000Z\tcli:alice\tload test');
    expect(worker.calls[0]?.given).toEqual({ active: true });
  });
});
