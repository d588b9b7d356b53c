/** Drills that policies ask for: once an occurrence, one at a time an issuer, and nothing is lost by being down. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createDrills } from '../../src/app/drills/index.ts';
import { days, hours, minutes } from '../../src/core/duration.ts';
import type { Drill } from '../../src/ports/drill-ledger.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, openRig, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const DRILLED = { policy: { drill: 'monthly', timezone: 'Europe/Berlin' } };

vi.setConfig({ testTimeout: 240_000 });

describe.skipIf(!motoAvailable()).each(RUNTIMES)('scheduled drills on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  let work: (signal: AbortSignal) => Promise<void>;
  let seen = '';
  const signal = AbortSignal.timeout(600_000);
  const anew = (): void => void (work = createDrills(rig.app.context));
  const all = (credential: string): Promise<readonly Drill[]> => rig.app.context.drills.drills({ credential }, { limit: 99 });
  const open = (): Promise<readonly Drill[]> => rig.app.context.drills.drills({ open: true }, { limit: 99 });
  const turn = async (): Promise<void> => {
    await work(signal);
    for (const { id, credential } of await rig.app.context.ledger.rotations({ open: true }, { limit: 100 })) if (credential.startsWith('drill:')) await rig.app.work.advance(id, signal);
    await rig.app.work.payDebts(signal);
    seen = JSON.stringify((await rig.app.operations.drills({ limit: 1 })).drills);
  };
  /** Nothing is open, and nothing more is due. */
  const settled = (): Promise<true> => eventually(async () => { await turn(); if ((await open()).length > 0) return null; await turn(); return (await open()).length === 0 ? true : null; }, () => `no drill to be open: ${seen}`, 50_000);
  const warnings = async (): Promise<readonly string[]> => (await rig.app.context.ledger.deliveries({}, { limit: 1_000 })).filter(({ channel, notice }) => channel === 'slack' && notice.kind === 'drill' && notice.severity === 'warning').map(({ notice }) => notice.title);
  /** The account has so many live keys and one more free. */
  const crowd = async (): Promise<() => void> => {
    const plan = (await rig.app.context.ledger.credential('a-api'))?.plan ?? expect.fail();
    const { issuer } = await rig.app.context.engine.plugins(plan);
    const inspect = issuer.inspect.bind(issuer);
    Object.assign(issuer, { inspect: async (at: AbortSignal) => { const account = await inspect(at); return { ...account, keyLimit: account.liveKeys + 1 }; } });
    return () => void Object.assign(issuer, { inspect });
  };

  beforeAll(async () => {
    around = await startSurroundings();
    rig = await openRig(runtime, around, { jobs: false, credentials: { 'a-api': DRILLED, 'b-api': DRILLED, 'paused-api': DRILLED, 'by-hand-api': {} }, issuer: { plan: 'enterprise', listLag: '0s', pacing: { maxConcurrent: 100, perMinute: 10_000 } } });
    await rig.app.work.sweep(signal);
    for (const rotation of await rig.app.operations.rotations({})) await rig.app.work.advance(rotation.id, signal);
    await rig.app.operations.pause({ scope: 'credential', name: 'paused-api' }, ACTOR);
    anew();
  }, 600_000);
  afterAll(async () => {
    await rig?.close();
    await around?.stop();
  });

  test('nothing is due before the first occurrence after it was declared', async () => {
    await turn();
    expect([await open(), (await rig.app.operations.doctor()).filter(({ subject }) => subject === 'drill')]).toEqual([[], []]);
  });

  test('after months of being down each is drilled once, one after the other; who is paused or by hand is not', async () => {
    await rig.pass(days(100));
    anew();
    await turn();
    expect((await open()).map(({ credential, actor, occurrence }) => [credential, actor.who, occurrence === null])).toEqual([['a-api', 'schedule', false]]);
    await settled();
    expect(await Promise.all(['a-api', 'b-api', 'paused-api', 'by-hand-api'].map(async (name) => (await all(name)).map(({ state }) => state)))).toEqual([['passed'], ['passed'], [], []]);
    const [first] = await all('a-api');
    const berlin = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', day: 'numeric', hour: 'numeric', hourCycle: 'h23' }).format(first?.occurrence ?? new Date(0));
    expect(berlin).toMatch(/^1\D+09$|^01\D+09$/);
    expect((await rig.app.operations.doctor()).filter(({ subject, level }) => subject === 'drill' && level === 'warning')).toEqual([expect.objectContaining({ name: 'paused-api', message: expect.stringContaining('is due since') })]);
  });

  test('is made up for once the pause is over', async () => {
    await rig.app.operations.resume({ scope: 'credential', name: 'paused-api' }, ACTOR);
    anew();
    await turn();
    await settled();
    expect((await all('paused-api')).map(({ state }) => state)).toEqual(['passed']);
  });

  test('one that a person asked for answers the occurrence before it', async () => {
    await rig.pass(days(31));
    anew();
    await rig.app.operations.beginDrill('b-api', ACTOR);
    await settled();
    await turn();
    expect((await all('b-api')).map(({ occurrence }) => occurrence === null)).toEqual([true, false]);
  });

  test('where the issuer has no room, it is left out, told once for all of them, and not tried again before the next', async () => {
    await rig.pass(days(31));
    anew();
    const free = await crowd();
    try {
      for (let n = 0; n < 3; n += 1) {
        anew();
        await turn();
      }
    } finally {
      free();
    }
    await rig.pass(hours(1));
    anew();
    await turn();
    expect([await open(), (await warnings())]).toEqual([[], ['a-api: scheduled drill left out']]);
    const [left] = await all('a-api');
    expect(left).toMatchObject({ state: 'given_up', rotations: { mint: null, leak: null, end: null }, verdict: { why: expect.stringContaining('2 free') } });
    await rig.pass(days(31) + minutes(1));
    anew();
    await turn();
    await settled();
    expect((await all('a-api'))[0]?.state).toBe('passed');
  });
});
