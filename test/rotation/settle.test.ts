import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { App } from '../../src/app/index.ts';
import type { Finding } from '../../src/app/operations.ts';
import { attemptName } from '../../src/core/naming.ts';
import { isTerminal } from '../../src/core/vocabulary.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { advance } from '../../src/rotation/advance.ts';
import { settleDisorder } from '../../src/rotation/disorders/index.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, readEnv, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { interrupted } from '../support/stepping.ts';

const sha256 = (value: string | null | undefined): string => createHash('sha256').update(value ?? '').digest('hex');
const ALICE = { who: 'cli:alice@host', why: 'cleaning up' };
const NAMES = ['orphan-api', 'served-api', 'debt-api', 'lost-api', 'drift-api', 'stop-api', 'race-api', 'second-api'] as const;
type Name = (typeof NAMES)[number];

describe.skipIf(!motoAvailable()).each(RUNTIMES)('doctor, and what it settles, on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  let app: App;
  let ledger: Ledger;
  let forgotten = 0;
  const signal = AbortSignal.timeout(900_000);

  beforeAll(async () => {
    around = await startSurroundings();
    const stuck = { overlap: '0s', quiet: '0s', deadlines: { verify: '3s', promote: '4s', confirm: '4s', stuck: '1s', retry: '1h' } };
    const credentials = Object.fromEntries(NAMES.map((name) => [name, { places: ['env'] as const, policy: name === 'debt-api' ? stuck : {} }]));
    rig = await openRig(runtime, around, { jobs: false, credentials, issuer: { listLag: '0s', pacing: { maxConcurrent: 100, perMinute: 10_000 } } });
    ({ app } = rig);
    ({ ledger } = app.context);
    await app.work.sweep(signal);
    for (const name of NAMES) await finish((await ledger.openRotation(name))?.id ?? '');
  }, 600_000);
  afterAll(async () => {
    await rig.close();
    await around.stop();
  });

  async function finish(id: string): Promise<void> {
    await eventually(async () => {
      await advance(app.context.engine, id, signal);
      const rotation = await ledger.rotation(id);
      return rotation !== null && isTerminal(rotation.state);
    }, () => `rotation ${id} to end`);
  }

  const serves = (name: Name): string => readEnv(rig.envFile(name))['HYPERMEMORY_API_KEY'] ?? '';
  const writes = (name: Name, value: string): void => writeFileSync(rig.envFile(name), `HYPERMEMORY_API_KEY=${value}\n`, { mode: 0o600 });
  const liveOf = async (name: string): Promise<readonly { id: string; sha256: string; status: string }[]> => (await mintedFor(around.sandbox, name)).filter((key) => key.status === 'active');
  const request = async (name: Name): Promise<string> => (await app.operations.rotate({ credentials: [name] }, ACTOR))[0]?.rotation.id ?? '';
  const about = async (part: string): Promise<readonly Finding[]> => (await app.operations.doctor()).filter((finding) => `${finding.name} ${finding.message}`.includes(part) && !['ok'].includes(finding.level));
  const settleAll = async (part: string): Promise<readonly string[]> => {
    const ids = (await about(part)).flatMap((finding) => (finding.settle === undefined ? [] : [finding.settle.id]));
    return (await app.operations.settle(ids, ALICE)).map((one) => `${one.outcome}: ${one.detail}`);
  };
  /** A key made at the issuer behind the ledger's back, named as an attempt of this installation that nobody remembers. */
  const mintUnknown = async (name: string, installation?: string): Promise<{ id: string; key: string }> =>
    around.sandbox.mintKey({ name: attemptName(name, installation ?? (await ledger.installation()), `01FORGOTTEN${(forgotten += 1)}`, 1), scopes: ['memory:write'] });
  /** Everything that doctor might have changed. */
  const everything = async (): Promise<unknown> => ({
    keys: (await around.sandbox.inspect()).keys.filter((key) => key.name.includes('-kt-')),
    files: NAMES.map(serves),
    ledger: await Promise.all([ledger.credentials(), ledger.openDebts({}), ledger.watches(), ledger.rotations({}, { limit: 1000 }), ledger.auditEvents({}, { limit: 1000 }), ledger.deliveries({}, { limit: 1000 }), ...NAMES.map((name) => ledger.keysOf(name))]),
  });

  test('an orphan of this installation becomes a debt and is revoked; doctor alone changes nothing, and a second settling finds nothing', async () => {
    const orphan = await mintUnknown('orphan-api');
    const before = await everything();
    const [finding, ...more] = await about(orphan.id);
    expect([finding?.level, finding?.settle?.id, finding?.leftAlone, more]).toEqual(['problem', `orphan/hm/${orphan.id}`, undefined, []]);
    expect(await everything()).toEqual(before);
    expect(await settleAll(orphan.id)).toEqual(['settled: it is revoked']);
    expect((await liveOf('orphan-api')).map((key) => key.sha256)).toEqual([sha256(serves('orphan-api'))]);
    expect(await app.operations.settle([finding?.settle?.id ?? ''], ALICE)).toEqual([{ id: finding?.settle?.id, outcome: 'in_order', detail: expect.any(String) }]);
    const audited = (await ledger.auditEvents({}, { limit: 50 })).filter((event) => event.actor.who === ALICE.who);
    expect(audited.map((event) => event.type)).toEqual(expect.arrayContaining(['debt.added', 'doctor.settled']));
  });

  test('keys of people, of other installations and of names that fit nothing are listed as left alone, and stay alive', async () => {
    const person = await around.sandbox.mintKey({ name: 'made-by-a-person', scopes: ['memory:write'] });
    const other = await mintUnknown('orphan-api', 'zzzzzz');
    const nameless = await mintUnknown('nobody-declares-this');
    const findings = await app.operations.doctor();
    const of = (id: string): Finding | undefined => findings.find((finding) => finding.message.includes(id));
    expect([of(person.id)?.leftAlone, of(person.id)?.settle]).toEqual(['it was not made by Keyturn', undefined]);
    expect([of(other.id)?.leftAlone, of(other.id)?.settle]).toEqual(['it was made by another installation of Keyturn (zzzzzz)', undefined]);
    expect([of(nameless.id)?.leftAlone, of(nameless.id)?.settle]).toEqual([expect.stringContaining('fits no declared credential'), undefined]);
    const forged = [person, other, nameless].map((key) => `orphan/hm/${key.id}`);
    expect((await app.operations.settle(forged, ALICE)).map((one) => one.outcome)).toEqual(['left_alone', 'left_alone', 'left_alone']);
    const { keys } = await around.sandbox.inspect();
    expect([person, other, nameless].map((key) => keys.find((one) => one.id === key.id)?.status)).toEqual(['active', 'active', 'active']);
    for (const key of [person, other, nameless]) await around.sandbox.revokeKey(key.id);
  });

  test('a key that a store serves, or may serve, is never settled away: also when that changed after it was shown', async () => {
    const before = serves('served-api');
    const unknown = await mintUnknown('served-api');
    const [shown] = await about(unknown.id);
    expect(shown?.settle?.id).toBe(`orphan/hm/${unknown.id}`);
    writes('served-api', unknown.key);
    expect(await app.operations.settle([shown?.settle?.id ?? ''], ALICE)).toEqual([{ id: shown?.settle?.id, outcome: 'left_alone', detail: expect.stringContaining('serves a value that the ledger does not know, and it may be this key') }]);
    expect((await about(unknown.id))[0]).toMatchObject({ level: 'problem', leftAlone: expect.stringContaining('keyturn adopt served-api') });
    expect((await liveOf('served-api')).map((key) => key.id)).toContain(unknown.id);
    writes('served-api', before);
    expect(await settleAll(unknown.id)).toEqual(['settled: it is revoked']);
    expect((await liveOf('served-api')).map((key) => key.sha256)).toEqual([sha256(before)]);
  });

  test('what a rotation is minting right now is no orphan, and neither is what a lost create has left to it', async () => {
    const id = await request('race-api');
    let seen: readonly Finding[] | null = null;
    const engine = interrupted(app.context.engine, (r) => r.state === 'creating' && (r.notes['attempt'] as { sentAt: unknown }).sentAt !== null, async (rotation) => {
      const { name } = rotation.notes['attempt'] as { name: string };
      await around.sandbox.mintKey({ name, scopes: ['memory:write'] });
      seen = await about(name);
    });
    await advance(engine, id, signal);
    await finish(id);
    expect(seen).toEqual([]);
  });

  test('an overdue debt is tried now; while the issuer refuses it stays a debt', async () => {
    await around.sandbox.setFaults([{ match: { method: 'DELETE' }, effect: { kind: 'status', status: 503 } }]);
    const id = await request('debt-api');
    await advance(app.context.engine, id, signal);
    const [debt] = await ledger.openDebts({ credential: 'debt-api' });
    await eventually(async () => (await about('debt-api: ')).some((finding) => finding.subject === 'debt'), () => 'the debt to be overdue');
    const [finding] = (await about('debt-api: ')).filter((one) => one.subject === 'debt');
    expect(finding).toMatchObject({ level: 'problem', settle: { id: `debt/debt-api/${debt?.id}`, does: expect.stringContaining('try it now') } });
    expect((await app.operations.settle([finding?.settle?.id ?? ''], ALICE))[0]?.outcome).toBe('failed');
    expect(await liveOf('debt-api')).toHaveLength(2);
    await around.sandbox.setFaults([]);
    expect((await app.operations.settle([finding?.settle?.id ?? ''], ALICE))[0]).toMatchObject({ outcome: 'settled', detail: 'it is revoked' });
    expect((await liveOf('debt-api')).map((key) => key.sha256)).toEqual([sha256(serves('debt-api'))]);
    await finish(id);
  });

  test('a store that went back to an older key gets the current one again; one with a foreign value, or with nothing, is left alone', async () => {
    const old = serves('drift-api');
    await finish(await request('drift-api'));
    const current = serves('drift-api');
    writes('second-api', 'hm_live_somebody-elses-value-0123456789');
    const third = serves('race-api');
    rmSync(rig.envFile('race-api'));
    writeFileSync(rig.envFile('drift-api'), `HYPERMEMORY_API_KEY=${old}\nHYPERMEMORY_API_KEY_BACKUP=${current}\n`, { mode: 0o600 });
    const [drifted] = (await about('drift-api')).filter((finding) => finding.subject === 'store');
    expect(drifted).toMatchObject({ level: 'problem', message: expect.stringContaining('older key of drift-api'), settle: { safe: expect.stringContaining('only if the place still serves') } });
    expect((await about('second-api')).filter((finding) => finding.subject === 'store')[0]).toMatchObject({ leftAlone: 'Keyturn did not write what it serves' });
    expect((await about('race-api')).filter((finding) => finding.subject === 'store')[0]).toMatchObject({ message: expect.stringContaining('keyturn publish race-api'), leftAlone: expect.stringContaining('not mounted') });
    writes('race-api', third);
    expect(await app.operations.settle([drifted?.settle?.id ?? ''], ALICE)).toMatchObject([{ outcome: 'settled' }]);
    expect(serves('drift-api')).toBe(current);
    expect(serves('second-api')).toBe('hm_live_somebody-elses-value-0123456789');
    expect(await app.operations.settle([drifted?.settle?.id ?? ''], ALICE)).toMatchObject([{ outcome: 'in_order' }]);
  });

  test('a rotation that waits for a person is found, with the commands, and is left to people', async () => {
    await around.sandbox.setFaults([{ match: { path: '/**' }, effect: { kind: 'status', status: 403, body: { error: 'forbidden' } } }]);
    const id = await request('stop-api');
    await advance(app.context.engine, id, signal);
    await around.sandbox.setFaults([]);
    const [finding] = await about(id);
    expect(finding).toMatchObject({ subject: 'rotation', level: 'problem', leftAlone: expect.stringContaining('waits for a person') });
    expect(finding?.message).toContain(`keyturn rotations resume ${id}`);
    expect((await app.operations.settle([`rotation/stop-api/${id}`], ALICE))[0]?.outcome).toBe('left_alone');
    await app.operations.abortRotation(id, ALICE);
    await finish(id);
    expect(await about(id)).toEqual([]);
  });

  test('what is no finding is refused before anything is touched', async () => {
    const orphan = await mintUnknown('orphan-api');
    for (const bad of ['nonsense', 'orphan/hm', 'key/hm/1', 'orphan/%zz/1']) {
      await expect(app.operations.settle([`orphan/hm/${orphan.id}`, bad], ALICE)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
    }
    expect((await liveOf('orphan-api')).map((key) => key.id)).toContain(orphan.id);
    expect(await app.operations.settle(['orphan/nowhere/1', 'drift/nobody/env'], ALICE)).toMatchObject([{ outcome: 'in_order' }, { outcome: 'in_order' }]);
    expect(await settleAll(orphan.id)).toEqual(['settled: it is revoked']);
  });

  async function elapse(ms: number): Promise<void> {
    await rig.pass(ms);
    app = rig.app;
    ({ ledger } = app.context);
  }

  test('a key that is gone at the issuer is marked as lost once a call with it was refused, and its credential gets a new one', async () => {
    const value = serves('lost-api');
    const [key] = await liveOf('lost-api');
    await elapse(180_000);
    await around.sandbox.revokeKey(key?.id ?? '');
    const [finding] = (await about('lost-api')).filter((one) => one.settle?.id.startsWith('lost/') === true);
    expect(finding).toMatchObject({ level: 'problem', settle: { does: expect.stringContaining('gets a new key, once a call with its value was refused') } });
    const before = await everything();
    await app.operations.doctor();
    expect(await everything()).toEqual(before);
    expect(await app.operations.settle([finding?.settle?.id ?? ''], ALICE)).toMatchObject([{ outcome: 'settled', detail: 'it is marked as lost' }]);
    expect((await ledger.keysOf('lost-api')).map((one) => one.state)).toEqual(['lost']);
    await app.work.sweep(signal);
    await finish((await ledger.openRotation('lost-api'))?.id ?? '');
    expect([serves('lost-api') === value, (await liveOf('lost-api')).map((one) => one.sha256)]).toEqual([false, [sha256(serves('lost-api'))]]);
  });

  test('a key that is not listed and still works is not marked: the admin key may be of another account', async () => {
    const [key] = (await ledger.keysOf('served-api')).filter((one) => one.state === 'current');
    const hiding = { ...app.context.engine, plugins: async (plan: Parameters<typeof app.context.engine.plugins>[0]) => {
      const plugins = await app.context.engine.plugins(plan);
      return { ...plugins, issuer: Object.assign(Object.create(plugins.issuer) as typeof plugins.issuer, { list: async (within: AbortSignal) => (await plugins.issuer.list(within)).filter((one) => one.id !== key?.issuerKeyId) }) };
    } };
    const records = (await ledger.credentials()).filter((record) => record.declared);
    expect(await settleDisorder(hiding, records, `lost/hm/${key?.id}`, ALICE, signal)).toMatchObject({ outcome: 'left_alone', detail: expect.stringContaining('still works') });
    expect((await ledger.key(key?.id ?? ''))?.state).toBe('current');
  });

  test('a key whose issuer has another name in the configuration by now is no orphan: the ledger has it under the old one', async () => {
    const [path, key] = [join(rig.directory, 'keyturn.yaml'), (await liveOf('served-api'))[0]];
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, before.replaceAll(/\bhm\b/g, 'renamed'));
    expect((await app.operations.reload(ACTOR)).applied).toBe(true);
    const findings = (await app.operations.doctor()).filter((finding) => finding.settle?.id.startsWith('orphan/') === true);
    expect(findings).toEqual([]);
    expect(await app.operations.settle([`orphan/renamed/${key?.id}`], ALICE)).toMatchObject([{ outcome: 'in_order' }]);
    expect((await liveOf('served-api')).map((one) => one.id)).toEqual([key?.id]);
    writeFileSync(path, before);
    await app.operations.reload(ACTOR);
  });
});
