/**
 * What can go wrong around Keyturn, through the command line of a running worker. Each says in one sentence what happened
 * and what to do, leaves nothing half-done, keeps the old key working, and goes on once its cause is mended.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { keyturn } from '../support/cli.ts';
import { motoAvailable, startMoto, type Moto } from '../support/moto.ts';
import { freePort } from '../support/processes.ts';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { openGate, type Gate } from './gate.ts';
import { BRISK, issuerAt, openHome, QUICK, reached, readEnv, ROOT_KEY_VARIABLE, startSandbox, until, type CliResult, type Home, type SandboxProcess, type Worker } from './support.ts';

const SECRET_ID = 'prod/api-server';
const ENV_FILES = ['prod-fine', 'prod-poor', 'prod-readonly', 'prod-mounted', 'prod-full'];
const withAws = motoAvailable();
/** How to get a mount namespace of one's own here, or null: then what needs a mount is not tested. */
const unshare = [['-m'], ['-rm']].find((flags) => spawnSync('unshare', [...flags, 'true']).status === 0) ?? null;

describe.each(RUNTIMES.filter(({ name }) => name === 'embedded'))('trouble around a worker', (runtime) => {
  let running: RunningRuntime;
  let home: Home;
  let sandbox: SandboxProcess;
  let moto: Moto | null = null;
  let gate: Gate | null = null;
  let worker: Worker;
  const at = (...parts: readonly string[]): string => join(home.directory, ...parts);
  const served = (credential: string): string => readEnv(at(credential, 'app.env'))['HYPERMEMORY_API_KEY'] ?? '';
  const liveKeysOf = async (credential: string): Promise<number> => (await sandbox.keysOf(credential)).filter((key) => key.status === 'active').length;
  const servedByAws = async (): Promise<string> => {
    const client = moto?.client();
    const answer = await client?.send(new GetSecretValueCommand({ SecretId: SECRET_ID, VersionStage: 'AWSCURRENT' }));
    client?.destroy();
    return answer?.SecretString ?? '';
  };
  /** Rotating is refused with this sentence, nothing was minted that lives, and the old key goes on. */
  const refusesToRotate = async (credential: string, says: RegExp, serves: () => string | Promise<string> = () => served(credential)): Promise<CliResult> => {
    const [before, minted] = [await serves(), (await sandbox.keysOf(credential)).length];
    const refused = await home.keyturn('rotate', credential, '--wait');
    expect([credential, refused.code]).toEqual([credential, 4]);
    expect(refused.stderr).toMatch(says);
    expect(refused.stderr).toContain('goes on by itself once the cause has cleared; the old key still works');
    expect(refused.stderr.match(new RegExp(says.source, 'g'))).toHaveLength(1);
    expect([await serves(), (await sandbox.alive(before))?.status, (await sandbox.keysOf(credential)).length]).toEqual([before, 'active', minted]);
    return refused;
  };
  const goesOn = async (credential: string): Promise<void> => {
    await reached(home, credential, 'done', 60_000);
    expect(await liveKeysOf(credential)).toBe(1);
  };

  beforeAll(async () => {
    running = await runtime.start();
    moto = withAws ? await startMoto() : null;
    gate = moto === null ? null : await openGate(moto.endpoint);
    home = openHome(running, moto?.env);
    sandbox = await startSandbox(home.directory, '--plan', 'enterprise');
    for (const name of ENV_FILES) mkdirSync(at(name));
    copyFileSync(sandbox.adminKeyFile, at('poor.key'));
    home.configure({
      version: 1,
      issuers: { hm: issuerAt(sandbox, { plan: 'enterprise' }), poor: issuerAt(sandbox, { plan: 'enterprise', adminKey: '${file:./poor.key}' }) },
      stores: { env: { type: 'env-file', createIfMissing: true }, aws: { type: 'aws-secrets-manager', region: moto?.region ?? 'eu-west-1', endpoint: gate?.url ?? 'http://127.0.0.1:1', createIfMissing: true } },
      policies: { monthly: QUICK },
      credentials: {
        ...Object.fromEntries(ENV_FILES.map((name) => [name, { issuer: name === 'prod-poor' ? 'poor' : 'hm', scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'env', path: `./${name}/app.env` }] }])),
        ...(moto === null ? {} : { 'prod-aws': { issuer: 'hm', scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'aws', secretId: SECRET_ID }] } }),
      },
      worker: { intervals: BRISK },
      security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` },
    });
    worker = await home.up();
    // Served is not done yet: a rotation asked for now would be the first one, still open.
    for (const name of [...ENV_FILES, ...(moto === null ? [] : ['prod-aws'])]) await reached(home, name, 'done', 60_000);
  });
  afterEach(async () => {
    gate?.deny(null);
    await sandbox.faults();
  });
  afterAll(async () => {
    await worker?.ended('SIGKILL');
    await sandbox?.ended('SIGTERM');
    await gate?.close();
    await moto?.stop();
    home?.remove();
    await running?.stop();
  });

  test('an admin key without rights, or a dead one: blocked, with the scope that it lacks; a better one is taken up without a restart', async () => {
    const good = readFileSync(at('poor.key'));
    writeFileSync(at('poor.key'), (await sandbox.mint('somebody', ['memory:read'])).key);
    await refusesToRotate('prod-poor', /admin key of HyperMemory issuer poor may not list keys: it needs memory:admin and has memory:read\. Create an admin key/);
    expect((await home.keyturn('doctor')).stdout).toMatch(/problem\tissuer\tpoor\t.*needs memory:admin/);
    writeFileSync(at('poor.key'), 'hm_live_0000000000000000');
    const doctor = await home.keyturn('doctor');
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/problem\tissuer\tpoor\t.*says the admin key is invalid.*Put a live admin key/)]);
    expect(doctor.stdout).not.toMatch(/\tpoor\t.*set paths/);
    writeFileSync(at('poor.key'), good);
    await goesOn('prod-poor');
  });

  test('an issuer that answers HTML: blocked, with a hint at baseUrl and proxies; `keys` says that it did not answer', async () => {
    await sandbox.faults({ match: { path: '/v1/api-keys' }, effect: { kind: 'html', status: 200 } });
    await refusesToRotate('prod-fine', /hm answered a page of HTML \(HTTP 200\) to the attempt to list keys: that is not its API\. Check baseUrl/);
    const keys = await home.keyturn('keys', '--credential', 'prod-fine');
    expect([keys.code, keys.stderr]).toEqual([0, expect.stringContaining('warning: hm did not answer')]);
    await sandbox.faults({ match: { path: '/v1/api-keys' }, effect: { kind: 'html', status: 502 } });
    expect(await home.json('plan', 'prod-fine')).toMatchObject([{ action: 'blocked' }]);
    await sandbox.faults();
    await goesOn('prod-fine');
  });

  test('a create that is answered with HTML: nothing is guessed, no key is left over', async () => {
    await sandbox.faults({ match: { path: '/v1/api-keys', method: 'POST' }, times: 1, effect: { kind: 'html', status: 200, applied: true } });
    const before = served('prod-fine');
    expect(await home.keyturn('rotate', 'prod-fine', '--wait')).toMatchObject({ code: 0 });
    expect([await sandbox.alive(before), (await sandbox.alive(served('prod-fine')))?.status, await liveKeysOf('prod-fine')]).toEqual([null, 'active', 1]);
  });

  if (withAws) {
    test('a store that denies reading: blocked, with the permission that is missing, said once', async () => {
      gate?.deny([]);
      await refusesToRotate('prod-aws', /AWS refuses secretsmanager:DescribeSecret on secret prod\/api-server .* Allow secretsmanager:DescribeSecret/, async () => {
        gate?.deny(null);
        const value = await servedByAws();
        gate?.deny([]);
        return value;
      });
      const doctor = await home.keyturn('doctor');
      expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/problem\tstore\tprod-aws: .*Allow secretsmanager:DescribeSecret/)]);
      gate?.deny(null);
      await goesOn('prod-aws');
    });

    test('a store that denies writing: aborted before any application could see it, the new key revoked, the old one kept', async () => {
      const before = await servedByAws();
      gate?.deny(['PutSecretValue']);
      const refused = await home.keyturn('rotate', 'prod-aws', '--wait');
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/error: prod-aws was not rotated\. Aborted: .*Allow secretsmanager:PutSecretValue .* Stores were not changed\./)]);
      expect([await servedByAws(), (await sandbox.alive(before))?.status, await liveKeysOf('prod-aws')]).toEqual([before, 'active', 1]);
      gate?.deny(null);
      expect(await home.keyturn('rotate', 'prod-aws', '--wait')).toMatchObject({ code: 0 });
      expect(await servedByAws()).not.toBe(before);
    });
  }

  if (unshare !== null) {
    test('a read-only mount, a file that is mounted by itself and a full disk: found before anything is minted; doctor names the remedy', async () => {
      expect(await worker.ended('SIGTERM')).toBe(0);
      const before = ENV_FILES.map(served);
      const [readOnly, mounted, full] = [at('prod-readonly'), at('prod-mounted', 'app.env'), at('prod-full')];
      const mounts = [
        `mount --bind ${readOnly} ${readOnly}`, `mount -o remount,bind,ro ${readOnly}`,
        `mount --bind ${mounted} ${mounted}`,
        `cp -p ${full}/app.env ${full}.copy`, `mount -t tmpfs -o size=16k tmpfs ${full}`, `cp -p ${full}.copy ${full}/app.env`, `{ head -c 64k /dev/zero 2>/dev/null > ${full}/filler || true; }`,
      ].join(' && ');
      worker = await home.up({ wrap: ['unshare', ...unshare, 'sh', '-c', `${mounts} && exec "$@"`, 'sh'] });
      const says = [/Mount the directory writable for Keyturn/, /Mount the directory that contains it instead of the file/, /no room for a new copy of the file\. Free space there/];
      for (const [n, credential] of ['prod-readonly', 'prod-mounted', 'prod-full'].entries()) await refusesToRotate(credential, says[n] ?? /^$/);
      const doctor = await home.keyturn('doctor');
      expect(doctor.code).toBe(1);
      for (const sentence of says) expect(doctor.stdout.split('\n').filter((line) => line.startsWith('problem\tstore') && sentence.test(line))).toHaveLength(1);
      expect(ENV_FILES.map(served)).toEqual(before);
      await worker.ended('SIGTERM');
      worker = await home.up();
      for (const credential of ['prod-readonly', 'prod-mounted', 'prod-full']) {
        await goesOn(credential);
        expect([(await sandbox.alive(served(credential)))?.status, readdirSync(at(credential))]).toEqual(['active', ['app.env']]);
      }
    });
  }

  test('a second worker on the data directory: 3, one sentence, and the first goes on', async () => {
    const second = await home.keyturn('up');
    expect([second.code, second.stderr]).toEqual([3, expect.stringMatching(/^error: The data directory \S+ is in use by the process \d+: one worker at a time may open an embedded ledger\.\n {2}Talk to that worker .*\n$/)]);
    expect(await home.keyturn('status')).toMatchObject({ code: 0 });
    expect(await home.keyturn('rotate', 'prod-fine', '--wait')).toMatchObject({ code: 0 });
  });

  test('a port or a socket that is taken: 3, one sentence, and the data directory is free again', async () => {
    const config = readFileSync(home.config, 'utf8');
    expect(await worker.ended('SIGTERM')).toBe(0);
    const port = await freePort();
    const squatter = createServer().listen(port, '127.0.0.1');
    await until(() => squatter.listening);
    try {
      writeFileSync(home.config, `${config}api: { listen: { port: ${port}, token: "\${env:${ROOT_KEY_VARIABLE}}" } }\n`);
      const refused = await home.keyturn('up');
      expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(new RegExp(`^error: .*${port}.* is taken by another process.*\n {2}.*\n$`))]);
    } finally {
      squatter.close();
    }
    const listener = createServer().listen(at('taken.sock'));
    await until(() => listener.listening);
    try {
      writeFileSync(home.config, `${config}api: { socket: ./taken.sock }\n`);
      const refused = await home.keyturn('up');
      expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/^error: .*taken\.sock.*\n {2}.*\n$/)]);
    } finally {
      listener.close();
      writeFileSync(home.config, config);
    }
    worker = await home.up();
    expect(await home.keyturn('status')).toMatchObject({ code: 0 });
  });

  test('a configuration with mistakes: 2 from every command that reads it, all mistakes at once, and no secret shown', async () => {
    mkdirSync(at('wrong'));
    const wrong = at('wrong', 'keyturn.yaml');
    const secret = 'hm_live_0123456789abcdef0123456789abcdef';
    writeFileSync(wrong, `version: 1\nisuers: {}\nissuers:\n  hm:\n    type: hypermemory\n    adminKey: ${secret}\npolicies:\n  monthly: { every: often }\ncredentials:\n  prod-x: { issuer: hn, scopes: [memory:read], policy: monthly, stores: [] }\n`);
    for (const command of ['validate', 'up', 'plan', 'doctor']) {
      const refused = await keyturn([command], { cwd: at('wrong') });
      expect([command, refused.code, refused.stdout]).toEqual([command, 2, '']);
      expect(refused.stderr).toMatch(/keyturn\.yaml:2:1: isuers: .*did you mean "issuers"\?/);
      expect(refused.stderr).toMatch(/keyturn\.yaml:6:15: issuers\.hm\.adminKey: .*\(expected \$\{env:NAME\}/);
      expect(refused.stderr).toMatch(/keyturn\.yaml:8:21: policies\.monthly\.every: not a duration/);
      expect(refused.stderr).toMatch(/keyturn\.yaml:10:21: credentials\.prod-x\.issuer: .*did you mean "hm"\?/);
      expect(refused.stderr).not.toContain(secret.slice(8, 24));
    }
    expect(readdirSync(at('wrong'))).toEqual(['keyturn.yaml']);
  });
});
