/** Workers that are killed or stopped in the middle of a rotation: it ends, with one live key and no orphan. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { BRISK, issuerAt, openHome, QUICK, reached, readEnv, ROOT_KEY_VARIABLE, startSandbox, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAME = 'agent';
/** The sandbox takes the create, and holds its answer back. */
const HELD = { name: 'held', match: { method: 'POST', path: '/v1/api-keys' }, times: 1 };

describe.each(RUNTIMES)('a rotation interrupted on $name', (runtime) => {
  const several = runtime.name !== 'embedded';
  let running: RunningRuntime;
  let home: Home;
  /** Another machine of the same installation; on the embedded runtime there is only the one. */
  let other: Home;
  let sandbox: SandboxProcess;
  const workers: Worker[] = [];
  const envFile = (): string => join(home.directory, 'app.env');
  const served = (): string => readEnv(envFile())['HYPERMEMORY_API_KEY'] ?? '';
  const up = async (where: Home): Promise<Worker> => {
    const worker = await where.up();
    workers.push(worker);
    return worker;
  };
  const inTheMiddle = async (holdMs: number): Promise<void> => {
    await sandbox.faults({ ...HELD, effect: { kind: 'delay', ms: holdMs, when: 'after' } });
    expect(await home.keyturn('rotate', NAME)).toMatchObject({ code: 0 });
    await until(async () => (await sandbox.struck('held')) === 1, 40_000, 'the create to be under way');
  };
  const onlyTheNewOneLives = async (before: string): Promise<void> => {
    await until(async () => (await sandbox.keysOf(NAME)).filter((key) => key.status === 'active').length === 1, 40_000, 'one live key');
    expect(served()).not.toBe(before);
    expect([await sandbox.alive(before), (await sandbox.alive(served()))?.status]).toEqual([null, 'active']);
    expect(readEnv(envFile())).toEqual({ HYPERMEMORY_API_KEY: served() });
  };

  beforeAll(async () => {
    running = await runtime.start();
    const { databaseUrl, redisUrl } = running;
    const services = { ...(databaseUrl === undefined ? { dataDir: running.dataDir } : { databaseUrl }), ...(redisUrl === undefined ? {} : { redisUrl }) };
    home = openHome(services);
    other = several ? openHome(services) : home;
    sandbox = await startSandbox(home.directory, '--plan', 'enterprise');
    for (const one of [home, other]) {
      one.configure({
        version: 1,
        issuers: { hypermemory: issuerAt(sandbox, { plan: 'enterprise' }) },
        stores: { 'app-env': { type: 'env-file', path: envFile(), createIfMissing: true } },
        policies: { monthly: QUICK },
        credentials: { [NAME]: { issuer: 'hypermemory', scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'app-env' }] } },
        worker: { intervals: BRISK, shutdown: '2s' },
        security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` },
      });
    }
    const first = await up(home);
    await reached(home, NAME, 'done');
    await first.ended('SIGTERM');
  });
  beforeEach(() => sandbox.faults());
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.ended('SIGKILL');
  });
  afterAll(async () => {
    await sandbox?.ended('SIGTERM');
    for (const one of new Set([home, other])) one?.remove();
    await running?.stop();
  });

  test('by SIGTERM: the worker leaves with 0 at its deadline, and another goes on at once', async () => {
    const before = served();
    const first = await up(home);
    if (several) await up(other);
    await inTheMiddle(20_000);
    const asked = Date.now();
    expect(await first.ended('SIGTERM')).toBe(0);
    expect(Date.now() - asked).toBeLessThan(6_000);
    expect([served(), (await sandbox.alive(before))?.status]).toEqual([before, 'active']);
    if (!several) await up(other);
    await reached(other, NAME, 'done');
    // Sooner than a lease runs out by itself: it was given back.
    expect(Date.now() - asked).toBeLessThan(20_000);
    await onlyTheNewOneLives(before);
  });

  // Waiting for a dead worker's lease takes half a minute, so one of the runtimes with several workers is enough.
  if (runtime.name === 'postgres') return;
  test('by SIGKILL: the old key goes on working, and a worker that comes after ends it', async () => {
    const before = served();
    const first = await up(home);
    if (several) await up(other);
    await inTheMiddle(20_000);
    await first.kill();
    expect([served(), (await sandbox.alive(before))?.status]).toEqual([before, 'active']);
    await sandbox.faults();
    if (!several) await up(other);
    await reached(other, NAME, 'done', 60_000);
    await onlyTheNewOneLives(before);
  }, 90_000);
});
