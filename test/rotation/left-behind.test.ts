/** A worker died between the change of a file and the removal of what was kept for a way back: copies of dead keys do not stay. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advance } from '../../src/rotation/advance.ts';
import type { SecretStore } from '../../src/ports/store.ts';
import type { Engine, Plugins } from '../../src/rotation/engine.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, openRig, readEnv, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const VARIABLE = 'HYPERMEMORY_API_KEY';

describe.skipIf(!motoAvailable()).each(RUNTIMES)('what a dead worker left beside an env file on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  const signal = AbortSignal.timeout(120_000);
  const beside = (credential: string): string => join(dirname(rig.envFile(credential)), `.${credential}.env.keyturn-${VARIABLE}`);
  const served = (credential: string): string => readEnv(rig.envFile(credential))[VARIABLE] ?? '';
  beforeAll(async () => {
    around = await startSurroundings();
    rig = await openRig(runtime, around, { jobs: false, credentials: { urgent: {}, routine: {} } });
    await rig.app.work.sweep(signal);
    for (const rotation of await rig.app.operations.rotations({})) await rig.app.work.advance(rotation.id, signal);
  });
  afterAll(async () => {
    await rig?.close();
    await around?.stop();
  });

  test('goes with the emergency in which it died', async () => {
    const [old, { rotation }] = [served('urgent'), await rig.app.operations.revoke('urgent', ACTOR)];
    await advance(keepingTheDisplaced(rig.app.context.engine), rotation.id, signal);
    const ended = (await rig.app.operations.rotations({ credential: 'urgent' }))[0];
    expect([ended?.state, served('urgent') === old, existsSync(beside('urgent'))]).toEqual(['done', false, false]);
  });

  test('goes with the next rotation, if it stayed', async () => {
    const dead = served('routine');
    await rotated('routine');
    writeFileSync(beside('routine'), `${JSON.stringify({ staged: [], displaced: [{ attempt: 'an-attempt-of-then', value: dead }] })}\n`, { mode: 0o600 });
    await rotated('routine');
    expect(existsSync(beside('routine'))).toBe(false);
  });

  async function rotated(credential: string): Promise<void> {
    const [asked] = await rig.app.operations.rotate({ credentials: [credential] }, ACTOR);
    await rig.app.work.advance(asked?.rotation.id ?? '', signal);
    expect((await rig.app.operations.rotations({ credential }))[0]?.state).toBe('done');
  }
});

/** Its promotions leave what a death right after the file's change leaves. */
function keepingTheDisplaced(engine: Engine): Engine {
  return { ...engine, plugins: async (plan) => leaving(await engine.plugins(plan)) };
}

function leaving({ places, ...rest }: Plugins): Plugins {
  return { ...rest, places: places.map((place) => ({ ...place, store: leavingStore(place.store) })) };
}

function leavingStore(store: SecretStore): SecretStore {
  const { name, type, capabilities, callTimeoutMs, location, describe: described } = store;
  return {
    name, type, capabilities, callTimeoutMs, location, describe: described,
    probe: (signal) => store.probe(signal), read: (signal) => store.read(signal), stage: (...given) => store.stage(...given), retire: (...given) => store.retire(...given),
    promote: (request, signal) => store.promote({ ...request, displaced: 'keep' }, signal),
  };
}
