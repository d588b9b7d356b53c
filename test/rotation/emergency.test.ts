/** What a revocation is asked for, and which key applications read in the end, whatever rotation it meets. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTerminal } from '../../src/core/vocabulary.ts';
import type { Ledger, Rotation } from '../../src/ports/ledger.ts';
import { advance } from '../../src/rotation/advance.ts';
import { requestEmergency } from '../../src/rotation/emergency.ts';
import type { SecretStore } from '../../src/ports/store.ts';
import type { Engine } from '../../src/rotation/engine.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, readEnv, readSecret, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { inState, interrupted, type Moment } from '../support/stepping.ts';

const sha256 = (value: string | null | undefined): string => createHash('sha256').update(value ?? '').digest('hex');
const attempt = (rotation: Rotation): { sentAt?: unknown; outcome?: unknown } => rotation.notes['attempt'] ?? {};

async function refuse(): Promise<never> {
  throw new Error('disk full');
}

/** Takes what is staged, and refuses to serve it. */
function full(store: SecretStore): SecretStore {
  return {
    name: store.name, type: store.type, capabilities: store.capabilities, callTimeoutMs: store.callTimeoutMs, location: store.location, describe: store.describe, promote: refuse,
    probe: (signal) => store.probe(signal), read: (signal) => store.read(signal), stage: (...given) => store.stage(...given), retire: (...given) => store.retire(...given),
  };
}

type Leaked = 'old' | 'new';
/** Where the scheduled rotation is when the key leaks; which key; and which one serves in the end: one of its two, or a third. */
const CASES: readonly (readonly [name: string, at: Moment, leaked: Leaked, serves: Leaked | 'another'])[] = [
  ['requested', () => true, 'old', 'another'],
  ['preflight', inState('preflight'), 'old', 'another'],
  ['creating, before the create is sent', inState('creating'), 'old', 'another'],
  ['creating, while the create is out', (r) => r.state === 'creating' && attempt(r).sentAt != null, 'old', 'another'],
  ['creating, once the key is minted', (r) => r.state === 'creating' && attempt(r).outcome === 'minted', 'new', 'old'],
  ['staged: the old key', inState('staged'), 'old', 'another'],
  ['staged: the new key', inState('staged'), 'new', 'old'],
  ['verified: the old key', inState('verified'), 'old', 'another'],
  ['verified: the new key', inState('verified'), 'new', 'old'],
  ['promoting, before a store is written: the old key', inState('promoting'), 'old', 'new'],
  ['promoting, before a store is written: the new key', inState('promoting'), 'new', 'old'],
  ['promoting, between two stores: the old key', (r) => r.state === 'promoting' && r.reason === 'promoting', 'old', 'new'],
  ['promoting, between two stores: the new key', (r) => r.state === 'promoting' && r.reason === 'promoting', 'new', 'old'],
  ['confirmed: the old key', inState('confirmed'), 'old', 'new'],
  ['confirmed: the new key', inState('confirmed'), 'new', 'old'],
  ['draining: the old key', inState('draining'), 'old', 'new'],
  ['draining: the new key', inState('draining'), 'new', 'old'],
  ['revoking: the old key', inState('revoking'), 'old', 'new'],
  ['revoking: the new key', inState('revoking'), 'new', 'another'],
];
const nameOf = (index: number): string => `leak${index}-api`;
const OTHERS = ['twice-api', 'retired-api', 'widened-api', 'store-down-api', 'undeclared-api', 'owned-a-api', 'owned-b-api'];

describe.skipIf(!motoAvailable()).each(RUNTIMES)('an emergency on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  let ledger: Ledger;
  let engine: Engine;
  const signal = AbortSignal.timeout(900_000);
  beforeAll(async () => {
    around = await startSurroundings();
    const names = [...CASES.map((_, index) => nameOf(index)), ...OTHERS];
    const credentials = Object.fromEntries(names.map((name) => [name, { places: ['aws', 'env'] as const, more: name.startsWith('owned') ? { owner: 'alice' } : {} }]));
    rig = await openRig(runtime, around, { jobs: false, credentials, issuer: { plan: 'enterprise', listLag: '0s', pacing: { maxConcurrent: 100, perMinute: 10_000 } } });
    ({ ledger, engine } = rig.app.context);
    await rig.app.work.sweep(signal);
    for (const name of names) await finish((await ledger.openRotation(name))?.id ?? '');
  }, 600_000);
  afterAll(async () => {
    await rig?.close();
    await around?.stop();
  });

  async function finish(id: string): Promise<Rotation> {
    return await eventually(async () => {
      await advance(rig.app.context.engine, id, signal);
      await rig.app.work.payDebts(signal);
      const rotation = await rig.app.context.ledger.rotation(id);
      // What the rotation before had sent may still land: waited out, by the ledger's clock.
      if (rotation?.reason === 'settling') await rig.pass(60_000);
      ({ ledger, engine } = rig.app.context);
      return rotation !== null && isTerminal(rotation.state) ? rotation : null;
    }, () => `rotation ${id} to end`, 120_000);
  }

  const rotating = async (credential: string): Promise<string> => (await rig.app.operations.rotate({ credentials: [credential] }, ACTOR))[0]?.rotation.id ?? '';
  const minted = (credential: string): ReturnType<typeof mintedFor> => mintedFor(around.sandbox, credential);
  const served = async (credential: string): Promise<readonly (string | null | undefined)[]> =>
    [await readSecret(around.aws, rig.secretId(credential)), readEnv(rig.envFile(credential))['HYPERMEMORY_API_KEY']].map(sha256);

  /** Promises 1 and 3, by what the outside says: one key lives, every store serves it, and the ledger calls it current. */
  async function onlyAlive(credential: string, id: string | undefined): Promise<void> {
    const alive = (await minted(credential)).filter((key) => key.status === 'active');
    expect(alive.map((key) => key.id)).toEqual([id]);
    expect(await served(credential)).toEqual([alive[0]?.sha256, alive[0]?.sha256]);
    expect(await ledger.openDebts({ credential })).toEqual([]);
    const record = await ledger.credential(credential);
    expect(await ledger.key(record?.currentKeyId ?? '')).toMatchObject({ issuerKeyId: id, state: 'current' });
  }

  test.each(CASES.map((one, index) => [...one, nameOf(index)] as const))('of one key pre-empts a rotation that is %s', async (_name, at, leaked, serves, credential) => {
    const [old] = await minted(credential);
    const id = await rotating(credential);
    let key: string | undefined;
    const asking = async (): Promise<void> => {
      key = (leaked === 'old' ? old : (await minted(credential)).find((one) => one.id !== old?.id))?.id;
      expect(await requestEmergency(engine, { credential, keyId: key ?? '', replace: true }, ACTOR)).toMatchObject({ outcome: 'created' });
    };
    if (_name === 'requested') await asking();
    else await advance(interrupted(engine, at, asking), id, signal);
    expect(await ledger.rotation(id)).toMatchObject({ state: 'aborted', reason: 'preempted' });
    const emergency = await ledger.openRotation(credential);
    expect(await finish(emergency?.id ?? '')).toMatchObject({ kind: 'emergency', state: 'done' });
    if (attempt((await ledger.rotation(id)) as Rotation).sentAt != null) await rig.app.work.inventory(signal);
    await eventually(async () => (await rig.app.work.payDebts(signal), (await ledger.openDebts({ credential })).length === 0), () => 'debts to be paid');
    const keys = await minted(credential);
    expect(keys.find((one) => one.id === key)?.status).toBe('revoked');
    const other = keys.findLast((one) => one.id !== old?.id && one.id !== key && one.status === 'active');
    await onlyAlive(credential, serves === 'old' ? old?.id : serves === 'new' ? keys.find((one) => one.id !== old?.id)?.id : other?.id);
    expect(keys.map((one) => one.requestsAfterRevocation)).toEqual(keys.map(() => 0));
  }, 180_000);

  test('asked again for the same key changes nothing, while it runs and once it has ended; the issuer\'s id and Keyturn\'s mean the same', async () => {
    const credential = 'twice-api';
    const [known] = await ledger.keysOf(credential);
    const first = await requestEmergency(engine, { credential, keyId: known?.issuerKeyId ?? '', replace: true }, ACTOR);
    const again = await requestEmergency(engine, { credential, keyId: known?.id ?? '', replace: true }, ACTOR);
    if (first.outcome === 'nothing' || again.outcome === 'nothing') throw new Error('its key lives');
    expect([first.outcome, again.outcome, again.rotation.id]).toEqual(['created', 'open', first.rotation.id]);
    const late = interrupted(engine, inState('staged'), async () => {
      expect(await requestEmergency(engine, { credential, keyId: known?.id ?? '', replace: true }, ACTOR)).toMatchObject({ outcome: 'open', rotation: { id: first.rotation.id } });
    });
    await advance(late, first.rotation.id, signal);
    await finish(first.rotation.id);
    expect(await requestEmergency(engine, { credential, keyId: known?.id ?? '', replace: true }, ACTOR)).toMatchObject({ outcome: 'nothing', why: expect.stringMatching(/is revoked since .* nothing was changed/) });
    await expect(rig.app.operations.revoke(known?.issuerKeyId ?? '', ACTOR)).rejects.toMatchObject({ code: 'ALREADY_REVOKED', effect: 'none' });
    expect(await ledger.openRotation(credential)).toBeNull();
    expect((await minted(credential)).map((key) => key.status)).toEqual(['revoked', 'active']);
    await expect(requestEmergency(engine, { credential, keyId: 'no-such-key', replace: true }, ACTOR)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  }, 120_000);

  test('that was only accepted is not lost to another that asks for less', async () => {
    const credential = 'widened-api';
    const id = await rotating(credential);
    await advance(interrupted(engine, inState('staged'), async () => {
      const [old] = await ledger.keysOf(credential).then((keys) => keys.filter((key) => key.state === 'current'));
      expect(await requestEmergency(engine, { credential, replace: true }, ACTOR)).toMatchObject({ outcome: 'created' });
      expect(await requestEmergency(engine, { credential, keyId: old?.id ?? '', replace: true }, ACTOR)).toMatchObject({ outcome: 'open' });
    }), id, signal);
    await finish((await ledger.openRotation(credential))?.id ?? '');
    expect((await minted(credential)).map((key) => key.status)).toEqual(['revoked', 'revoked', 'active']);
  }, 120_000);

  test('without a replacement leaves no key; the sweep brings none, status, plan and doctor say so, and a rotation brings it back', async () => {
    const credential = 'retired-api';
    const id = (await rig.app.operations.revoke(credential, { who: 'cli:alice@host', why: 'given up' }, { replace: false })).rotation.id;
    expect(await finish(id)).toMatchObject({ state: 'done' });
    expect((await minted(credential)).map((key) => key.status)).toEqual(['revoked']);
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await rig.app.work.sweep(signal);
    expect(await ledger.openRotation(credential)).toBeNull();
    const status = (await rig.app.operations.status()).credentials.find((one) => one.credential === credential);
    expect(status).toMatchObject({ health: 'retired', currentKey: null, retired: { by: 'cli:alice@host', why: 'given up', rotationId: id } });
    expect(await rig.app.operations.plan(credential)).toMatchObject([{ action: 'retired', what: expect.stringContaining(`keyturn rotate ${credential}`) }]);
    expect((await rig.app.operations.doctor()).find((one) => one.name === credential)).toMatchObject({ level: 'warning', message: expect.stringContaining('retired by cli:alice@host') });
    await expect(rig.app.operations.revoke(credential, ACTOR)).rejects.toMatchObject({ code: 'ALREADY_REVOKED', message: expect.stringContaining('was retired by') });
    await finish(await rotating(credential));
    const [, back] = await minted(credential);
    await onlyAlive(credential, back?.id);
    expect((await rig.app.operations.status()).credentials.find((one) => one.credential === credential)).toMatchObject({ health: 'ok', retired: null });
  }, 120_000);

  test('publishes to the store that works while another one fails, pages at once, and goes on until that one has it too', async () => {
    const credential = 'store-down-api';
    const plugins: Engine['plugins'] = async (plan) => {
      const opened = await engine.plugins(plan);
      return { ...opened, places: opened.places.map((place) => (place.ofRecord ? { ...place, store: full(place.store) } : place)) };
    };
    const { rotation } = await rig.app.operations.revoke(credential, ACTOR);
    await advance({ ...engine, plugins }, rotation.id, signal);
    const [, replacement] = await minted(credential);
    expect(await ledger.rotation(rotation.id)).toMatchObject({ state: 'promoting', reason: 'stores_failing' });
    expect(sha256(readEnv(rig.envFile(credential))['HYPERMEMORY_API_KEY'])).toBe(replacement?.sha256);
    const told = (await ledger.deliveries({}, { limit: 1_000 })).filter(({ notice }) => notice.rotationId === rotation.id && notice.facts['Reason'] === 'store_failed');
    expect(told.map(({ notice }) => [notice.severity, notice.happened.includes('disk full')])).toContainEqual(['critical', true]);
    await finish(rotation.id);
    await onlyAlive(credential, replacement?.id);
  }, 120_000);

  test('of all of an owner: what would happen is told first, each credential answers for itself, and none comes back by itself', async () => {
    const plans = await rig.app.operations.revocationPlan({ owner: 'alice', replace: false });
    expect(plans.map(({ credential, keys, after }) => [credential, keys.map(({ fate }) => fate), after])).toEqual([
      ['owned-a-api', ['revoked'], expect.stringContaining('Nothing is created')], ['owned-b-api', ['revoked'], expect.stringContaining('until `keyturn rotate owned-b-api`')],
    ]);
    const answers = await rig.app.operations.revokeOwned('alice', false, ACTOR);
    for (const { requested } of answers) await finish(requested?.rotation.id ?? '');
    expect(await rig.app.operations.revokeOwned('alice', false, ACTOR)).toMatchObject([{ nothing: true, requested: null }, { nothing: true, requested: null }]);
    for (const name of ['owned-a-api', 'owned-b-api']) expect((await minted(name)).map((key) => key.status)).toEqual(['revoked']);
    await expect(rig.app.operations.rotate({ owner: 'alice' }, ACTOR)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('retired') });
    await expect(rig.app.operations.revokeOwned('nobody', false, ACTOR)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  }, 120_000);

  test('of a name that may mean two things revokes nothing until it is said which', async () => {
    const dead = (issuer: string, issuerKeyId: string, credential: string): Promise<unknown> => ledger.adopt({
      credential, issuer, issuerKeyId, name: credential, prefix: 'hm_live_', fingerprint: null, scopes: [], state: 'revoked', proven: true, rotationId: null, createdAt: null,
    }, ACTOR, {});
    await dead('hm', 'twice-api', 'widened-api');
    await expect(rig.app.operations.revoke('twice-api', ACTOR)).rejects.toMatchObject({ code: 'USAGE', todo: expect.stringContaining('--as') });
    await expect(rig.app.operations.revoke('twice-api', ACTOR, { as: 'key' })).rejects.toMatchObject({ code: 'ALREADY_REVOKED', message: expect.stringContaining('of widened-api') });
    expect(await rig.app.operations.revocationPlan({ what: 'twice-api', as: 'credential' })).toMatchObject([{ credential: 'twice-api' }]);
    await dead('hm', 'the-same-id', 'widened-api');
    await dead('elsewhere', 'the-same-id', 'widened-api');
    await expect(rig.app.operations.revoke('the-same-id', ACTOR)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('elsewhere and hm'), todo: expect.stringContaining('--issuer') });
    await expect(rig.app.operations.revoke('the-same-id', ACTOR, { issuer: 'elsewhere' })).rejects.toMatchObject({ code: 'ALREADY_REVOKED' });
    await expect(rig.app.operations.revoke('the-same-id', ACTOR, { issuer: 'third' })).rejects.toMatchObject({ code: 'UNKNOWN_NAME', message: 'the-same-id is at elsewhere and hm, not at third. Nothing was revoked.' });
    for (const ask of [() => rig.app.operations.revocationPlan({ what: 'twice-api', as: 'credential', issuer: 'elsewhere' }), () => rig.app.operations.revoke('twice-api', ACTOR, { as: 'credential', issuer: 'elsewhere' })])
      await expect(ask()).rejects.toMatchObject({ code: 'UNKNOWN_NAME', message: 'twice-api is at hm, not at elsewhere. Nothing was revoked.', todo: expect.stringContaining('--issuer hm') });
    expect(await ledger.openRotation('twice-api')).toBeNull();
  });

  test('of a key that is none of ours touches nothing and says whose it is and what to do', async () => {
    const theirs = await around.sandbox.mintKey({ name: 'made-by-a-person', scopes: ['memory:write'] });
    await expect(rig.app.operations.revoke(theirs.id, ACTOR)).rejects.toMatchObject({ code: 'UNKNOWN_NAME', message: expect.stringContaining('Keyturn did not make it'), todo: expect.stringContaining('by hand') });
    expect((await around.sandbox.inspect()).keys.find((key) => key.id === theirs.id)?.status).toBe('active');
    await expect(rig.app.operations.revoke('no-such-thing', ACTOR)).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
    await around.sandbox.revokeKey(theirs.id);
  });

  test('of a credential that left the configuration revokes, and creates nothing', async () => {
    const credential = 'undeclared-api';
    const [known] = await ledger.keysOf(credential);
    const records = await ledger.credentials();
    await ledger.declare([JSON.stringify(records.filter(({ name }) => name !== credential).map(({ plan, revision }) => ({ plan, revision })))]);
    expect(await rig.app.operations.revocationPlan({ what: known?.issuerKeyId ?? '' })).toMatchObject([{ declared: false, keys: [{ fate: 'revoked' }], after: expect.stringContaining('Nothing is created') }]);
    const { rotation } = await rig.app.operations.revoke(known?.issuerKeyId ?? '', ACTOR);
    await finish(rotation.id);
    expect((await minted(credential)).map((key) => key.status)).toEqual(['revoked']);
    await expect(rig.app.operations.revoke(credential, ACTOR)).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
  }, 120_000);
});
