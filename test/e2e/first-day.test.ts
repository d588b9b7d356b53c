/** A user's first day: from an empty directory to a stopped worker, each step the command that the documentation names. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { issuerAt, openHome, QUICK, readEnv, ROOT_KEY_VARIABLE, sha256, startSandbox, until, BRISK, reached, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAME = 'prod-api-server';

describe.each(RUNTIMES)('a first day on $name', (runtime) => {
  let running: RunningRuntime;
  let home: Home;
  let sandbox: SandboxProcess;
  let worker: Worker;
  const envFile = (): string => join(home.directory, 'app.env');
  const served = (): string => readEnv(envFile())['HYPERMEMORY_API_KEY'] ?? '';
  const listing = (): readonly string[] => readdirSync(home.directory, { recursive: true, encoding: 'utf8' }).filter((path) => !path.startsWith('sandbox')).sort();
  const base = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
    version: 1,
    issuers: { hypermemory: issuerAt(sandbox) },
    stores: { 'app-env': { type: 'env-file', path: './app.env', createIfMissing: true } },
    policies: { monthly: QUICK },
    credentials: { [NAME]: { issuer: 'hypermemory', owner: 'platform', scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'app-env' }] } },
    worker: { intervals: BRISK },
    security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` },
    ...more,
  });

  beforeAll(async () => {
    running = await runtime.start({ migrated: false });
    const { databaseUrl, redisUrl } = running;
    home = openHome({ ...(databaseUrl === undefined ? {} : { databaseUrl }), ...(redisUrl === undefined ? {} : { redisUrl }) });
    sandbox = await startSandbox(home.directory, '--plan', 'pro');
  });
  afterAll(async () => {
    await worker?.ended('SIGKILL');
    await sandbox?.ended('SIGTERM');
    home?.remove();
    await running?.stop();
  });

  test('init writes a file that validates as it is, and never overwrites one', async () => {
    expect(await home.keyturn('init')).toMatchObject({ code: 0 });
    const written = readFileSync(home.config, 'utf8');
    expect(await home.keyturn('validate')).toMatchObject({ code: 0, stdout: expect.stringContaining('is valid') });
    expect(await home.keyturn('init')).toMatchObject({ code: 2, stderr: expect.stringContaining('left as it is') });
    expect(readFileSync(home.config, 'utf8')).toBe(written);
    const edited = written
      .replace('adminKey: ${env:HYPERMEMORY_ADMIN_KEY}', `adminKey: \${file:${sandbox.adminKeyFile}}\n    baseUrl: ${sandbox.url}\n    plan: pro`)
      .replace('overlap: 24h', 'overlap: 0s').replace('quiet: 1h', 'quiet: 0s');
    writeFileSync(home.config, edited);
    expect(await home.keyturn('validate')).toMatchObject({ code: 0, stdout: expect.stringContaining('1 credential') });
  });

  test('plan and doctor without a worker say what would happen, and change nothing: no file, no key, no table', async () => {
    const before = { files: listing(), keys: await sandbox.keys() };
    const [plan, doctor] = await Promise.all([home.json('plan', NAME), home.keyturn('doctor')]);
    expect(plan).toMatchObject([{ credential: NAME, action: 'bootstrap', blockedBy: [], steps: expect.arrayContaining([expect.stringContaining('mint a key named prod-api-server-kt-')]) }]);
    expect([doctor.code, doctor.stderr]).toEqual([0, '']);
    expect(doctor.stdout).toContain(`ok\tledger\t${runtime.name === 'embedded' ? 'embedded' : 'postgres'}\tanswers`);
    expect(doctor.stdout).toMatch(/ok\tissuer\thypermemory\tanswers; 1 of 20 keys live/);
    expect(doctor.stdout).toMatch(/ok\tstore\t/);
    expect(listing()).toEqual(before.files);
    const seen = (keys: typeof before.keys): unknown => keys.map(({ id, status }) => [id, status]);
    expect(seen(await sandbox.keys())).toEqual(seen(before.keys));
  }, 180_000);

  test('up mints the first key, publishes it, and says so', async () => {
    home.configure(base());
    worker = await home.up();
    await until(async () => sandbox.alive(served()), 40_000, 'the first key to be served');
    await reached(home, NAME, 'done');
    expect((await sandbox.keysOf(NAME)).map((key) => key.status)).toEqual(['active']);
    expect(statSync(envFile()).mode & 0o777).toBe(0o600);
    expect(await home.json('status')).toMatchObject({
      runtime: { ledger: runtime.name === 'embedded' ? 'embedded' : 'postgres', queue: runtime.name },
      credentials: [{ credential: NAME, health: 'ok', dueAt: expect.stringMatching(/^\d{4}-/), owner: 'platform' }],
    });
  }, 180_000);

  test('rotate --wait prints each step and exits with 0; the old key is dead, the new one served, no backup left', async () => {
    const before = served();
    const rotated = await home.keyturn('rotate', NAME, '--wait', '--reason', 'first day');
    expect(rotated.code).toBe(0);
    const states = rotated.stdout.trimEnd().split('\n').map((line) => line.split('\t')[1]);
    expect([...new Set(states)]).toEqual(['requested', 'preflight', 'creating', 'staged', 'verified', 'promoting', 'confirmed', 'draining', 'revoking', 'done']);
    expect(served()).not.toBe(before);
    expect(await sandbox.alive(before)).toBeNull();
    expect(await sandbox.alive(served())).not.toBeNull();
    expect(readEnv(envFile())).toEqual({ HYPERMEMORY_API_KEY: served() });
    expect((await sandbox.keysOf(NAME)).map((key) => key.status)).toEqual(['revoked', 'active']);
  });

  test('every listing tells the same, as lines and as JSON, and never a value', async () => {
    const [{ id } = { id: '' }] = await home.json<{ id: string }[]>('rotations', '--limit', '1');
    const current = await sandbox.alive(served());
    await until(async () => ((await home.json<{ sealed: number; checked: number }>('audit', 'verify')).sealed > 0), 40_000, 'events to be sealed');
    const listings: readonly (readonly [args: readonly string[], says: string])[] = [
      [['status'], `${NAME}\tok\t${current?.id}`],
      [['keys'], `${NAME}\thypermemory\t${current?.id}\thm_live_\tmemory:write`],
      [['keys', '--credential', NAME], 'current'],
      [['plan'], `${NAME}\trotate\t`],
      [['rotations'], `${id}\t${NAME}\tmanual\tdone`],
      [['rotations', 'show', id.slice(0, 20)], 'The old key is revoked'],
      [['audit', '--credential', NAME], 'cli:'],
      [['audit', 'verify'], 'the chain is whole'],
      [['doctor'], 'ok\tqueue\t'],
    ];
    for (const [args, says] of listings) {
      const [lines, json] = await Promise.all([home.keyturn(...args), home.keyturn(...args, '--json')]);
      expect([args, lines.code, lines.stderr, json.code, json.stderr]).toEqual([args, 0, '', 0, '']);
      expect(lines.stdout).toContain(says);
      expect(() => JSON.parse(json.stdout) as unknown).not.toThrow();
      for (const text of [lines.stdout, json.stdout]) expect(text.includes(served())).toBe(false);
    }
    expect(await home.json('audit', '--limit', '200')).toContainEqual(expect.objectContaining({ why: 'first day', type: 'rotation.requested' }));
    expect(worker.output().includes(served())).toBe(false);
  });

  test('a typo in a name is an error with what there is instead', async () => {
    for (const args of [['rotate', 'nobody'], ['publish', 'nobody'], ['adopt', 'nobody', '--key-id', 'k'], ['pause', 'nobody', '--reason', 'x'], ['revoke', 'nobody', '--yes', '--reason', 'x'], ['keys', '--credential', 'nobody'], ['plan', 'nobody'], ['rotations', '--credential', 'nobody'], ['audit', '--credential', 'nobody']]) {
      expect([args, await home.keyturn(...args)]).toEqual([args, expect.objectContaining({ code: 5, stdout: '', stderr: `error: No credential named nobody is declared${args[0] === 'revoke' ? ', and no key of Keyturn\'s has that id' : ''}.\n  Declared: ${NAME}.\n` })]);
    }
    expect(await home.keyturn('keys', '--issuer', 'nobody')).toMatchObject({ code: 5, stderr: expect.stringContaining('In use: hypermemory') });
    expect(await home.keyturn('rotations', 'show', 'nothing')).toMatchObject({ code: 5 });
    expect(await home.keyturn('rotate', '--owner', 'nobody')).toMatchObject({ code: 5 });
  });

  test('SIGHUP with a bad file keeps the old configuration and logs every mistake; with a good one applies it', async () => {
    home.configure({ ...base(), isuers: {}, policies: { monthly: { every: 'often' } } });
    worker.child.kill('SIGHUP');
    const bad = await until(() => worker.lines().find((line) => line['level'] === 'error' && 'problems' in line), 40_000, 'the refusal');
    expect(bad['msg']).toContain('the old one stays in use');
    expect(bad['problems']).toEqual(expect.arrayContaining([expect.stringMatching(/keyturn\.yaml:\d+:\d+: isuers: .*did you mean "issuers"/), expect.stringMatching(/keyturn\.yaml:\d+:\d+: policies\.monthly\.every: /)]));
    expect((await home.keyturn('rotate', NAME, '--wait')).code).toBe(0);
    expect(await home.keyturn('reload')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('did you mean "issuers"') });
    const { credentials } = base();
    home.configure(base({ credentials: { ...(credentials as object), second: { issuer: 'hypermemory', scopes: ['memory:read'], policy: 'monthly', stores: [{ store: 'app-env', variable: 'SECOND_KEY' }] } } }));
    worker.child.kill('SIGHUP');
    await until(async () => sandbox.alive(readEnv(envFile())['SECOND_KEY']), 40_000, 'the second credential to have its first key');
    expect((await sandbox.alive(readEnv(envFile())['SECOND_KEY']))?.scopes).toEqual(['memory:read']);
    expect(await sandbox.alive(served())).not.toBeNull();
  });

  test('SIGTERM ends it with 0 well within its deadline; no socket stays, and the key goes on working', async () => {
    const socket = join(home.directory, '.keyturn', 'keyturn.sock');
    expect(existsSync(socket)).toBe(true);
    const asked = Date.now();
    expect(await worker.ended('SIGTERM')).toBe(0);
    expect(Date.now() - asked).toBeLessThan(15_000);
    expect(existsSync(socket)).toBe(false);
    expect(await home.keyturn('status')).toMatchObject({ code: 3, stderr: expect.stringContaining('keyturn up') });
    expect((await sandbox.alive(served()))?.sha256).toBe(sha256(served()));
    expect(await home.json('plan', NAME)).toMatchObject([{ action: 'rotate', blockedBy: [] }]);
  });
});
