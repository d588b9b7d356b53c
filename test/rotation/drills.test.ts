/** Drills on a whole worker: judged by the sandbox's own list of keys, and by the files that are left. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createDrills } from '../../src/app/drills/index.ts';
import type { DrillView } from '../../src/app/drills/operations.ts';
import { DRILL_LATE_MS, drillCredential } from '../../src/core/drill.ts';
import { minutes } from '../../src/core/duration.ts';
import type { Notice } from '../../src/core/vocabulary.ts';
import type { DrillLedger } from '../../src/ports/drill-ledger.ts';
import type { Rotation } from '../../src/ports/ledger.ts';
import type { FaultRule } from '../../src/sandbox/index.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { diesAfter, inState, type Moment } from '../support/stepping.ts';

const NAMES = ['plain-api', 'other-api', 'crash-api', 'real-api'];
const OWN = 'drill-';
const REVOKES_FAIL: FaultRule = { name: 'revokes', match: { method: 'DELETE' }, effect: { kind: 'status', status: 503 } };

const attempt = (rotation: Rotation): { sentAt?: unknown; outcome?: unknown } => rotation.notes['attempt'] ?? {};
type Step = 'mint' | 'leak' | 'end';
/** Where the worker dies. */
const DEATHS: readonly (readonly [name: string, step: Step, at: Moment])[] = [
  ['preflight of the throw-away key', 'mint', inState('preflight')],
  ['the create, before it is sent', 'mint', inState('creating')],
  ['the create, once it is written that it is sent', 'mint', (r) => r.state === 'creating' && attempt(r).sentAt != null],
  ['the create, once the key is minted', 'mint', (r) => r.state === 'creating' && attempt(r).outcome === 'minted'],
  ['publishing it', 'mint', inState('promoting')],
  ['the revocation, before it is sent', 'leak', inState('revoking')],
  ['the create of the replacement', 'leak', (r) => r.state === 'creating' && attempt(r).sentAt != null],
  ['publishing the replacement', 'leak', inState('promoting')],
  ['the report', 'leak', inState('reporting')],
  ['the last revocation', 'end', inState('revoking')],
];
const WRITES = ['request', 'noteProof', 'finish'] as const satisfies readonly (keyof DrillLedger)[];

vi.setConfig({ testTimeout: 240_000 });

describe.skipIf(!motoAvailable()).each(RUNTIMES)('a drill on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  let work: (signal: AbortSignal) => Promise<void>;
  const signal = AbortSignal.timeout(900_000);
  beforeAll(async () => {
    around = await startSurroundings();
    rig = await openRig(runtime, around, { jobs: false, credentials: Object.fromEntries(NAMES.map((name) => [name, { checks: ['health'] }])), issuer: { plan: 'enterprise', listLag: '0s', pacing: { maxConcurrent: 100, perMinute: 10_000 } } });
    await rig.app.work.sweep(signal);
    for (const rotation of await rig.app.operations.rotations({})) await rig.app.work.advance(rotation.id, signal);
    anew();
  }, 600_000);
  afterAll(async () => {
    await rig?.close();
    await around?.stop();
  });

  /** As another process would: it knows no value. */
  const anew = (): void => void (work = createDrills(rig.app.context));
  const begin = async (name: string): Promise<string> => (await rig.app.operations.beginDrill(name, ACTOR)).id;
  const look = (id: string): Promise<DrillView> => rig.app.operations.drill(id);
  const rotationOf = async (id: string, step: Step): Promise<string | undefined> => (await look(id)).rotations.find((one) => one.step === step)?.id;
  const folder = (): string => join(rig.running.dataDir, 'drills');
  const left = (): readonly string[] => (existsSync(folder()) ? readdirSync(folder()) : []);
  const living = async (prefix = ''): Promise<readonly string[]> => (await around.sandbox.inspect()).keys.filter(({ status, name }) => status === 'active' && name.startsWith(prefix)).map(({ name }) => name);
  const served = (name: string): string => readFileSync(rig.envFile(name), 'utf8');
  const told = async (id: string): Promise<readonly Notice[]> => {
    const deliveries = await rig.app.context.ledger.deliveries({}, { limit: 1_000 });
    return deliveries.filter(({ channel, notice }) => channel === 'slack' && notice.dedupeKey.startsWith(`drill:${id}:`)).map(({ notice }) => notice).toReversed();
  };
  const advanceAll = async (): Promise<void> => {
    for (const { id, credential } of await rig.app.context.ledger.rotations({ open: true }, { limit: 100 })) if (credential.startsWith('drill:')) await rig.app.work.advance(id, signal);
    await rig.app.work.payDebts(signal);
  };
  /** One look of the job, and a turn for each rotation and debt of drills. */
  const turn = async (): Promise<void> => {
    await work(signal);
    await advanceAll();
  };
  const until = async (id: string, seen: (drill: DrillView) => boolean): Promise<DrillView> =>
    await eventually(async () => {
      await turn();
      const drill = await look(id);
      return seen(drill) ? drill : null;
    }, () => `drill ${id}`, 120_000);
  const over = (id: string): Promise<DrillView> => until(id, ({ finishedAt }) => finishedAt !== null);
  const nothingLeft = async (): Promise<void> => expect([await living(OWN), left()]).toEqual([[], []]);

  test('revokes and replaces a throw-away key, measures it, and touches nothing else', async () => {
    const [before, hooked] = [served('plain-api'), await living()];
    const id = await begin('plain-api');
    const running = await until(id, ({ rotations }) => rotations.some(({ step }) => step === 'leak'));
    expect([left(), statSync(join(folder(), id, 'key.env')).mode & 0o777, statSync(join(folder(), id)).mode & 0o777]).toEqual([[id], 0o600, 0o700]);
    expect(running).toMatchObject({ state: 'running', failure: null });
    const drill = await over(id);
    expect(drill).toMatchObject({ credential: 'plain-api', state: 'passed', refusedBy: 'call', failure: null, requestedBy: 'test', timeToRevokeMs: expect.any(Number), timeToRecoverMs: expect.any(Number), now: '' });
    expect(drill.timeToRecoverMs).toBeGreaterThanOrEqual(drill.timeToRevokeMs ?? Number.NaN);
    const minted = await mintedFor(around.sandbox, `${OWN}plain-api`);
    expect(minted.map(({ status }) => status)).toEqual(['revoked', 'revoked']);
    expect(minted[0]?.requestsAfterRevocation).toBe(1);
    expect([served('plain-api'), await living()]).toEqual([before, hooked]);
    await nothingLeft();
    expect((await told(id)).map(({ severity, title }) => [severity, title])).toEqual([['info', 'plain-api: drill passed']]);
  });

  test('is none of the incidents, reports, findings and summaries of people', async () => {
    const { operations, context, work: jobs } = rig.app;
    expect(await operations.incidents({})).toEqual([]);
    expect((await operations.incidents({ credential: drillCredential('plain-api') })).length).toBe(2);
    await jobs.reportIncidents(signal);
    expect((await operations.status()).credentials.map(({ credential }) => credential)).toEqual(NAMES.toSorted());
    expect((await context.ledger.daily(minutes(60))).done).toBe(NAMES.length);
    const kinds = (await context.ledger.deliveries({}, { limit: 1_000 })).filter(({ notice }) => notice.credential?.includes('drill') === true || notice.kind === 'incident_report');
    expect(kinds).toEqual([]);
    expect((await operations.keys({ issuer: 'hm' })).filter(({ credential }) => credential?.startsWith('drill:') === true)).toEqual([]);
  });

  test('is one at a time, not while it is paused, and says what stands in its way', async () => {
    const { operations, context } = rig.app;
    await operations.pause({ scope: 'credential', name: 'other-api' }, ACTOR);
    await expect(begin('other-api')).rejects.toMatchObject({ code: 'PAUSED', message: expect.stringContaining('No drill was begun') });
    await operations.resume({ scope: 'credential', name: 'other-api' }, ACTOR);
    await expect(begin('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
    await expect(begin(drillCredential('plain-api'))).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
    const id = await begin('plain-api');
    for (const name of ['plain-api', 'other-api']) {
      await expect(begin(name)).rejects.toMatchObject({ code: 'BLOCKED', message: expect.stringContaining(id) });
      expect((await operations.drillPlan(name)).blockedBy.map(({ why }) => why)).toEqual([expect.stringContaining(id)]);
    }
    expect((await over(id)).state).toBe('passed');
    expect((await context.drills.drills({ credential: 'plain-api' }, { limit: 9 })).length).toBe(2);
  });

  test('leaves the last free slot to others, and makes nothing where there is none', async () => {
    const live = (await living()).length;
    const account = await rig.app.context.engine.plugins((await rig.app.context.ledger.credential('plain-api'))?.plan ?? expect.fail());
    const inspect = account.issuer.inspect.bind(account.issuer);
    try {
      Object.assign(account.issuer, { inspect: async () => ({ ...(await inspect(signal)), keyLimit: live + 1 }) });
      await expect(begin('plain-api')).rejects.toMatchObject({ code: 'BLOCKED', message: expect.stringContaining('2 free') });
      Object.assign(account.issuer, { inspect: async () => ({ ...(await inspect(signal)), keyLimit: 1 }) });
      await expect(begin('plain-api')).rejects.toMatchObject({ code: 'BLOCKED', message: expect.stringContaining('one live key') });
    } finally {
      Object.assign(account.issuer, { inspect });
    }
    expect((await living()).length).toBe(live);
  });

  test('gives way to an emergency, and its keys die', async () => {
    const id = await begin('plain-api');
    await until(id, ({ rotations }) => rotations.some(({ step }) => step === 'leak'));
    const { rotation } = await rig.app.operations.revoke('real-api', ACTOR);
    const drill = await over(id);
    expect(drill).toMatchObject({ state: 'given_up', failure: 'An emergency of real-api came first.' });
    await nothingLeft();
    await expect(begin('other-api')).rejects.toMatchObject({ code: 'BLOCKED', message: expect.stringContaining('real-api') });
    await rig.app.work.advance(rotation.id, signal);
    expect((await rig.app.operations.rotation(rotation.id)).state).toBe('done');
    expect((await told(id)).map(({ severity, title }) => [severity, title])).toEqual([['warning', 'plain-api: drill given up']]);
  });

  test('says that the issuer revokes nothing, keeps at it, and has failed when it is late', async () => {
    await around.sandbox.setFaults([REVOKES_FAIL]);
    const id = await begin('plain-api');
    const stuck = await until(id, ({ now }) => now.includes('not revoked yet'));
    expect(stuck).toMatchObject({ state: 'running', timeToRevokeMs: null, failure: null });
    await rig.pass(DRILL_LATE_MS);
    anew();
    const failed = await until(id, ({ failure }) => failure !== null);
    expect(failed).toMatchObject({ state: 'running', failure: expect.stringMatching(/^It was not over within 10 minutes\. .*not revoked yet/s) });
    expect((await told(id)).map(({ severity, title }) => [severity, title])).toEqual([['warning', 'plain-api: drill failed']]);
    expect((await living(OWN)).length).toBe(1);
    await around.sandbox.setFaults([]);
    await rig.pass(minutes(1));
    anew();
    expect(await over(id)).toMatchObject({ state: 'failed', timeToRevokeMs: expect.any(Number) });
    expect((await told(id)).length).toBe(1);
    await nothingLeft();
    expect((await rig.app.operations.doctor()).filter(({ subject, level }) => subject === 'drill' && level === 'warning')).toEqual([expect.objectContaining({ name: 'plain-api', message: expect.stringContaining('Its last drill failed') })]);
  });

  test('finds the key of a create whose answer was lost, and it dies', async () => {
    await around.sandbox.setFaults([{ name: 'lost', match: { method: 'POST', createdName: `${OWN}*` }, times: 1, effect: { kind: 'drop-after' } }]);
    const id = await begin('plain-api');
    await turn();
    await around.sandbox.setFaults([]);
    await rig.pass(minutes(2));
    anew();
    expect((await over(id)).state).toBe('passed');
    expect(await rotationOf(id, 'mint')).toBeDefined();
    await nothingLeft();
  });

  test('a create that lands once the drill is over is found by its name, and its key dies', async () => {
    await around.sandbox.setFaults([{ name: 'lost', match: { method: 'POST', createdName: `${OWN}*` }, times: 1, effect: { kind: 'drop-before' } }]);
    const id = await begin('plain-api');
    await turn();
    await around.sandbox.setFaults([]);
    await rig.pass(minutes(2));
    anew();
    expect((await over(id)).state).toBe('passed');
    const [lost] = (await rig.app.operations.rotation((await rotationOf(id, 'mint')) ?? '')).attempts;
    expect(lost?.outcome).toBe('lost');
    await around.sandbox.mintKey({ name: lost?.name ?? '', scopes: ['memory:write'] });
    expect((await living(OWN)).length).toBe(1);
    await rig.app.work.inventory(signal);
    await rig.app.work.payDebts(signal);
    await nothingLeft();
    expect(await rig.app.context.ledger.openDebts({ credential: drillCredential('plain-api') })).toEqual([]);
  });

  test.each(DEATHS)('goes on after a worker died in %s', async (_name, step, at) => {
    const untouched = await living('crash-api');
    const id = await begin('crash-api');
    await eventually(async () => {
      await work(signal);
      if ((await rotationOf(id, step)) !== undefined) return true;
      await advanceAll();
      return false;
    }, () => `${step} of ${id}`);
    await diesAfter(rig.app.context.engine, (await rotationOf(id, step)) ?? '', at, signal);
    await rig.pass(minutes(2));
    anew();
    expect(await over(id)).toMatchObject({ state: 'passed', failure: null });
    await nothingLeft();
    expect(await living('crash-api')).toEqual(untouched);
  });

  test.each(WRITES)('asks for nothing twice when the answer to %s is lost each time', async (method) => {
    const { context } = rig.app;
    const write = context.drills[method] as (...given: unknown[]) => Promise<unknown>;
    const lost = { ...context.drills, [method]: async (...given: unknown[]) => { await write(...given); throw new Error('the answer is lost'); } };
    work = createDrills({ ...context, drills: lost });
    const id = await begin('crash-api');
    await expect(eventually(async () => { await turn(); return (await look(id)).finishedAt; }, () => 'the end', 60_000)).resolves.toEqual(expect.any(String));
    anew();
    await turn();
    expect((await look(id)).state).toBe('passed');
    expect((await mintedFor(around.sandbox, `${OWN}crash-api`)).filter(({ status }) => status === 'active')).toEqual([]);
    expect((await look(id)).rotations.length).toBe(3);
    await nothingLeft();
  });

  test('the keys of one that is over die although another worker, frozen since, asks for more', async () => {
    const { drills, ledger } = rig.app.context;
    const [last] = await drills.drills({ credential: 'crash-api' }, { limit: 1 });
    const own = await ledger.credential(drillCredential('crash-api'));
    if (last === undefined || own === null) throw new Error('there was a drill');
    expect(await drills.request(last.id, 'mint', last.rotations.mint, { credential: own.name, kind: 'manual', path: 'displace', plan: own.plan, actor: ACTOR, oldKeyId: null })).toBeNull();
    expect(await ledger.openRotation(own.name)).toBeNull();
  });
});
