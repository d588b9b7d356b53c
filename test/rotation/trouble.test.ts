import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advance } from '../../src/rotation/advance.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, readEnv, readSecret, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const sha256 = (value: string | null | undefined): string => createHash('sha256').update(value ?? '').digest('hex');

describe.skipIf(!motoAvailable()).each(RUNTIMES)('trouble on $name', (runtime) => {
  let around: Surroundings;
  beforeAll(async () => {
    around = await startSurroundings();
  });
  afterAll(() => around.stop());

  const creates = async (name: string): Promise<number> => (await mintedFor(around.sandbox, name)).length;
  const liveOf = async (name: string): Promise<readonly { sha256: string }[]> => (await mintedFor(around.sandbox, name)).filter((key) => key.status === 'active');

  test('at the key limit it is blocked before creating anything, says where to raise it, and goes on by itself once there is room', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'limit-api': {} } });
    await rig.reached('limit-api', 'done');
    await rig.app.operations.pause({ scope: 'all', name: null }, ACTOR);
    const { keys } = await around.sandbox.inspect();
    const live = keys.filter((key) => key.status === 'active').length;
    const tight = await openRig(runtime, around, { credentials: { 'tight-api': {} }, issuer: { keyLimit: live } });
    const blocked = await tight.reached('tight-api', 'blocked');
    expect(blocked.message).toContain('Settings → Billing → Upgrade Plan');
    expect(blocked.message).toContain('limit-api-kt-');
    expect(await creates('tight-api')).toBe(0);
    await eventually(async () => around.slack.messages.some((m) => m.text.includes('tight-api') && m.text.includes('blocked')), () => 'people are told');
    await around.sandbox.revokeKey((await mintedFor(around.sandbox, 'limit-api'))[0]?.id ?? '');
    expect((await tight.reached('tight-api', 'done')).kind).toBe('scheduled');
    expect(await liveOf('tight-api')).toHaveLength(1);
    await tight.close();
    await rig.close();
  });

  test('an issuer that refuses the create itself, and nothing before it, is asked again with growing pauses, not without one', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'deny-api': {} } });
    await rig.reached('deny-api', 'done');
    const [before, minted] = [readEnv(rig.envFile('deny-api')), await creates('deny-api')];
    await around.sandbox.setFaults([{ name: 'denied', match: { method: 'POST', path: '/v1/api-keys' }, effect: { kind: 'status', status: 403, body: { error: 'forbidden' } } }]);
    const struck = async (): Promise<number> => (await around.sandbox.faults())[0]?.struck ?? 0;
    await rig.app.operations.rotate({ credentials: ['deny-api'] }, ACTOR);
    await eventually(async () => (await struck()) >= 1, () => 'the first create to be refused');
    const began = Date.now();
    await eventually(async () => (await struck()) >= 4, () => 'the fourth create');
    // One, two and four seconds.
    expect(Date.now() - began).toBeGreaterThan(6_000);
    expect(await rig.reached('deny-api', 'blocked')).toMatchObject({ message: expect.stringMatching(/forbidden|not allowed|refuses/i) });
    await around.sandbox.setFaults([]);
    await rig.reached('deny-api', 'done');
    expect([await creates('deny-api'), (await liveOf('deny-api')).length, readEnv(rig.envFile('deny-api')) === before]).toEqual([minted + 1, 1, false]);
    await rig.close();
  });

  test('a store that fails between two stores\' promotion: past the deadline the first store gets the old key back', async () => {
    const rig = await withTwoStores(around, runtime, 'torn-api', { deadlines: { promote: '2s', verify: '3s', retry: '1h' } });
    const before = await readSecret(around.aws, rig.secretId('torn-api'));
    const away = moveAway(rig);
    await rig.app.operations.rotate({ credentials: ['torn-api'] }, ACTOR);
    await eventually(async () => (await readSecret(around.aws, rig.secretId('torn-api'))) !== before, () => 'the first store to be promoted');
    await rig.reached('torn-api', 'rolling_back');
    await eventually(async () => (await readSecret(around.aws, rig.secretId('torn-api'))) === before, () => 'the first store to serve the old key again');
    expect(await liveOf('torn-api')).toHaveLength(2);
    away.back();
    await eventually(async () => (await rig.app.operations.rotations({ credential: 'torn-api', limit: 1 }))[0]?.reason === 'settling', () => 'what was sent before to be waited out');
    await rig.pass(60_000);
    await rig.reached('torn-api', 'rolled_back');
    expect(readEnv(rig.envFile('torn-api'))).toEqual({ HYPERMEMORY_API_KEY: before });
    expect((await liveOf('torn-api')).map((key) => key.sha256)).toEqual([sha256(before)]);
    await rig.close();
  });

  test('a store that comes back in time is promoted, and the rotation goes forward', async () => {
    const rig = await withTwoStores(around, runtime, 'mend-api', { deadlines: { promote: '30s', verify: '3s', retry: '1h' } });
    const before = await readSecret(around.aws, rig.secretId('mend-api'));
    const away = moveAway(rig);
    await rig.app.operations.rotate({ credentials: ['mend-api'] }, ACTOR);
    await eventually(async () => (await readSecret(around.aws, rig.secretId('mend-api'))) !== before, () => 'the first store to be promoted');
    away.back();
    const rotated = await rig.reached('mend-api', 'done');
    const after = await readSecret(around.aws, rig.secretId('mend-api'));
    expect(rotated.state).toBe('done');
    expect(readEnv(rig.envFile('mend-api'))).toEqual({ HYPERMEMORY_API_KEY: after });
    expect((await liveOf('mend-api')).map((key) => key.sha256)).toEqual([sha256(after)]);
    await rig.close();
  });

  test('many workers at one rotation at once mint one key', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'race-api': {} } });
    await rig.reached('race-api', 'done');
    const [requested, again] = await Promise.all([rig.app.operations.rotate({ credentials: ['race-api'] }, ACTOR), rig.app.operations.rotate({ credentials: ['race-api'] }, ACTOR)]);
    expect(requested[0]?.rotation.id).toBe(again[0]?.rotation.id);
    const id = requested[0]?.rotation.id ?? '';
    const others = runtime.name === 'embedded' ? [] : await Promise.all([rig.another(), rig.another()]);
    const engines = [...Array.from({ length: 4 }, (_, n) => ({ ...rig.app.context.engine, worker: `racer-${n}` })), ...others.map((app) => app.context.engine)];
    await Promise.all(engines.map((engine) => advance(engine, id, AbortSignal.timeout(30_000))));
    await rig.reached('race-api', 'done');
    expect((await mintedFor(around.sandbox, 'race-api')).map((key) => key.status)).toEqual(['revoked', 'active']);
    await rig.close();
  });

  test('a create whose answer is lost is found by its name; its value is gone, so the key is revoked and another minted', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'lost-api': {} } });
    await rig.reached('lost-api', 'done');
    await around.sandbox.setFaults([{ match: { createdName: 'lost-api*' }, times: 1, effect: { kind: 'drop-after' } }]);
    const rotation = await rig.rotate('lost-api');
    await around.sandbox.setFaults([]);
    expect(rotation.state).toBe('done');
    expect(rotation.history.map((t) => t.reason)).toContain('unusable');
    expect((await mintedFor(around.sandbox, 'lost-api')).map((key) => key.status)).toEqual(['revoked', 'revoked', 'active']);
    await rig.close();
  });

  test('a create that lands after it was given up on is revoked by the watch on its name', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'late-api': {} } });
    await rig.reached('late-api', 'done');
    await around.sandbox.setFaults([{ match: { createdName: 'late-api*' }, times: 1, effect: { kind: 'late-effect', ms: 6_000 } }]);
    const rotation = await rig.rotate('late-api');
    expect(rotation.state).toBe('done');
    await eventually(async () => (await creates('late-api')) === 3, () => 'the late create to land');
    await around.sandbox.setFaults([]);
    await eventually(async () => {
      await rig.app.work.inventory(AbortSignal.timeout(10_000));
      return (await liveOf('late-api')).length === 1;
    }, () => 'the late key to be revoked');
    expect(sha256(readEnv(rig.envFile('late-api'))['HYPERMEMORY_API_KEY'])).toBe((await liveOf('late-api'))[0]?.sha256);
    await rig.close();
  });

  test('a revoke that the issuer does not answer stays a debt, retried until it is paid; applications notice nothing', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'debt-api': { policy: { deadlines: { stuck: '1s', verify: '3s', retry: '1h' } } } } });
    await rig.reached('debt-api', 'done');
    await around.sandbox.setFaults([{ match: { method: 'DELETE' }, effect: { kind: 'status', status: 503 } }]);
    await rig.rotate('debt-api', 'revoking');
    await eventually(async () => around.slack.messages.some((m) => m.text.includes('debt-api') && m.text.includes('could not be revoked')), () => 'the overdue debt to be told');
    expect((await rig.app.operations.status()).debts.map((debt) => debt.credential)).toContain('debt-api');
    expect(await liveOf('debt-api')).toHaveLength(2);
    await around.sandbox.setFaults([]);
    await rig.reached('debt-api', 'done');
    expect(await liveOf('debt-api')).toHaveLength(1);
    await rig.close();
  });

  test('an emergency revokes first, pre-empts what runs, and leaves one live key that every store serves', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'leak-api': { places: ['aws', 'env'], policy: { overlap: '1h' } } } });
    await rig.reached('leak-api', 'done');
    await rig.rotate('leak-api', 'draining');
    expect(await liveOf('leak-api')).toHaveLength(2);
    await rig.app.operations.revoke('leak-api', { who: 'test', why: 'leaked' });
    await rig.reached('leak-api', 'done');
    const current = await readSecret(around.aws, rig.secretId('leak-api'));
    expect((await liveOf('leak-api')).map((key) => key.sha256)).toEqual([sha256(current)]);
    expect(readEnv(rig.envFile('leak-api'))).toEqual({ HYPERMEMORY_API_KEY: current });
    const rotations = await rig.app.operations.rotations({ credential: 'leak-api' });
    expect(rotations.map((r) => `${r.kind} ${r.state} ${r.reason}`).slice(0, 2)).toEqual(['emergency done reported', 'manual aborted preempted']);
    await rig.close();
  });

  test('a one-key plan with replace and allowDowntime revokes first and mints after', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'single-api': { policy: { strategy: 'replace', allowDowntime: true } } } });
    await rig.reached('single-api', 'done');
    const rotation = await rig.rotate('single-api');
    expect(rotation.state).toBe('done');
    expect(rotation.history.map((t) => t.to).indexOf('revoking')).toBeLessThan(rotation.history.map((t) => t.to).indexOf('creating'));
    const current = readEnv(rig.envFile('single-api'))['HYPERMEMORY_API_KEY'];
    expect((await mintedFor(around.sandbox, 'single-api')).map((key) => key.status)).toEqual(['revoked', 'active']);
    expect((await liveOf('single-api')).map((key) => key.sha256)).toEqual([sha256(current)]);
    await rig.close();
  });
});

async function withTwoStores(around: Surroundings, runtime: (typeof RUNTIMES)[number], credential: string, policy: Record<string, unknown>): Promise<Rig> {
  const rig = await openRig(runtime, around, { credentials: { [credential]: { places: ['aws', 'env'], policy } } });
  await rig.reached(credential, 'done');
  return rig;
}

/** Takes the env file's directory away as soon as preflight, which needs it, is over: a volume that goes away in between. */
function moveAway(rig: Rig): { back(): void } {
  const [here, there] = [join(rig.directory, 'app'), join(rig.directory, 'app-away')];
  const listener = (line: string): void => {
    if (!line.includes('"to":"staged"')) return;
    rig.listeners.delete(listener);
    renameSync(here, there);
  };
  rig.listeners.add(listener);
  return { back: () => renameSync(there, here) };
}
