import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTerminal } from '../../src/core/vocabulary.ts';
import type { Rotation } from '../../src/ports/ledger.ts';
import { advance } from '../../src/rotation/advance.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, labelsOf, mintedFor, openRig, readEnv, readSecret, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { inState, interrupted, type Moment } from '../support/stepping.ts';

const sha256 = (value: string | null | undefined): string => createHash('sha256').update(value ?? '').digest('hex');
const ALICE = { who: 'cli:alice@host', why: 'not today' };

const attempt = (rotation: Rotation): { sentAt?: unknown; outcome?: unknown } => rotation.notes['attempt'] ?? {};
/** Asked at this write of the engine; the state it must end in, and how many keys it may have minted by then. */
const CASES: readonly (readonly [name: string, at: Moment, end: string, minted: number])[] = [
  ['preflight', inState('preflight'), 'aborted', 0],
  ['creating, before the create is sent', inState('creating'), 'aborted', 1],
  ['creating, while the create is out', (r) => r.state === 'creating' && attempt(r).sentAt != null, 'aborted', 1],
  ['creating, once the key is minted', (r) => r.state === 'creating' && attempt(r).outcome === 'minted', 'aborted', 1],
  ['staged', inState('staged'), 'aborted', 1],
  ['verified', inState('verified'), 'aborted', 1],
  ['promoting, before a store is written', inState('promoting'), 'rolled_back', 1],
  ['promoting, between two stores', (r) => r.state === 'promoting' && r.reason === 'promoting', 'rolled_back', 1],
  ['confirmed', inState('confirmed'), 'rolled_back', 1],
  ['draining', inState('draining'), 'rolled_back', 1],
];
const nameOf = (index: number): string => `give-up${index}-api`;
const OTHERS = ['never-began-api', 'preempted-api', 'gone-old-api', 'twice-api', 'long-overlap-api', 'forward-api'];

describe.skipIf(!motoAvailable()).each(RUNTIMES)('a person gives a rotation up, on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  const signal = AbortSignal.timeout(600_000);
  beforeAll(async () => {
    around = await startSurroundings();
    const names = [...CASES.map((_, index) => nameOf(index)), ...OTHERS];
    const credentials = Object.fromEntries(names.map((name) => [name, { places: ['aws', 'env'] as const, ...(name === 'long-overlap-api' ? { policy: { overlap: '1h' } } : {}) }]));
    rig = await openRig(runtime, around, { jobs: false, credentials, issuer: { plan: 'enterprise', pacing: { maxConcurrent: 100, perMinute: 10_000 } } });
    await rig.app.work.sweep(signal);
    for (const name of names) await finish((await rig.app.context.ledger.openRotation(name))?.id ?? '');
  }, 600_000);
  afterAll(async () => {
    await rig.close();
    await around.stop();
  });

  const request = async (credential: string): Promise<string> => (await rig.app.operations.rotate({ credentials: [credential] }, ACTOR))[0]?.rotation.id ?? '';
  const mintedOf = (credential: string): ReturnType<typeof mintedFor> => mintedFor(around.sandbox, credential);

  /** Advances until it has ended. */
  async function finish(id: string): Promise<Rotation> {
    return await eventually(async () => {
      await advance(rig.app.context.engine, id, signal);
      await rig.app.work.payDebts(signal);
      const rotation = await rig.app.context.ledger.rotation(id);
      // What was sent before may still land: waited out, by the ledger's clock.
      if (rotation?.reason === 'settling') await rig.pass(60_000);
      return rotation !== null && isTerminal(rotation.state) ? rotation : null;
    }, () => `rotation ${id} to end`, 120_000);
  }

  /** Promises 1 and 3, by what the outside says: every store serves this value, and its key is the only one that lives. */
  async function onlyAlive(credential: string, value: string | null): Promise<void> {
    expect(await readSecret(around.aws, rig.secretId(credential))).toBe(value);
    expect(readEnv(rig.envFile(credential))).toEqual({ HYPERMEMORY_API_KEY: value });
    const keys = await mintedOf(credential);
    expect(keys.filter((key) => key.status === 'active').map((key) => key.sha256)).toEqual([sha256(value)]);
    expect(keys.map((key) => key.requestsAfterRevocation)).toEqual(keys.map(() => 0));
    expect(await labelsOf(around.aws, rig.secretId(credential))).not.toContain('AWSPENDING');
    const record = await rig.app.context.ledger.credential(credential);
    const current = await rig.app.context.ledger.key(record?.currentKeyId ?? '');
    expect([current?.state, current?.issuerKeyId]).toEqual(['current', keys.find((key) => key.status === 'active')?.id]);
    expect(await rig.app.context.ledger.openDebts({ credential })).toEqual([]);
  }

  test.each(CASES.map((one, index) => [...one, nameOf(index)] as const))('in %s', async (_name, at, end, minted, credential) => {
    const before = await readSecret(around.aws, rig.secretId(credential));
    const id = await request(credential);
    const engine = interrupted(rig.app.context.engine, at, async () => {
      expect(await rig.app.operations.abortRotation(id, ALICE)).toMatchObject({ already: false, rotation: { id } });
    });
    await advance(engine, id, signal);
    const ended = await finish(id);
    expect([ended.state, ended.abortAsked]).toEqual([end, null]);
    expect((await mintedOf(credential)).length - 1).toBeLessThanOrEqual(minted);
    const reasons = (await rig.app.context.ledger.history(id)).map((line) => line.reason);
    expect(reasons).toContain('asked_abort');
    expect(reasons.some((reason) => reason.startsWith('abort'))).toBe(true);
    await onlyAlive(credential, before);
  }, 180_000);

  test('that had not begun: nothing at all is created, the request is told, and the schedule does not ask again at once', async () => {
    const [credential] = ['never-began-api'];
    const before = await readSecret(around.aws, rig.secretId(credential));
    const id = await request(credential);
    const asked = await rig.app.operations.abortRotation(id.slice(0, 20), ALICE);
    expect(asked.next.join(' ')).toMatch(/without having changed anything.*rotates only by hand|without having changed anything.*after this one has ended/);
    expect((await finish(id)).state).toBe('aborted');
    expect(await mintedOf(credential)).toHaveLength(1);
    await onlyAlive(credential, before);
    await rig.app.work.sweep(signal);
    expect(await rig.app.context.ledger.openRotation(credential)).toBeNull();
    await rig.app.work.deliver(signal);
    const told = (await rig.app.context.ledger.deliveries({}, { limit: 1000 })).filter((delivery) => delivery.notice.rotationId === id);
    expect(new Set(told.map((delivery) => delivery.notice.title))).toEqual(new Set([`${credential}: rotation aborted by hand`]));
  }, 120_000);

  test('twice is one request; once it has ended, both are refused with a reason, and so is an unknown or ambiguous id', async () => {
    const id = await request('twice-api');
    expect((await rig.app.operations.abortRotation(id, ALICE)).already).toBe(false);
    expect((await rig.app.operations.abortRotation(id, ACTOR)).already).toBe(true);
    await finish(id);
    await expect(rig.app.operations.abortRotation(id, ALICE)).rejects.toMatchObject({ code: 'ROTATION_ENDED', message: expect.stringContaining('ended as aborted') });
    await expect(rig.app.operations.resumeRotation(id, ALICE)).rejects.toMatchObject({ code: 'ROTATION_ENDED' });
    await expect(rig.app.operations.abortRotation('01ZZZZZZZZZZZZZZ', ALICE)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
    await expect(rig.app.operations.abortRotation(id.slice(0, 2), ALICE)).rejects.toMatchObject({ code: 'USAGE' });
  }, 120_000);

  test('while the old key drains for an hour: at once, and the ledger names the old key current before a store is written', async () => {
    const credential = 'long-overlap-api';
    const before = await readSecret(around.aws, rig.secretId(credential));
    const id = await request(credential);
    await advance(rig.app.context.engine, id, signal);
    expect((await rig.app.context.ledger.rotation(id))?.state).toBe('draining');
    await rig.app.operations.abortRotation(id, ALICE);
    let seen: unknown = null;
    const engine = interrupted(rig.app.context.engine, inState('rolling_back'), async (rotation) => {
      const keys = await rig.app.context.ledger.keysOf(credential);
      const record = await rig.app.context.ledger.credential(credential);
      seen = [record?.currentKeyId === rotation.oldKeyId, keys.find((key) => key.id === rotation.oldKeyId)?.state, keys.find((key) => key.id === rotation.newKeyId)?.state];
      expect(await readSecret(around.aws, rig.secretId(credential))).not.toBe(before);
    });
    await advance(engine, id, signal);
    expect(seen).toEqual([true, 'current', 'staged']);
    // Applications may have read the new key: it has the hour too.
    await eventually(async () => {
      await advance(rig.app.context.engine, id, signal);
      return (await rig.app.context.ledger.rotation(id))?.reason === 'new_key_overlap';
    }, () => 'the old key to serve again everywhere');
    expect(await readSecret(around.aws, rig.secretId(credential))).toBe(before);
  }, 120_000);

  test('and an emergency comes before it is carried out: the emergency wins, and every old key dies', async () => {
    const credential = 'preempted-api';
    const id = await request(credential);
    const engine = interrupted(rig.app.context.engine, inState('confirmed'), async () => {
      await rig.app.operations.abortRotation(id, ALICE);
      await rig.app.operations.revoke(credential, { who: 'cli:bob@host', why: 'leaked' });
    });
    await advance(engine, id, signal);
    expect(await rig.app.context.ledger.rotation(id)).toMatchObject({ state: 'aborted', reason: 'preempted', abortAsked: null });
    const emergency = await rig.app.context.ledger.openRotation(credential);
    await expect(rig.app.operations.abortRotation(emergency?.id ?? '', ALICE)).rejects.toMatchObject({ code: 'NO_WAY_BACK', message: expect.stringContaining('An emergency revokes first') });
    expect((await finish(emergency?.id ?? '')).state).toBe('done');
    const after = await readSecret(around.aws, rig.secretId(credential));
    expect((await mintedOf(credential)).map((key) => key.status)).toEqual(['revoked', 'revoked', 'active']);
    await onlyAlive(credential, after);
  }, 120_000);

  test('and the old key dies while it goes back: it goes forward again, and the ledger names the new key current in the end', async () => {
    const credential = 'forward-api';
    const before = await readSecret(around.aws, rig.secretId(credential));
    const id = await request(credential);
    const asking = interrupted(rig.app.context.engine, inState('draining'), async () => void (await rig.app.operations.abortRotation(id, ALICE)));
    const dying = interrupted(asking, (r) => r.state === 'rolling_back' && r.reason === 'restoring', async () => {
      expect(await readSecret(around.aws, rig.secretId(credential))).toBe(before);
      await around.sandbox.revokeKey((await mintedOf(credential))[0]?.id ?? '');
    });
    await advance(dying, id, signal);
    const ended = await finish(id);
    expect([ended.state, ended.notes['forwardAgain']]).toEqual(['done', 1]);
    const after = await readSecret(around.aws, rig.secretId(credential));
    expect(after).not.toBe(before);
    await onlyAlive(credential, after);
  }, 120_000);

  test('and the old key turns out to be dead: the request is refused in the history, and the rotation goes forward', async () => {
    const credential = 'gone-old-api';
    const id = await request(credential);
    const engine = interrupted(rig.app.context.engine, inState('confirmed'), async () => {
      const [old] = await mintedOf(credential);
      await around.sandbox.revokeKey(old?.id ?? '');
      await rig.app.operations.abortRotation(id, ALICE);
    });
    await advance(engine, id, signal);
    expect(await finish(id)).toMatchObject({ state: 'done', abortAsked: null });
    const refused = (await rig.app.context.ledger.history(id)).find((line) => line.reason === 'abort_refused');
    expect(refused?.message).toMatch(/asked to abort it: not today\. It goes on instead\. The old key is dead at the issuer/);
    await onlyAlive(credential, await readSecret(around.aws, rig.secretId(credential)));
  }, 120_000);
});
