/** Drills through the control API, and from a command line of its own, with a terminal and without. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/api/client.ts';
import { startApi, type Api } from '../../src/api/index.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Log } from '../../src/ports/log.ts';
import { canMakeTerminal, keyturn, keyturnOnTerminal, type CliOptions, type CliResult } from '../support/cli.ts';
import { DRILL } from '../support/fake-drills.ts';
import { fakeWorker, type FakeWorker } from '../support/fake-operations.ts';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const TOKEN = new Secret('a-token-that-is-long-enough-1234');
const { id, credential } = DRILL;
const RUNNING = { ...DRILL, state: 'running', finishedAt: null, timeToRevokeMs: null, timeToRecoverMs: null, refusedBy: null, now: 'The key is minted.' } as const;
const FAILED = { ...DRILL, state: 'failed', failure: 'The issuer \u001b[31mstill takes\u001b[0m the revoked key.', timeToRecoverMs: null } as const;
const BLOCKED = [{ why: 'hypermemory allows one live key.', todo: 'Raise the limit.' }];

let directory: string;
let socketPath: string;
let worker: FakeWorker;
let api: Api;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kt-drills-'));
  socketPath = join(directory, 'keyturn.sock');
  worker = fakeWorker();
  api = await startApi({ operations: worker.operations, health: worker.health, socketPath, tcp: { host: '127.0.0.1', port: 0, token: TOKEN }, log, version: '0.1.0' });
});
afterEach(async () => {
  await api.close(500);
  await rm(directory, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<CliResult> => keyturn(['--socket', socketPath, ...args], { cwd: directory });
const asked = (): readonly string[] => worker.calls.map(({ operation }) => operation);
const call = (path: string, body?: object): Promise<Response> =>
  fetch(`${api.addresses.find((address) => address.startsWith('http')) ?? ''}${path}`, { headers: { authorization: `Bearer ${TOKEN.reveal()}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }) });

describe('the API', () => {
  it('the client asks for all of it, and a change carries its actor', async () => {
    const client = connect({ socketPath });
    expect((await client.drills({ credential, limit: 5 })).drills).toEqual([DRILL]);
    expect(await client.drill(id.slice(0, 9))).toEqual(DRILL);
    expect(await client.drillPlan(credential)).toMatchObject({ credential, blockedBy: [] });
    expect(await client.beginDrill(credential, { who: 'cli:alice@laptop', why: 'monthly' })).toEqual(DRILL);
    expect(worker.calls.map(({ operation, given, actor }) => [operation, given, actor?.who.includes('alice') ?? null])).toEqual([
      ['drills', { credential, limit: 5 }, null], ['drill', { id: id.slice(0, 9) }, null], ['drillPlan', { credential }, null], ['beginDrill', { credential }, true],
    ]);
    await expect(client.drill('01ZZ')).rejects.toMatchObject({ code: 'UNKNOWN_NAME', message: 'There is no drill 01ZZ.' });
  });

  it.each([['/v1/drills?limit=x'], ['/v1/drills?x=1'], ['/v1/drills/a%20b'], ['/v1/drills/plan']])('%s is refused', async (path) => expect((await call(path)).status).toBe(400));
  it.each([[{}], [{ credential: '' }], [{ credential, keyId: 'x' }], [{ credential: 'a\nb' }]])('%j begins nothing', async (body) => {
    expect([(await call('/v1/drills', body)).status, asked()]).toEqual([400, []]);
  });
  it('says what stands in the way', async () => {
    worker.answers.drills = { blockedBy: BLOCKED };
    const answer = await call('/v1/drills', { credential });
    expect([answer.status, await answer.json()]).toEqual([409, { error: expect.objectContaining({ code: 'BLOCKED', message: BLOCKED[0]?.why, todo: 'Raise the limit.' }) }]);
  });
});

describe('the command line', () => {
  it('lists them in exact columns, with how they fare below', async () => {
    const { code, stdout } = await cli('drills', '--credential', credential);
    expect([code, stdout]).toEqual([0, [
      'id\tcredential\tstate\tstarted\trevoke\trecover\tby\tsays',
      `${id}\t${credential}\tpassed\t${DRILL.startedAt}\t84\t612\tcli:alice@laptop\t-`,
      `# ${credential}: 1 of the last 2 passed; revoked after 84 ms last (median 84 ms, slowest 1.9 seconds), recovered after 612 ms last (median 612 ms, slowest 4.0 seconds).`, '',
    ].join('\n')]);
    expect(JSON.parse((await cli('drills', '--json')).stdout)).toMatchObject({ drills: [DRILL], trends: [{ passed: 1 }] });
  });

  it('shows one, without what a text from outside would do to the terminal', async () => {
    worker.answers.drills = { drills: [FAILED] };
    expect(await cli('drills', 'show', id)).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`^${id}\t${credential}\tfailed\t84\t-\tThe issuer .*still takes`)) });
    expect((await cli('drills', 'show', id)).stdout).not.toContain('\u001b');
    expect(JSON.parse((await cli('drills', 'show', id, '--json')).stdout)).toEqual(FAILED);
    expect(await cli('drills', 'show', '01ZZ')).toMatchObject({ code: 5, stderr: expect.stringContaining('There is no drill 01ZZ.') });
  });

  it('begins one only with --yes where nobody can be asked, and waits for its end', async () => {
    expect(await cli('drill', credential)).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes') });
    expect(asked()).toEqual([]);
    expect(await cli('drill', credential, '--timeout', '1m', '--yes')).toMatchObject({ code: 2, stderr: expect.stringContaining('--wait') });
    worker.answers.drills = { drills: [RUNNING, RUNNING, DRILL] };
    const waited = await cli('drill', credential, '--yes', '--wait', '--reason', 'monthly');
    expect(waited).toMatchObject({ code: 0, stdout: `${id}\t${credential}\tpassed\t84\t612\t\n` });
    expect([waited.stderr.match(/The key is minted\./g)?.length, worker.calls[0]?.actor?.why]).toEqual([1, 'monthly']);
  });

  it.each([[FAILED, 1], [{ ...FAILED, state: 'given_up' } as const, 4]])('--wait tells how it ended by its exit code', async (end, code) => {
    worker.answers.drills = { drills: [RUNNING, end] };
    const { stdout, ...rest } = await cli('drill', credential, '--yes', '--wait', '--json');
    expect([rest.code, JSON.parse(stdout)]).toEqual([code, end]);
  });

  it('--wait gives up watching after its time, and the drill goes on', async () => {
    worker.answers.drills = { drills: [RUNNING] };
    expect(await cli('drill', credential, '--yes', '--wait', '--timeout', '500ms')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`The time is over; the drill goes on in the worker. See it with \`keyturn drills show ${id}\`.`) });
  });

  it('says what stands in its way', async () => {
    worker.answers.drills = { blockedBy: BLOCKED };
    expect(await cli('drill', credential, '--yes')).toMatchObject({ code: 4, stdout: '', stderr: expect.stringMatching(/allows one live key\.[^]*Raise the limit\./) });
  });
});

const onTerminal = (columns: number, args: readonly string[], options: CliOptions = {}): Promise<CliResult> => keyturnOnTerminal(['--socket', socketPath, ...args], columns, options);
// oxlint-disable-next-line no-control-regex -- colour codes begin with one
const linesOf = ({ stdout }: CliResult): string[] => stdout.replaceAll(/\u001b\[[\d;?]*[A-Za-z]/g, '').split(/\r?\n/);
const answering = (text: string): CliOptions => {
  let answered = false;
  return { onOutput: (output, child) => { if (!answered && output.includes('[y/N]')) answered = child.stdin?.write(text) ?? false; } };
};

describe.skipIf(!canMakeTerminal() && process.env['REQUIRE_SERVICES'] !== '1')('on a terminal', () => {
  it.each([['y\n', 0, true], ['n\n', 1, false]] as const)('%j is asked for after what it will do was shown', async (typed, code, begins) => {
    const result = await onTerminal(80, ['drill', credential], answering(typed));
    const text = linesOf(result).join('\n');
    expect([result.code, asked().includes('beginDrill'), text.includes('1. A key is issued.'), text.includes('No drill was begun.')]).toEqual([code, begins, true, !begins]);
  });

  it('what stands in its way is said before anybody is asked', async () => {
    worker.answers.drills = { blockedBy: BLOCKED };
    const result = await onTerminal(80, ['drill', credential]);
    expect([result.code, linesOf(result).join('\n').includes('[y/N]'), asked()]).toEqual([4, false, ['drillPlan']]);
  });

  it.each([[80], [120]])('lists and shows within %d columns', async (columns) => {
    worker.answers.drills = { drills: [FAILED] };
    for (const args of [['drills'], ['drills', 'show', id]]) {
      const lines = linesOf(await onTerminal(columns, args));
      expect([lines.length > 2, lines.filter((line) => line.length > columns)]).toEqual([true, []]);
    }
  });
});
