/** What people do when something stands or went wrong, on the command line; judged by the sandbox and the env files. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding, RotationDetail } from '../../src/app/operations.ts';
import { attemptName } from '../../src/core/naming.ts';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { BRISK, issuerAt, openHome, QUICK, reached, readEnv, ROOT_KEY_VARIABLE, startSandbox, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAMES = ['quick-api', 'slow-api'] as const;
type Name = (typeof NAMES)[number];
const FORBIDDEN = { match: { path: '/**' }, effect: { kind: 'status', status: 403, body: { error: 'forbidden' } } } as const;

describe.each(RUNTIMES)('recovery by hand on $name', (runtime) => {
  let running: RunningRuntime;
  let home: Home;
  let sandbox: SandboxProcess;
  let worker: Worker;
  const envFile = (name: Name): string => join(home.directory, `${name}.env`);
  const served = (name: Name): string => readEnv(envFile(name))['HYPERMEMORY_API_KEY'] ?? '';
  const shown = (id: string): Promise<RotationDetail> => home.json<RotationDetail>('rotations', 'show', id);
  const begin = async (name: Name): Promise<string> => (await home.json<{ rotation: { id: string } }[]>('rotate', name))[0]?.rotation.id ?? '';
  const onlyAlive = async (name: Name, value: string): Promise<void> => {
    await until(async () => (await sandbox.keysOf(name)).filter((key) => key.status === 'active').length === 1, 40_000, `one live key of ${name}`);
    expect([served(name), (await sandbox.alive(value))?.status]).toEqual([value, 'active']);
    expect((await sandbox.keysOf(name)).every((key) => key.requests_after_revocation === 0)).toBe(true);
  };

  beforeAll(async () => {
    running = await runtime.start();
    home = openHome(running);
    sandbox = await startSandbox(home.directory, '--plan', 'enterprise');
    home.configure({
      version: 1,
      issuers: { hm: issuerAt(sandbox, { plan: 'enterprise' }) },
      stores: { env: { type: 'env-file', createIfMissing: true } },
      policies: { 'quick-api': QUICK, 'slow-api': { ...QUICK, overlap: '20s' } },
      credentials: Object.fromEntries(NAMES.map((name) => [name, { issuer: 'hm', scopes: ['memory:write'], policy: name, stores: [{ store: 'env', path: envFile(name) }] }])),
      worker: { intervals: BRISK },
      security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` },
    });
    worker = await home.up();
    for (const name of NAMES) await reached(home, name, 'done', 60_000);
  });
  afterAll(async () => {
    await worker?.ended('SIGKILL');
    await sandbox?.ended('SIGTERM');
    home?.remove();
    await running?.stop();
  });

  test('a rotation that drains is given up: the old key serves again, the new one dies, and twice is refused', async () => {
    const before = served('slow-api');
    const id = await begin('slow-api');
    await reached(home, 'slow-api', 'draining');
    expect(served('slow-api')).not.toBe(before);
    const abort = await home.keyturn('rotations', 'abort', id.slice(0, 22), '--reason', 'wrong scopes');
    expect([abort.code, abort.stdout, abort.stderr]).toEqual([0, expect.stringMatching(new RegExp(`^slow-api\t${id}\tdraining\tasked\n`)), expect.stringMatching(/old key is published again everywhere[^]*asks for it again 1 hour after/)]);
    await reached(home, 'slow-api', 'rolled_back', 90_000);
    await onlyAlive('slow-api', before);
    expect(await home.keyturn('rotations', 'abort', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('ended as rolled_back') });
    expect(await home.keyturn('rotations', 'resume', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('ended as rolled_back') });
    expect(await home.keyturn('rotations', 'abort', '01ZZZZZZZZ')).toMatchObject({ code: 5 });
    expect(await home.keyturn('rotations', 'abort', '01')).toMatchObject({ code: 2, stderr: expect.stringContaining('More than one rotation begins with 01') });
    const text = (await home.keyturn('rotations', 'show', id)).stdout;
    expect(text).toMatch(/\tdraining\tasked_abort\t\d+\tcli:alice@\S+\tcli:alice@\S+ asked that it be given up: wrong scopes\.\n[^]*\trolling_back\tabort\t/);
  });

  test('a blocked rotation says what to do, and goes on at once when it is resumed', async () => {
    await sandbox.faults(FORBIDDEN);
    const id = await begin('quick-api');
    await reached(home, 'quick-api', 'blocked');
    await until(async () => Date.parse((await shown(id)).wakeAt ?? '') - Date.now() > 15_000, 60_000, 'it to back off');
    const text = (await home.keyturn('rotations', 'show', id)).stdout;
    for (const command of ['resume', 'abort']) expect(text).toMatch(new RegExp(`^todo\t.*\`keyturn rotations ${command} ${id}\``, 'm'));
    expect((await home.keyturn('status')).stdout).toContain(`keyturn rotations resume ${id}`);
    await sandbox.faults();
    expect(await home.keyturn('rotations', 'resume', id, '--reason', 'fixed')).toMatchObject({ code: 0 });
    await reached(home, 'quick-api', 'done', 12_000);
    await onlyAlive('quick-api', served('quick-api'));
  });

  test('a worker that is killed in the middle is named in the rotation\'s history', async () => {
    await sandbox.faults({ name: 'held', match: { method: 'POST', path: '/v1/api-keys' }, times: 1, effect: { kind: 'delay', ms: 8_000, when: 'after' } });
    const id = await begin('quick-api');
    await until(async () => (await sandbox.struck('held')) === 1, 40_000, 'the create to be under way');
    const died = (await home.json<{ worker: string }>('status')).worker;
    await worker.kill();
    await sandbox.faults();
    worker = await home.up();
    await reached(home, 'quick-api', 'done', 90_000);
    const { history, attempts } = await shown(id);
    expect(history.filter((line) => line.reason === 'taken_over').map((line) => line.message)).toEqual([expect.stringMatching(new RegExp(`^Worker ${died} held it from .* epoch \\d+ → \\d+: what ${died} had sent is looked for`))]);
    expect(attempts.map((attempt) => attempt.outcome)).toEqual(['lost', 'minted']);
    await onlyAlive('quick-api', served('quick-api'));
  }, 180_000);

  test('an orphan is found by doctor and settled after a yes; what is not ours stays', async () => {
    const { installation } = await home.json<{ installation: string }>('status');
    const orphan = await sandbox.mint(attemptName('quick-api', installation, '01FORGOTTEN', 1), ['memory:write']);
    const theirs = await sandbox.mint('made-by-a-person', ['memory:write']);
    const doctor = await home.keyturn('doctor');
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(new RegExp(`problem\tkey\t.*${orphan.id}`))]);
    expect((await sandbox.alive(orphan.key))?.status).toBe('active');
    expect(await home.keyturn('doctor', '--settle')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    const settled = await home.keyturn('doctor', '--settle', '--yes', '--reason', 'tidy');
    expect([settled.code, settled.stdout]).toEqual([0, expect.stringMatching(/would\thm: .*\nleft alone\t[^]*made-by-a-person[^]*was not made by Keyturn\n[^]*settled\thm: .*\tit is revoked\n/)]);
    expect([await sandbox.alive(orphan.key), (await sandbox.alive(theirs.key))?.status]).toEqual([null, 'active']);
    expect(await home.keyturn('doctor')).toMatchObject({ code: 0 });
    const findings = await home.json<Finding[]>('doctor');
    expect(findings.filter((finding) => finding.settle !== undefined)).toEqual([]);
    const audit = await home.json<{ type: string; why: string }[]>('audit');
    expect(audit).toContainEqual(expect.objectContaining({ type: 'doctor.settled', why: 'tidy' }));
  });
});
