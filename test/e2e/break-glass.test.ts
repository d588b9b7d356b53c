/** Keys revoked past the worker while ledger and queue are down, by a process of its own; then a worker comes back. Judged by the sandbox and the env files. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AuditView, Finding } from '../../src/app/operations.ts';
import { lockDataDir, type DataDirLock } from '../../src/ledger/data-dir.ts';
import { keyturn, LAUNCHER, type CliResult } from '../support/cli.ts';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { BRISK, issuerAt, openHome, QUICK, reached, readEnv, ROOT_KEY_VARIABLE, startSandbox, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAMES = ['prod-api', 'prod-web', 'ci-testing', 'second-api'] as const;
type Name = (typeof NAMES)[number];
const REVOKES = { method: 'DELETE', path: '/v1/api-keys' } as const;
const LISTS = { method: 'GET', path: '/v1/api-keys' } as const;

/** A killed worker's jobs are another's only after a while, and each test starts one anew. */
vi.setConfig({ testTimeout: 180_000 });

interface Printed {
  readonly issuer: string;
  readonly keyId: string;
  readonly outcome: string;
  readonly tries: number;
  readonly record: string | null;
}

const printed = ({ stdout }: CliResult): readonly Printed[] => JSON.parse(stdout) as readonly Printed[];

describe.each(RUNTIMES)('break glass on $name', (runtime) => {
  let running: RunningRuntime;
  let home: Home;
  let sandbox: SandboxProcess;
  let other: SandboxProcess;
  let worker: Worker | null = null;
  let lock: DataDirLock | null = null;
  const envFile = (name: Name): string => join(home.directory, 'app', `${name}.env`);
  const served = (name: Name): string => readEnv(envFile(name))['HYPERMEMORY_API_KEY'] ?? '';
  const at = (name: Name): SandboxProcess => (name === 'second-api' ? other : sandbox);
  const records = (): readonly string[] => {
    const folder = join(running.dataDir, 'break-glass');
    return existsSync(folder) ? readdirSync(folder).filter((file) => !file.startsWith('.')).sort() : [];
  };
  /** Nothing answers where ledger and queue should be; an embedded ledger is in somebody else's hands. */
  const downEnv = (): Readonly<Record<string, string>> => ({
    ...home.env, HOME: home.directory,
    ...(running.databaseUrl === undefined ? {} : { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }),
    ...(running.redisUrl === undefined ? {} : { REDIS_URL: 'redis://127.0.0.1:1' }),
  });
  const directly = (...args: readonly string[]): Promise<CliResult> => keyturn(['revoke', ...args, '--direct', '--yes', '--reason', 'it leaked'], { cwd: home.directory, env: downEnv() });
  /** Begun, to be killed when something has come about. */
  const begin = (...args: readonly string[]): { kill(): Promise<void> } => {
    const child: ChildProcess = spawn(process.execPath, [LAUNCHER, 'revoke', ...args, '--direct', '--yes', '--reason', 'it leaked'], { cwd: home.directory, env: { PATH: process.env['PATH'], USER: 'alice', ...downEnv() }, stdio: 'ignore' });
    const gone = once(child, 'exit');
    return {
      async kill() {
        child.kill('SIGKILL');
        expect(await gone).toEqual([null, 'SIGKILL']);
      },
    };
  };
  const stop = async (): Promise<void> => {
    await worker?.kill();
    worker = null;
    if (runtime.name === 'embedded') lock ??= lockDataDir(running.dataDir);
  };
  const up = async (): Promise<void> => {
    lock?.release();
    lock = null;
    worker = await home.up();
  };
  const healed = async (name: Name, dead: string): Promise<void> => {
    await until(async () => served(name) !== dead && (await at(name).alive(served(name))) !== null, 60_000, `${name} to have a new key`);
    await reached(home, name, 'done', 60_000);
    expect((await at(name).keysOf(name)).filter((key) => key.status === 'active')).toHaveLength(1);
  };
  const audited = async (name: Name): Promise<readonly AuditView[]> => (await home.json<AuditView[]>('audit', '--credential', name)).filter(({ type }) => type === 'break_glass.taken' || type === 'key.revoked');

  beforeAll(async () => {
    running = await runtime.start();
    home = openHome(running);
    mkdirSync(join(home.directory, 'app'));
    [sandbox, other] = await Promise.all([startSandbox(home.directory, '--plan', 'enterprise'), startSandbox(join(home.directory, 'app'), '--plan', 'enterprise')]);
    const credentials = NAMES.map((name) => [name, { issuer: name === 'second-api' ? 'second' : 'hm', scopes: ['memory:write'], policy: 'quick', stores: [{ store: 'env', path: envFile(name) }] }]);
    home.configure({
      version: 1,
      issuers: { hm: issuerAt(sandbox, { plan: 'enterprise' }), second: issuerAt(other, { plan: 'enterprise' }) },
      stores: { env: { type: 'env-file', createIfMissing: true } },
      policies: { quick: QUICK },
      credentials: Object.fromEntries(credentials),
      worker: { intervals: BRISK },
      security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` },
    });
    worker = await home.up();
    for (const name of NAMES) await reached(home, name, 'done', 60_000);
  });
  beforeEach(stop);
  afterEach(async () => {
    await sandbox.faults();
    await other.faults();
  });
  afterAll(async () => {
    await worker?.ended('SIGKILL');
    lock?.release();
    await Promise.all([sandbox?.ended('SIGTERM'), other?.ended('SIGTERM')]);
    home?.remove();
    await running?.stop();
  });

  test('by the credential, through errors and a lost answer; the worker that comes back takes the record in, and the application reads a new key', async () => {
    const [before, bystander] = [served('prod-api'), served('prod-web')];
    await sandbox.faults({ name: 'error', match: REVOKES, times: 2, effect: { kind: 'status', status: 500 } }, { name: 'lost', match: REVOKES, after: 2, times: 2, effect: { kind: 'drop-after' } });
    const result = await directly('prod-api', '--json');
    expect([result.code, printed(result)]).toEqual([0, [expect.objectContaining({ issuer: 'hm', outcome: 'revoked', tries: 2 })]]);
    expect(await sandbox.alive(before)).toBeNull();
    expect((await sandbox.alive(bystander))?.status).toBe('active');
    expect(result.stderr).toMatch(/not revoked yet/);
    expect(records()).toHaveLength(1);
    expect(readFileSync(printed(result)[0]?.record ?? '', 'utf8')).not.toContain(before);
    await up();
    await healed('prod-api', before);
    expect((await audited('prod-api')).map(({ type, who, why }) => [type, who.replace(/@.*/, ''), why])).toEqual([['break_glass.taken', 'cli:alice', 'it leaked'], ['key.revoked', 'cli:alice', 'it leaked']]);
    expect(records()).toEqual([expect.stringMatching(/\.taken$/)]);
    expect([served('prod-web'), (await home.keyturn('audit', 'verify')).code]).toEqual([bystander, 0]);
  });

  test('killed between intent and revoke: the worker that comes back carries it out, and the application reads a new key', async () => {
    const before = served('prod-web');
    const id = (await sandbox.alive(before))?.id ?? '';
    await sandbox.faults({ match: REVOKES, effect: { kind: 'drop-before' } });
    const known = records().length;
    const child = begin(id);
    await until(() => records().length === known + 1, 30_000, 'the intent to be written');
    await child.kill();
    await sandbox.faults();
    expect((await sandbox.alive(before))?.status).toBe('active');
    await up();
    await healed('prod-web', before);
    await until(() => records().every((file) => file.endsWith('.taken')), 60_000, 'the record to be taken in');
    expect((await audited('prod-web')).map(({ type }) => type).sort()).toEqual(['break_glass.taken', 'key.revoked']);
    expect((await home.json<Finding[]>('doctor')).filter(({ subject }) => subject === 'break glass')).toEqual([]);
  });

  test('killed between revoke and completion: the worker asks the issuer, and takes the intent in', async () => {
    const before = served('ci-testing');
    const id = (await sandbox.alive(before))?.id ?? '';
    await sandbox.faults({ match: REVOKES, effect: { kind: 'drop-after' } }, { match: LISTS, after: 1, effect: { kind: 'status', status: 500 } });
    const child = begin('ci-testing');
    await until(async () => (await sandbox.alive(before)) === null, 30_000, 'the key to die');
    await child.kill();
    await sandbox.faults();
    const waiting = records().filter((file) => file.endsWith('.json'));
    expect(waiting.map((file) => (JSON.parse(readFileSync(join(running.dataDir, 'break-glass', file), 'utf8')) as { outcome: unknown }).outcome)).toEqual([null]);
    await up();
    await healed('ci-testing', before);
    expect((await audited('ci-testing')).map(({ type, detail }) => [type, detail['issuerKeyId']])).toEqual([['break_glass.taken', id], ['key.revoked', id]]);
  });

  test('of two issuers the one is taken that lists the key; one that is dead is said to be dead, one that nobody knows to be unknown', async () => {
    const before = served('second-api');
    const id = (await other.alive(before))?.id ?? '';
    await sandbox.faults({ match: LISTS, effect: { kind: 'status', status: 503 } });
    const result = await directly(id, '--json');
    expect([result.code, printed(result)]).toEqual([0, [expect.objectContaining({ issuer: 'second', keyId: id, outcome: 'revoked' })]]);
    await sandbox.faults();
    const again = await directly(id, '--json');
    expect([again.code, printed(again)]).toEqual([0, [expect.objectContaining({ outcome: 'gone' })]]);
    expect(await directly('key_mistyped')).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining('none of hm, second lists a key with that id') });
    expect(await directly('key_mistyped', '--issuer', 'hm')).toMatchObject({ code: 5, stdout: expect.stringContaining('\tgone\t') });
    await up();
    await healed('second-api', before);
    await until(() => records().every((file) => file.endsWith('.taken')), 60_000, 'all records to be taken in');
    expect((await audited('second-api')).map(({ type }) => type).sort()).toEqual(['break_glass.taken', 'break_glass.taken', 'key.revoked']);
  });
});
