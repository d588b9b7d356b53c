import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { motoAvailable } from '../support/moto.ts';
import { createSecret, eventually, labelsOf, mintedFor, openRig, readEnv, readSecret, startSurroundings, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const sha256 = (value: string | null | undefined): string => createHash('sha256').update(value ?? '').digest('hex');

describe.skipIf(!motoAvailable()).each(RUNTIMES)('rotation on $name', (runtime) => {
  let around: Surroundings;
  beforeAll(async () => {
    around = await startSurroundings();
  });
  afterAll(() => around.stop());

  test('a credential without a key gets its first one, and is then rotated on schedule; stores, sandbox and people agree', async () => {
    const rig = await openRig(runtime, around, {
      credentials: { 'sched-api': { places: ['aws', 'env'], checks: ['health'], policy: { every: '2s', overlap: '200ms', quiet: '200ms' } } },
    });
    const secretId = rig.secretId('sched-api');
    await eventually(async () => (await mintedFor(around.sandbox, 'sched-api')).filter((key) => key.status !== 'active').length >= 2, () => 'two scheduled rotations');
    await rig.app.operations.pause({ scope: 'all', name: null }, { who: 'test', why: 'let it come to rest' });
    await eventually(async () => (await rig.app.operations.rotations({ open: true })).length === 0 || (await rig.app.operations.rotations({ open: true })).every((r) => r.state === 'requested'), () => 'rest');

    const minted = await mintedFor(around.sandbox, 'sched-api');
    const live = minted.filter((key) => key.status === 'active');
    expect(live).toHaveLength(1);
    const current = await readSecret(around.aws, secretId);
    expect(sha256(current)).toBe(live[0]?.sha256);
    expect(readEnv(rig.envFile('sched-api'))).toEqual({ HYPERMEMORY_API_KEY: current });
    expect(await labelsOf(around.aws, secretId)).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
    expect(minted.reduce((sum, key) => sum + key.requestsAfterRevocation, 0)).toBe(0);

    await eventually(async () => around.slack.messages.some((m) => m.text.includes('sched-api')) && around.mail.messages.some((m) => m.subject.includes('sched-api')), () => 'Slack and mail');
    expect((await rig.app.operations.verifyAudit()).ok).toBe(true);
    await rig.close();
  });

  test('a manual rotation goes through every state, keeps the backup while the old key lives, and removes it with the key', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'manual-api': { policy: { overlap: '1s' } } } });
    await rig.reached('manual-api', 'done');
    const first = readEnv(rig.envFile('manual-api'))['HYPERMEMORY_API_KEY'];
    await rig.rotate('manual-api', 'draining');
    const during = readEnv(rig.envFile('manual-api'));
    expect(during['HYPERMEMORY_API_KEY_BACKUP']).toBe(first);
    expect(during['HYPERMEMORY_API_KEY']).not.toBe(first);
    const done = await rig.reached('manual-api', 'done');
    const { history } = await rig.app.operations.rotation(done.id);
    expect([...new Set(history.map((t) => t.to))]).toEqual(['requested', 'preflight', 'creating', 'staged', 'verified', 'promoting', 'confirmed', 'draining', 'revoking', 'done']);
    expect(readEnv(rig.envFile('manual-api'))).toEqual({ HYPERMEMORY_API_KEY: during['HYPERMEMORY_API_KEY'] });
    expect((await mintedFor(around.sandbox, 'manual-api')).map((key) => key.status)).toEqual(['revoked', 'active']);
    await rig.close();
  });

  test('a new key that its issuer refuses is revoked before anybody read it, and the old one stays', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'abort-api': { places: ['aws', 'env'], policy: { deadlines: { verify: '1s', retry: '1h' } } } } });
    await rig.reached('abort-api', 'done');
    const before = await readSecret(around.aws, rig.secretId('abort-api'));
    await around.sandbox.setFaults([{ match: { createdName: 'abort-api*' }, effect: { kind: 'activation-delay', ms: 60_000 } }]);
    const rotation = await rig.rotate('abort-api');
    await around.sandbox.setFaults([]);
    expect(rotation).toMatchObject({ state: 'aborted', reason: 'aborted' });
    expect((await mintedFor(around.sandbox, 'abort-api')).map((key) => key.status)).toEqual(['active', 'revoked']);
    expect(await readSecret(around.aws, rig.secretId('abort-api'))).toBe(before);
    expect(readEnv(rig.envFile('abort-api'))).toEqual({ HYPERMEMORY_API_KEY: before });
    expect(await labelsOf(around.aws, rig.secretId('abort-api'))).not.toContain('AWSPENDING');
    await eventually(async () => around.slack.messages.some((m) => m.text.includes('abort-api') && m.text.includes('aborted')), () => 'people are told');
    await rig.close();
  });

  test('an application that turns red after promotion gets the old key back everywhere, and the new one is revoked', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'red-api': { places: ['aws', 'env'], checks: ['health'], policy: { overlap: '1s' } } } });
    await rig.reached('red-api', 'done');
    const before = await readSecret(around.aws, rig.secretId('red-api'));
    around.health.healthy = false;
    const rotation = await rig.rotate('red-api');
    around.health.healthy = true;
    expect(rotation.state).toBe('rolled_back');
    expect(await readSecret(around.aws, rig.secretId('red-api'))).toBe(before);
    expect(readEnv(rig.envFile('red-api'))).toEqual({ HYPERMEMORY_API_KEY: before });
    const minted = await mintedFor(around.sandbox, 'red-api');
    expect(minted.map((key) => key.status)).toEqual(['active', 'revoked']);
    const previous = await readSecret(around.aws, rig.secretId('red-api'), 'AWSPREVIOUS');
    expect(sha256(previous)).not.toBe(minted[1]?.sha256);
    await eventually(async () => around.mail.messages.some((m) => m.subject.includes('red-api') && m.subject.includes('rolled back')), () => 'people are told');
    await rig.close();
  });

  test('two credentials in one JSON secret rotate at once; other fields and each other survive', async () => {
    const secretId = `shared/${runtime.name}`;
    await createSecret(around.aws, secretId, JSON.stringify({ database: 'postgres://db', note: 'kept' }));
    const rig = await openRig(runtime, around, {
      credentials: { 'left-api': { places: ['aws-field'], secretId }, 'right-api': { places: ['aws-field'], secretId } },
    });
    await Promise.all([rig.reached('left-api', 'done'), rig.reached('right-api', 'done')]);
    const ended = await Promise.all([rig.rotate('left-api'), rig.rotate('right-api')]);
    expect(ended.map((r) => r.state)).toEqual(['done', 'done']);
    const fields = JSON.parse((await readSecret(around.aws, secretId)) ?? '{}') as Record<string, string>;
    expect(fields).toMatchObject({ database: 'postgres://db', note: 'kept' });
    for (const name of ['left-api', 'right-api']) {
      const live = (await mintedFor(around.sandbox, name)).filter((key) => key.status === 'active');
      expect(live.map((key) => key.sha256)).toEqual([sha256(fields[name])]);
    }
    expect(await labelsOf(around.aws, secretId)).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
    await rig.close();
  });
});
