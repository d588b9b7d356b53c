/** The inventory while rotations are under way: what is as it should be alarms nobody. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { motoAvailable } from '../support/moto.ts';
import { eventually, openRig, startSurroundings, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const signal = (): AbortSignal => AbortSignal.timeout(20_000);

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
    const alerts = (): Promise<readonly { readonly rule: string; readonly severity: string }[]> => rig.app.operations.alerts({ credential: 'slow-api', open: true });
    expect(await alerts()).toMatchObject([{ rule: 'key_missing', severity: 'critical', state: 'firing' }]);
    await eventually(async () => around.slack.messages.some(({ text }) => text.includes('slow-api: its current key is gone')), () => 'people to hear of it');
    await rig.close();
  }, 150_000);

  test('that finds a key made by hand tells of it once, and that it is gone; an issuer that is down is told of by status and doctor', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'tidy-api': {} }, issuer: { listLag: '0s', knownKeys: ['sandbox-admin', 'slow-api-*', 'tidy-api-*'] }, sections: { rules: { issuer_unavailable: { after: '1m' } } }, jobs: false });
    const { id } = await around.sandbox.mintKey({ name: 'byhand', scopes: ['memory:read'] });
    await rig.app.work.inventory(signal());
    const states = async (): Promise<readonly string[]> => (await rig.app.operations.alerts({})).map(({ rule, state }) => `${rule} ${state}`).sort();
    expect(await states()).toEqual(['name_against_convention firing', 'unmanaged_key firing']);
    expect((await rig.app.context.ledger.deliveries({}, { limit: 10 })).map(({ channel }) => channel).sort(), 'one incident, one message a channel').toEqual(['mail', 'slack']);
    await fetch(`${around.sandbox.url}/__sandbox/keys/${id}`, { method: 'DELETE' });
    await rig.app.work.inventory(signal());
    expect(await states()).toEqual(['name_against_convention recovering', 'unmanaged_key recovering']);
    await around.sandbox.setFaults([{ effect: { kind: 'status', status: 503, body: { detail: 'down' } }, match: {} }]);
    await rig.app.work.inspect(signal());
    await rig.pass(60_000);
    await rig.app.work.inspect(signal());
    await around.sandbox.setFaults([]);
    expect((await rig.app.operations.status()).troubles).toMatchObject([{ rule: 'issuer_unavailable', title: 'hm does not answer as it should' }]);
    await rig.close();
  }, 150_000);
});
