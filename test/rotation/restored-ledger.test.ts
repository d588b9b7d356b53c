import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../support/postgres-server.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, readEnv, startSurroundings, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

describe.skipIf(!motoAvailable()).each(RUNTIMES.filter((runtime) => runtime.name === 'postgres'))('a ledger restored from before a rotation, on $name: nothing live dies, no key is forgotten', (runtime) => {
  let around: Surroundings;
  beforeAll(async () => {
    around = await startSurroundings();
  });
  afterAll(() => around.stop());

  test('a key adopted while the rotation is blocked is the one that it replaces', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'back-api': {} } });
    await rig.reached('back-api', 'done');
    await rig.rotate('back-api');
    await takeBack(rig.running.databaseUrl ?? '', 'back-api');
    expect((await rig.rotate('back-api', 'blocked')).state).toBe('blocked');
    const live = (await mintedFor(around.sandbox, 'back-api')).find((key) => key.status === 'active');
    await rig.app.operations.adopt({ credential: 'back-api', keyId: live?.id ?? '' }, ACTOR);
    await rig.reached('back-api', 'done');
    expect((await mintedFor(around.sandbox, 'back-api')).map((key) => key.status)).toEqual(['revoked', 'revoked', 'active']);
    await rig.close();
  });

  test('a key that the ledger forgot, but a store serves, is not taken for the orphan of a lost create', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'made-api': {} } });
    await rig.reached('made-api', 'done');
    const { id } = await rig.rotate('made-api');
    const served = readEnv(rig.envFile('made-api'));
    await takeBack(rig.running.databaseUrl ?? '', 'made-api', `update keyturn.rotations set state = 'creating', finished_at = null, new_key_id = null,
      state_since = now(), notes = jsonb_set(notes, '{attempt,outcome}', 'null'), wake_at = now() where id = '${id}';`);
    const [debt] = await eventually(async () => {
      const { debts } = await rig.app.operations.status();
      return debts.some((d) => d.lastError !== null) ? debts : null;
    }, () => 'the debt to be refused');
    expect(debt?.lastError).toContain('serves a value that the ledger does not know');
    expect((await mintedFor(around.sandbox, 'made-api')).map((key) => key.status)).toEqual(['revoked', 'active']);
    expect(readEnv(rig.envFile('made-api'))).toEqual(served);
    await rig.close();
  });
});

/** Takes the ledger back to the credential's first key, as a backup of then would. */
async function takeBack(url: string, credential: string, more = ''): Promise<void> {
  const first = String((await query(url, `select id from keyturn.keys where credential = '${credential}' order by id limit 1`))[0]?.['id']);
  await query(url, `begin;
    delete from keyturn.keys where credential = '${credential}' and id <> '${first}';
    update keyturn.keys set state = 'current', revoked_at = null where id = '${first}';
    update keyturn.credentials set current_key_id = '${first}' where name = '${credential}';
    delete from keyturn.debts where credential = '${credential}'; ${more} commit`);
}
