/** The inventory while rotations are under way: what is as it should be alarms nobody. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { motoAvailable } from '../support/moto.ts';
import { openRig, startSurroundings, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

describe.skipIf(!motoAvailable()).each(RUNTIMES.slice(0, 1))('an inventory on $name', (runtime) => {
  let around: Surroundings;
  beforeAll(async () => {
    around = await startSurroundings();
  });
  afterAll(() => around.stop());

  test('finds both keys of a rotation that drains, and one that somebody revoked', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'slow-api': { policy: { overlap: '1h' } } }, issuer: { listLag: '0s', knownKeys: ['sandbox-admin'] } });
    const differences = (): readonly string[] => rig.lines.filter((line) => line.includes('inventory differs'));
    await rig.reached('slow-api', 'done');
    const { newKey } = await rig.rotate('slow-api', 'draining');
    await rig.app.work.inventory(AbortSignal.timeout(20_000));
    expect(differences()).toEqual([]);
    await fetch(`${around.sandbox.url}/__sandbox/keys/${newKey?.issuerKeyId}`, { method: 'DELETE' });
    await rig.app.work.inventory(AbortSignal.timeout(20_000));
    expect(differences().join()).toContain(newKey?.issuerKeyId);
    await rig.close();
  }, 150_000);
});
