import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { App } from '../../src/app/index.ts';
import { isTerminal } from '../../src/core/vocabulary.ts';
import type { Rotation } from '../../src/ports/ledger.ts';
import { advance } from '../../src/rotation/advance.ts';
import { repairStores } from '../../src/rotation/inventory.ts';
import type { FaultRule } from '../../src/sandbox/index.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, readSecret, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { diesAfter, inState } from '../support/stepping.ts';

const FORBIDDEN: readonly FaultRule[] = [{ match: { path: '/**' }, effect: { kind: 'status', status: 403, body: { error: 'forbidden' } } }];
const ALICE = { who: 'cli:alice@host', why: 'I looked' };

const request = async (app: App, credential: string): Promise<string> => (await app.operations.rotate({ credentials: [credential] }, ACTOR))[0]?.rotation.id ?? '';

describe.skipIf(!motoAvailable()).each(RUNTIMES)('what people can follow and mend, on $name', (runtime) => {
  let around: Surroundings;
  const signal = AbortSignal.timeout(600_000);
  beforeAll(async () => {
    around = await startSurroundings();
  });
  afterAll(() => around.stop());

  async function finish(app: App, id: string): Promise<Rotation> {
    return await eventually(async () => {
      await advance(app.context.engine, id, signal);
      const rotation = await app.context.ledger.rotation(id);
      return rotation !== null && isTerminal(rotation.state) ? rotation : null;
    }, () => `rotation ${id} to end`);
  }

  /** A rig that nothing moves but the test, with every credential's first key in place. */
  async function still(options: Partial<Parameters<typeof openRig>[2]> & Pick<Parameters<typeof openRig>[2], 'credentials'>): Promise<Rig> {
    const rig = await openRig(runtime, around, { jobs: false, ...options });
    await rig.app.work.sweep(signal);
    for (const name of Object.keys(options.credentials)) await finish(rig.app, (await rig.app.context.ledger.openRotation(name))?.id ?? '');
    return rig;
  }

  /** The next worker, once the one before has lost its lease: by time, or by a restart where only one may run. */
  async function successor(rig: Rig): Promise<App> {
    if (runtime.name === 'embedded') {
      await rig.app.close(1_000);
      return await rig.another();
    }
    await rig.pass(120_000);
    return await rig.another();
  }

  test('a worker that dies with a create under way is named in the history, with who went on and what became of the attempt', async () => {
    const rig = await still({ credentials: { 'crash-api': {} } });
    const id = await request(rig.app, 'crash-api');
    const died = rig.app.context.engine.worker;
    await diesAfter(rig.app.context.engine, id, (r) => r.state === 'creating' && (r.notes['attempt'] as { sentAt: unknown }).sentAt !== null, signal);
    const next = await successor(rig);
    expect((await finish(next, id)).state).toBe('done');
    const shown = await next.operations.rotation(id);
    const line = shown.history.find((one) => one.reason === 'taken_over');
    expect(line).toMatchObject({ from: 'creating', to: 'creating', worker: next.context.engine.worker });
    expect(line?.message).toMatch(new RegExp(`^Worker ${died} held it from 20\\S+Z and .*Worker ${next.context.engine.worker} took over at 20\\S+Z, epoch 1 → 2`));
    expect(shown.attempts.map((attempt) => [attempt.n, attempt.outcome])).toEqual([[1, 'lost'], [2, 'minted']]);
    expect(shown.watches.map((watch) => watch.name)).toEqual([shown.attempts[0]?.name]);
    expect(shown.evidence).toMatchObject({ decided: expect.stringContaining('Evidence is complete'), stores: expect.stringContaining('served the new key') });
    expect(shown.todo).toEqual([]);
    expect((await mintedFor(around.sandbox, 'crash-api')).map((key) => key.status)).toEqual(['revoked', 'active']);
    await rig.close();
  }, 180_000);

  test('an abort that was asked of a worker that then died is carried out by the next; the new key waits out what the dead one may still do', async () => {
    const rig = await still({ credentials: { 'crash-abort-api': {} } });
    const id = await request(rig.app, 'crash-abort-api');
    await diesAfter(rig.app.context.engine, id, inState('staged'), signal);
    await rig.app.operations.abortRotation(id, ALICE);
    const next = await successor(rig);
    await advance(next.context.engine, id, signal);
    const [debt] = await next.context.ledger.openDebts({ credential: 'crash-abort-api' });
    expect([debt?.cause, (await next.context.ledger.rotation(id))?.state]).toEqual(['aborted', 'aborting']);
    // Where only one process may open the ledger, moving its clock makes the worker another one.
    if (runtime.name !== 'embedded') {
      expect((debt?.nextTryAt.getTime() ?? 0) - (await next.context.ledger.now()).getTime()).toBeGreaterThan(30_000);
      expect((await next.operations.resumeRotation(id, ALICE)).rotation.state).toBe('aborting');
      expect((await next.context.ledger.debt(debt?.id ?? ''))?.nextTryAt).toEqual(debt?.nextTryAt);
      await rig.pass(70_000);
      expect((await finish(next, id)).state).toBe('aborted');
      expect((await mintedFor(around.sandbox, 'crash-abort-api')).map((key) => key.status)).toEqual(['active', 'revoked']);
    }
    await rig.close();
  }, 180_000);

  test('a blocked rotation says what to do, everywhere it is shown; resumed, it looks again at once', async () => {
    const rig = await still({ credentials: { 'stop-api': {} } });
    const before = await mintedFor(around.sandbox, 'stop-api');
    await around.sandbox.setFaults([...FORBIDDEN]);
    const id = await request(rig.app, 'stop-api');
    for (let look = 0; look < 9; look += 1) await advance(rig.app.context.engine, id, signal);
    const blocked = await rig.app.operations.rotation(id);
    expect([blocked.state, blocked.todo.length > 2]).toEqual(['blocked', true]);
    expect(blocked.todo.slice(-2)).toEqual([`Look again now: \`keyturn rotations resume ${id}\`.`, `Give it up: \`keyturn rotations abort ${id}\`.`]);
    const status = await rig.app.operations.status();
    expect(status.credentials[0]?.openRotation?.todo).toEqual(blocked.todo);
    const notices = (await rig.app.context.ledger.deliveries({}, { limit: 100 })).filter((delivery) => delivery.notice.kind === 'rotation_blocked');
    expect(notices[0]?.notice.todo).toEqual(blocked.todo);
    const waits = Date.parse(blocked.wakeAt ?? '') - (await rig.app.context.ledger.now()).getTime();
    expect(waits).toBeGreaterThan(20_000);
    await around.sandbox.setFaults([]);
    expect(await rig.app.context.ledger.wakeable(10)).toEqual([]);
    expect(await rig.app.operations.resumeRotation(id.slice(0, 18).toLowerCase(), ALICE)).toMatchObject({ already: false, rotation: { id, state: 'blocked' } });
    expect(await rig.app.context.ledger.wakeable(10)).toEqual([id]);
    expect((await finish(rig.app, id)).state).toBe('done');
    const history = await rig.app.context.ledger.history(id);
    expect(history.map((line) => [line.reason, line.worker])).toContainEqual(['asked_resume', 'cli:alice@host']);
    expect((await mintedFor(around.sandbox, 'stop-api')).map((key) => key.status)).toEqual([...before.map(() => 'revoked'), 'active']);
    await rig.close();
  }, 180_000);

  test('resumed while it still cannot go on, it begins to back off anew, and creates nothing', async () => {
    const rig = await still({ credentials: { 'early-api': {} } });
    await around.sandbox.setFaults([...FORBIDDEN]);
    const id = await request(rig.app, 'early-api');
    for (let look = 0; look < 6; look += 1) await advance(rig.app.context.engine, id, signal);
    await rig.app.operations.resumeRotation(id, ALICE);
    await advance(rig.app.context.engine, id, signal);
    const rotation = await rig.app.context.ledger.rotation(id);
    expect(rotation).toMatchObject({ state: 'blocked', resumeAsked: null, notes: { waited: { times: 1 } } });
    await rig.app.operations.abortRotation(id, ALICE);
    await advance(rig.app.context.engine, id, signal);
    expect(await rig.app.context.ledger.rotation(id)).toMatchObject({ state: 'aborted', reason: 'abort' });
    await around.sandbox.setFaults([]);
    expect(await mintedFor(around.sandbox, 'early-api')).toHaveLength(1);
    await rig.close();
  }, 180_000);

  test('upkeep that was told of a credential before a rotation came and went does not put the dead key back', async () => {
    const rig = await still({ credentials: { 'stale-api': { places: ['aws'] } } });
    const { ledger, engine } = rig.app.context;
    const before = await ledger.credential('stale-api');
    const old = await readSecret(around.aws, rig.secretId('stale-api'));
    await finish(rig.app, await request(rig.app, 'stale-api'));
    expect(await readSecret(around.aws, rig.secretId('stale-api'), 'AWSPREVIOUS')).toBe(old);
    const current = await readSecret(around.aws, rig.secretId('stale-api'));
    if (before === null) throw new Error('it is declared');
    await repairStores(engine, before, signal);
    expect(await readSecret(around.aws, rig.secretId('stale-api'))).toBe(current);
    await rig.close();
  }, 180_000);
});
