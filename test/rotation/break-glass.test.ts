/** Records of revocations past the worker, taken in: what the ledger, the issuer and the env files show afterwards. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { App } from '../../src/app/index.ts';
import { keep } from '../../src/app/break-glass/keep.ts';
import { recordText } from '../../src/app/break-glass/text.ts';
import { sealRecord, type BreakGlassRecord } from '../../src/core/break-glass.ts';
import { Secret } from '../../src/core/secret.ts';
import { isTerminal, type RotationState } from '../../src/core/vocabulary.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { advance } from '../../src/rotation/advance.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, readEnv, ROOT_VARIABLE, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { diesAfter, inState } from '../support/stepping.ts';

const sha256 = (value: string | undefined): string => createHash('sha256').update(value ?? '').digest('hex');
const BOB = { who: 'cli:bob@host', why: 'I was there' };
const NAMES = ['plain-api', 'alive-api', 'mute-api', 'kept-api', 'forged-api', 'hand-api', 'old-api', 'early-api', 'late-api', 'both-api', 'mint-api', 'twice-api', 'gone-api'] as const;
type Name = (typeof NAMES)[number];

const rootKey = (): Secret => new Secret(process.env[ROOT_VARIABLE] ?? '');

/** As `keyturn revoke --direct` leaves it. */
const recordOf = (issuerKeyId: string, parts: Partial<BreakGlassRecord> = {}): BreakGlassRecord => ({
  id: ulid(), issuer: 'hm', keyId: issuerKeyId, name: 'n', prefix: 'hm_live_', credential: null, who: 'cli:alice@laptop', why: 'it leaked',
  askedAt: new Date().toISOString(), revokedAt: new Date().toISOString(), outcome: 'revoked', ...parts,
});

describe.skipIf(!motoAvailable()).each(RUNTIMES)('break-glass records on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  let app: App;
  let ledger: Ledger;
  const signal = AbortSignal.timeout(900_000);

  beforeAll(async () => {
    around = await startSurroundings();
    const credentials = Object.fromEntries(NAMES.map((name) => [name, { places: ['env'] as const, policy: name === 'old-api' ? { overlap: '10m' } : {} }]));
    rig = await openRig(runtime, around, { jobs: false, credentials, issuer: { listLag: '0s', pacing: { maxConcurrent: 100, perMinute: 10_000 } } });
    ({ app } = rig);
    ({ ledger } = app.context);
    await app.work.sweep(signal);
    for (const name of NAMES) await finish((await ledger.openRotation(name))?.id ?? '');
  }, 600_000);
  afterAll(async () => {
    await rig?.close();
    await around?.stop();
  });
  afterEach(() => rmSync(folder(), { recursive: true, force: true }));

  const folder = (): string => join(rig.running.dataDir, 'break-glass');
  const files = (): readonly string[] => (existsSync(folder()) ? readdirSync(folder()).sort() : []);
  const serves = (name: Name): string => readEnv(rig.envFile(name))['HYPERMEMORY_API_KEY'] ?? '';
  const live = async (name: Name) => (await mintedFor(around.sandbox, name)).filter((key) => key.status === 'active');
  const current = async (name: Name) => (await ledger.keysOf(name)).find((key) => key.state === 'current') ?? expect.fail(`${name} has a current key`);
  const finish = (id: string): Promise<unknown> => eventually(async () => {
    await advance(app.context.engine, id, signal);
    const rotation = await ledger.rotation(id);
    if (rotation?.reason === 'settling') {
      // What the rotation before had sent may still land: waited out, by the ledger's clock.
      await rig.pass(60_000);
      ({ app } = rig);
      ({ ledger } = app.context);
    }
    return rotation !== null && isTerminal(rotation.state);
  }, () => `rotation ${id} to end`);
  const lay = (record: BreakGlassRecord): string => keep(record, { dataDir: rig.running.dataDir, recordDir: null, here: rig.directory, rootKey: rootKey() }).path ?? '';
  const take = (): Promise<void> => app.work.takeRecords(signal);
  /** A file that changes is looked at at once. */
  const again = async (paths: readonly string[]): Promise<void> => {
    paths.forEach((path) => writeFileSync(path, `${readFileSync(path, 'utf8')}\n`));
    await take();
  };
  const taken = async (name: Name) => (await ledger.auditEvents({ credential: name }, { limit: 200 })).filter((event) => event.type === 'break_glass.taken');
  const told = async (part: string): Promise<readonly string[]> => {
    const [{ warnings }, findings] = await Promise.all([app.operations.status(), app.operations.doctor()]);
    return [...warnings.filter((text) => text.includes(part)), ...findings.filter(({ subject, message }) => subject === 'break glass' && message.includes(part)).map(({ level }) => level)];
  };
  const untouched = async (name: Name, value: string): Promise<void> => {
    expect([serves(name), (await live(name)).map((key) => key.sha256), (await current(name)).state, await ledger.openRotation(name), await taken(name)]).toEqual([value, [sha256(value)], 'current', null, []]);
  };

  test('a revoked current key: audited under who revoked it, marked, replaced by an emergency rotation, and the file is set aside', async () => {
    const [before, key] = [serves('plain-api'), await current('plain-api')];
    await around.sandbox.revokeKey(key.issuerKeyId);
    const record = recordOf(key.issuerKeyId);
    lay(record);
    await take();
    expect(files()).toEqual([`${record.id}.json.taken`]);
    expect(await ledger.key(key.id)).toMatchObject({ state: 'revoked', revokedAt: expect.any(Date) });
    expect(await taken('plain-api')).toMatchObject([{ actor: { who: 'cli:alice@laptop', why: 'it leaked' }, keyId: key.id, detail: { record: record.id, signed: true, outcome: 'revoked', seen: 'listed as revoked' } }]);
    const rotation = await ledger.openRotation('plain-api');
    expect(rotation).toMatchObject({ kind: 'emergency', oldKeyId: key.id, actor: { who: 'cli:alice@laptop' } });
    await finish(rotation?.id ?? '');
    expect([serves('plain-api') === before, (await live('plain-api')).map((one) => one.sha256)]).toEqual([false, [sha256(serves('plain-api'))]]);
    await ledger.seal(1_000);
    expect(await app.operations.verifyAudit()).toMatchObject({ ok: true });
    // The incident begins with who revoked it, not with the worker that heard of it.
    expect(await app.operations.incident(rotation?.id ?? '')).toMatchObject({
      status: 'recovered', asked: { by: 'cli:alice@laptop', why: 'it leaked', at: record.askedAt },
      window: { from: key.createdAt.toISOString(), until: record.revokedAt, open: false },
      keys: [{ issuerKeyId: key.issuerKeyId, revokedAt: record.revokedAt, outcome: 'revoked', revokedAfterMs: Date.parse(record.revokedAt ?? '') - Date.parse(record.askedAt) }],
    });
  });

  test('a record of a key that lives is carried out, once, whether it says that the key is dead or only that it was to die, and taken in once it is', async () => {
    const [before, key] = [serves('alive-api'), await current('alive-api')];
    // The older one is taken first, and its author is who asked.
    const [lies, intent] = [recordOf(key.issuerKeyId), recordOf(key.issuerKeyId, { id: ulid(Date.now() - 60_000), outcome: null, revokedAt: null, who: 'cli:carol@host', why: 'in a log' })];
    const paths = [lay(intent), lay(lies)];
    await Promise.all([take(), take()]);
    const [emergency, ...more] = await ledger.rotations({ credential: 'alive-api', open: true }, { limit: 10 });
    expect([more, emergency?.kind, emergency?.actor]).toEqual([[], 'emergency', { who: 'cli:carol@host', why: 'in a log' }]);
    expect([await taken('alive-api'), (await ledger.key(key.id))?.state, files()]).toEqual([[], 'current', [`${intent.id}.json`, `${lies.id}.json`].sort()]);
    for (const path of paths) expect(await told(path)).toEqual([expect.stringMatching(/not taken in yet: hm lists the key as live, and emergency \w+ revokes it\. The worker looks again by itself\.$/), 'warning']);
    // The worker dies here, and another looks at the same files: nothing is asked for twice.
    await again(paths);
    expect((await ledger.rotations({ credential: 'alive-api', open: true }, { limit: 10 })).map(({ id }) => id)).toEqual([emergency?.id]);
    await finish(emergency?.id ?? '');
    await again(paths);
    expect([files().every((file) => file.endsWith('.taken')), (await taken('alive-api')).length, (await ledger.key(key.id))?.state, await ledger.openRotation('alive-api')]).toEqual([true, 2, 'revoked', null]);
    expect([serves('alive-api') === before, (await live('alive-api')).map((one) => one.sha256)]).toEqual([false, [sha256(serves('alive-api'))]]);
  });

  test('what was to die while the issuer did not answer is an emergency at once, and is paged and tried as one', async () => {
    const [before, key] = [serves('mute-api'), await current('mute-api')];
    await around.sandbox.setFaults([{ match: { path: '/v1/api-keys' }, effect: { kind: 'status', status: 500 } }]);
    const path = lay(recordOf(key.issuerKeyId, { outcome: 'unconfirmed', revokedAt: null }));
    await take();
    const emergency = await ledger.openRotation('mute-api');
    expect(emergency).toMatchObject({ kind: 'emergency', notes: { revocation: { keys: [key.id], replace: true } } });
    await around.sandbox.setFaults([]);
    await finish(emergency?.id ?? '');
    await again([path]);
    expect([files(), serves('mute-api') === before, (await live('mute-api')).length, (await taken('mute-api')).length]).toEqual([[expect.stringMatching(/taken$/)], false, 1, 1]);
  });

  test.each([
    ['that was stopped by hand', { outcome: 'stopped', revokedAt: null }, /whoever asked for it stopped it/],
    ['of the day before yesterday', { outcome: null, revokedAt: null, askedAt: new Date(Date.now() - 2 * 86_400_000).toISOString() }, /more than 24 hours ago/],
    ['of a clock that is wrong', { outcome: 'unconfirmed', revokedAt: null, askedAt: new Date(Date.now() + 2 * 86_400_000).toISOString() }, /still to come/],
  ] as const)('a record %s revokes nothing, and people are paged, once an hour, with what to do', async (_which, parts, says) => {
    const [before, key] = [serves('kept-api'), await current('kept-api')];
    const record = recordOf(key.issuerKeyId, parts);
    const path = lay(record);
    await take();
    await again([path]);
    await untouched('kept-api', before);
    expect(await told(path)).toEqual([expect.stringMatching(new RegExp(`${says.source}.*If the key is to die, .*keyturn revoke ${key.issuerKeyId} --direct.*if it is to live, remove the file`)), 'warning']);
    const pages = (await ledger.deliveries({}, { limit: 200 })).filter(({ notice }) => notice.dedupeKey === `break_glass:${record.id}`);
    expect(new Set(pages.map(({ channel }) => channel)).size).toBe(pages.length);
    expect(pages[0]?.notice).toMatchObject({ severity: 'critical', credential: 'kept-api', happened: expect.stringMatching(says), todo: [expect.stringContaining(`keyturn revoke ${key.issuerKeyId}`), expect.stringContaining(`${record.id}.json`)] });
  });

  test('a living key that Keyturn does not know is left alone, and people are paged', async () => {
    const { id } = await around.sandbox.mintKey({ name: 'made-by-another-person', scopes: ['memory:write'] });
    const record = recordOf(id, { outcome: null, revokedAt: null });
    const path = lay(record);
    await take();
    expect(await told(path)).toEqual([expect.stringContaining('Keyturn does not know that key'), 'warning']);
    expect((await around.sandbox.inspect()).keys.find((key) => key.id === id)?.status).toBe('active');
    expect((await ledger.deliveries({}, { limit: 200 })).find(({ notice }) => notice.dedupeKey === `break_glass:${record.id}`)?.notice).toMatchObject({ credential: null, todo: [expect.stringContaining(`keyturn revoke ${id} --direct --issuer hm`), expect.anything()] });
  });

  test('edited, cut off, sealed under another root key, not sealed: none is taken in, though the key is dead by now, and each is told of', async () => {
    const [before, key] = [serves('forged-api'), await current('forged-api')];
    const record = recordOf(key.issuerKeyId);
    const sealed = recordText(sealRecord(record, rootKey()));
    const bad = {
      edited: [recordText({ ...sealRecord(record, rootKey()), who: 'cli:mallory@host' }), /changed after it was written/, 'problem'],
      'cut-off': [sealed.slice(0, -20), /no whole break-glass record/, 'problem'],
      foreign: [recordText(sealRecord(record, new Secret('a-root-key-of-somebody-else-0123456789'))), /another root key/, 'problem'],
      unsigned: [recordText(sealRecord(record, null)), /keyturn break-glass import/, 'warning'],
      huge: [`${sealed}${' '.repeat(20_000)}`, /no whole break-glass record/, 'problem'],
    } as const;
    mkdirSync(folder(), { mode: 0o700 });
    for (const [name, [text]] of Object.entries(bad)) writeFileSync(join(folder(), `${name}.json`), text);
    await take();
    await untouched('forged-api', before);
    await around.sandbox.revokeKey(key.issuerKeyId);
    await take();
    expect([files(), (await ledger.key(key.id))?.state]).toEqual([Object.keys(bad).map((name) => `${name}.json`).sort(), 'current']);
    for (const [name, [, says, level]] of Object.entries(bad)) expect([name, await told(`/${name}.json`)]).toEqual([name, [expect.stringMatching(says), level]]);
    for (const [name, [text]] of Object.entries(bad)) if (name !== 'unsigned') await expect(app.operations.takeRecord({ record: text, unsigned: true }, BOB)).rejects.toMatchObject({ code: 'RECORD_REFUSED' });
    expect((await ledger.key(key.id))?.state).toBe('current');
  });

  test('one without a signature is taken in by whoever vouches for it, under their name, once the issuer says that the key is dead', async () => {
    const key = await current('hand-api');
    const text = recordText(sealRecord(recordOf(key.issuerKeyId), null));
    await expect(app.operations.takeRecord({ record: text, unsigned: false }, BOB)).rejects.toMatchObject({ code: 'RECORD_REFUSED' });
    expect(await app.operations.takeRecord({ record: text, unsigned: true }, BOB)).toMatchObject({ outcome: 'not_dead', detail: expect.stringContaining('as live'), rotationId: null });
    expect((await ledger.key(key.id))?.state).toBe('current');
    await around.sandbox.revokeKey(key.issuerKeyId);
    const answer = await app.operations.takeRecord({ record: text, unsigned: true }, BOB);
    expect(answer).toMatchObject({ outcome: 'taken', credential: 'hand-api', rotationId: expect.any(String) });
    expect(await taken('hand-api')).toMatchObject([{ actor: { who: BOB.who, why: expect.stringMatching(/vouches for an unsigned.*cli:alice@laptop: it leaked/) }, detail: { signed: false, importedBy: BOB.who } }]);
    expect(await app.operations.takeRecord({ record: text, unsigned: true }, BOB)).toMatchObject({ outcome: 'already' });
    await finish(answer.rotationId ?? '');
    expect((await live('hand-api')).map((one) => one.sha256)).toEqual([sha256(serves('hand-api'))]);
  });

  test('a record that turns up again, under any name and in an older state, changes nothing', async () => {
    const key = await current('twice-api');
    const intent = recordOf(key.issuerKeyId, { outcome: null, revokedAt: null });
    const path = lay(intent);
    const older = readFileSync(path, 'utf8');
    await around.sandbox.revokeKey(key.issuerKeyId);
    lay({ ...intent, outcome: 'revoked', revokedAt: new Date().toISOString() });
    await Promise.all([take(), take()]);
    await finish((await ledger.openRotation('twice-api'))?.id ?? '');
    const [value, rotations] = [serves('twice-api'), (await ledger.rotations({ credential: 'twice-api' }, { limit: 50 })).length];
    writeFileSync(join(folder(), 'restored.json'), older);
    renameSync(`${path}.taken`, path);
    await take();
    expect([files().every((file) => file.endsWith('.taken')), (await taken('twice-api')).length, (await ledger.rotations({ credential: 'twice-api' }, { limit: 50 })).length, serves('twice-api')]).toEqual([true, 1, rotations, value]);
    expect((await live('twice-api')).map((one) => one.sha256)).toEqual([sha256(value)]);
  });

  test('a displaced key that dies while it drains is marked, and its rotation goes on to its own end', async () => {
    const old = await current('old-api');
    const [asked] = await app.operations.rotate({ credentials: ['old-api'] }, ACTOR);
    const id = asked?.rotation.id ?? '';
    await eventually(async () => {
      await advance(app.context.engine, id, signal);
      return (await ledger.rotation(id))?.state === 'draining';
    }, () => 'it to drain');
    await around.sandbox.revokeKey(old.issuerKeyId);
    lay(recordOf(old.issuerKeyId));
    await take();
    expect(await taken('old-api')).toMatchObject([{ rotationId: null, keyId: old.id }]);
    expect([(await ledger.key(old.id))?.state, (await ledger.openRotation('old-api'))?.id, (await live('old-api')).map((one) => one.sha256)]).toEqual(['revoked', id, [sha256(serves('old-api'))]]);
  });

  test.each<[Name, RotationState, 'old' | 'new']>([['early-api', 'creating', 'old'], ['mint-api', 'verified', 'new'], ['late-api', 'confirmed', 'new']])('%s: a rotation under way in %s whose %s key was revoked makes way for an emergency, and one live key is left', async (name, state, which) => {
    const [asked] = await app.operations.rotate({ credentials: [name] }, ACTOR);
    const id = asked?.rotation.id ?? '';
    await diesAfter(app.context.engine, id, inState(state), signal);
    const rotation = await ledger.rotation(id);
    const key = await ledger.key((which === 'old' ? rotation?.oldKeyId : rotation?.newKeyId) ?? '');
    await around.sandbox.revokeKey(key?.issuerKeyId ?? '');
    lay(recordOf(key?.issuerKeyId ?? ''));
    await take();
    expect(await ledger.rotation(id)).toMatchObject({ state: 'aborted', reason: 'preempted' });
    const emergency = await ledger.openRotation(name);
    expect(emergency).toMatchObject({ kind: 'emergency', oldKeyId: key?.id });
    await finish(emergency?.id ?? '');
    expect((await live(name)).map((one) => one.sha256)).toEqual([sha256(serves(name))]);
    expect((await ledger.keysOf(name)).filter((one) => one.state !== 'revoked').map((one) => one.state)).toEqual(['current']);
  });

  test('both keys of a rotation under way, taken in one after the other: the emergency of the first does not go on with the second', async () => {
    const [asked] = await app.operations.rotate({ credentials: ['both-api'] }, ACTOR);
    await diesAfter(app.context.engine, asked?.rotation.id ?? '', inState('confirmed'), signal);
    const { oldKeyId, newKeyId } = (await ledger.rotation(asked?.rotation.id ?? '')) ?? expect.fail('it is there');
    const [old, fresh] = await Promise.all([oldKeyId, newKeyId].map(async (id) => (await ledger.key(id ?? ''))?.issuerKeyId ?? ''));
    for (const id of [old, fresh]) await around.sandbox.revokeKey(id ?? '');
    lay(recordOf(old ?? '', { id: ulid(Date.now() - 1_000) }));
    await take();
    const first = (await ledger.openRotation('both-api'))?.id ?? '';
    await diesAfter(app.context.engine, first, inState('confirmed'), signal);
    lay(recordOf(fresh ?? ''));
    await take();
    expect(await ledger.rotation(first)).toMatchObject({ state: 'aborted', reason: 'preempted', newKeyId });
    await finish((await ledger.openRotation('both-api'))?.id ?? '');
    expect((await live('both-api')).map((one) => one.sha256)).toEqual([sha256(serves('both-api'))]);
  });

  test('of a key that the ledger does not know only the record goes into the audit log; and an issuer that is not configured can be asked nothing', async () => {
    const { id } = await around.sandbox.mintKey({ name: 'made-by-a-person', scopes: ['memory:write'] });
    await around.sandbox.revokeKey(id);
    const answer = await app.operations.takeRecord({ record: recordText(sealRecord(recordOf(id), rootKey())), unsigned: false }, BOB);
    expect(answer).toMatchObject({ outcome: 'taken', credential: null, rotationId: null });
    const elsewhere = recordText(sealRecord(recordOf(id, { issuer: 'elsewhere' }), rootKey()));
    expect(await app.operations.takeRecord({ record: elsewhere, unsigned: false }, BOB)).toMatchObject({ outcome: 'not_dead', detail: expect.stringContaining('no issuer elsewhere') });
  });

  test('an issuer that does not answer leaves everything as it is', async () => {
    const [before, key] = [serves('gone-api'), await current('gone-api')];
    await around.sandbox.setFaults([{ match: { path: '/v1/api-keys' }, effect: { kind: 'status', status: 500 } }]);
    lay(recordOf(key.issuerKeyId));
    await take();
    await around.sandbox.setFaults([]);
    await untouched('gone-api', before);
    expect(files()).toEqual([expect.stringMatching(/\.json$/)]);
  });
});
