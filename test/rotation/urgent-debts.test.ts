/** A worker died, or stands still, while it held a revocation debt: an emergency does not wait for it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advance } from '../../src/rotation/advance.ts';
import { payDebt } from '../../src/rotation/debts.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const HELD_MS = 180_000;
const AT_ALL_MS = 25_000;

describe.skipIf(!motoAvailable()).each(RUNTIMES)('a debt held by a dead worker on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  const signal = AbortSignal.timeout(300_000);
  beforeAll(async () => {
    around = await startSurroundings();
    rig = await openRig(runtime, around, { jobs: false, credentials: { before: {}, during: {} } });
    await rig.app.work.sweep(signal);
    for (const rotation of await rig.app.operations.rotations({})) await rig.app.work.advance(rotation.id, signal);
  });
  afterAll(async () => {
    await rig?.close();
    await around?.stop();
  });

  const soleDebt = async (credential: string) => {
    const [debt, ...others] = await rig.app.context.ledger.openDebts({ credential });
    if (debt === undefined || others.length > 0) throw new Error(`expected one debt of ${credential}`);
    return debt;
  };
  const statusOf = async (credential: string): Promise<string | undefined> => (await mintedFor(around.sandbox, credential))[0]?.status;

  test('that was there before the emergency is taken from it at once', async () => {
    const { ledger } = rig.app.context;
    const [key] = await ledger.keysOf('before');
    await ledger.addDebt({ credential: 'before', issuer: 'hm', issuerKeyId: key?.issuerKeyId ?? '', fingerprint: null, cause: 'orphan', rotationId: null, notBeforeMs: 0 }, ACTOR);
    const { id } = await soleDebt('before');
    expect(await ledger.leaseDebt(id, 'a worker that died', HELD_MS)).not.toBeNull();
    const { rotation } = await rig.app.operations.revoke('before', ACTOR);
    await rig.app.work.advance(rotation.id, signal);
    expect(await statusOf('before')).toBe('revoked');
  });

  test('that is the emergency\'s own is waited for no longer than one call takes', async () => {
    const { engine } = rig.app.context;
    const reached = Promise.withResolvers<void>();
    const standsStill = { ...engine, worker: 'a worker that stands still', ledger: { ...engine.ledger, sync: () => (reached.resolve(), new Promise<void>(() => undefined)) } };
    const { rotation } = await rig.app.operations.revoke('during', ACTOR);
    void advance(standsStill, rotation.id, signal);
    await reached.promise;
    const debt = await soleDebt('during');
    expect([await payDebt(engine, debt, signal), await statusOf('during')]).toEqual(['not-ours', 'active']);
    await eventually(async () => (await payDebt(engine, debt, signal)) === 'paid', () => 'another worker to pay it', AT_ALL_MS);
    expect(await statusOf('during')).toBe('revoked');
  });
});
