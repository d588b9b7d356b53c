import { describe, expect, test } from 'vitest';
import { minutes } from '../../src/core/duration.ts';
import { Judge } from './judge.ts';
import { ROUTES } from './routes.ts';
import { Simulation } from './sim/simulation.ts';
import type { TrueKey } from './world/issuer.ts';
import { makeWorld, type World } from './world/world.ts';

/** A world of one credential whose two places serve people's key, and somebody who does to it what no worker may. */
interface Bench {
  readonly judge: Judge;
  readonly world: World;
  readonly old: TrueKey;
  mint(attempt: number): TrueKey;
  promote(key: TrueKey, ...places: readonly string[]): void;
  pass(ms: number): Promise<boolean>;
  now(): number;
}

function bench(): Bench {
  const scenario = ROUTES[0]?.scenario ?? expect.fail('there are routes');
  const sim = new Simulation(1, 0, () => null);
  const world = makeWorld(scenario, sim);
  const judge = new Judge(scenario, world);
  const old = world.issuer.live.find((key) => key.name === 'people-0') ?? expect.fail('people made a key');
  return {
    judge, world, old,
    mint: (attempt) => world.issuer.mint({ name: `c0-kt-model-000000000${attempt}`, scopes: ['memory:write'] }),
    promote: (key, ...places) => {
      for (const id of places) {
        const place = world.places.get(id);
        place?.promote({ attempt: key.name, value: key.value, expect: `v${place.location.version}`, displaced: 'drop' }, 0);
      }
    },
    pass: (ms) => sim.run(sim.now + ms, () => false),
    now: () => sim.now,
  };
}

const promises = ({ judge }: Bench): readonly number[] => [...new Set([...judge.broken, ...judge.unrest()].map(({ promise }) => promise))].sort((a, b) => a - b);

const named = (b: Bench, keys: readonly TrueKey[] | null, replace = true): void =>
  b.world.trail.add({ what: 'emergency-asked', credential: 'c0', keys: keys?.map(({ id }) => id) ?? null, replace });

describe('the judge sees', () => {
  test('nothing where everything was done as it should be', async () => {
    const b = bench();
    const fresh = b.mint(1);
    b.promote(fresh, 'c0/0', 'c0/1');
    b.world.issuer.use(fresh.value, 'keyturn', null);
    await b.pass(minutes(2));
    b.world.issuer.revoke(b.old.id, 0);
    expect(promises(b)).toEqual([]);
  });

  test('a key that is revoked while a place serves it (1)', () => {
    const b = bench();
    const fresh = b.mint(1);
    b.promote(fresh, 'c0/0');
    b.world.issuer.revoke(b.old.id, 0);
    expect(promises(b)).toContain(1);
  });

  test('a place that is made to serve a dead key, and an application that is refused (1)', () => {
    const b = bench();
    const fresh = b.mint(1);
    b.world.issuer.revoke(fresh.id, 0);
    b.promote(fresh, 'c0/0');
    expect(b.judge.broken.map(({ promise }) => promise)).toEqual([1]);
    b.world.issuer.use(fresh.value, 'application', 'c0');
    expect(b.judge.broken).toHaveLength(2);
  });

  test('a write that shows late by what it shows then, not by what readers got meanwhile (1)', async () => {
    const b = bench();
    const [first, second] = [b.mint(1), b.mint(2)];
    const place = b.world.places.get('c0/0') ?? expect.fail('there is such a place');
    const late = (key: TrueKey, ms: number): void => {
      place.serveStaleUntil(b.now() + ms);
      b.promote(key, 'c0/0');
    };
    late(first, 1_000);
    b.world.issuer.revoke(first.id, 0);
    expect(b.judge.broken).toEqual([]);
    await b.pass(1_000);
    place.caughtUp();
    expect(b.judge.broken.map(({ promise }) => promise)).toEqual([1]);
    late(second, 1_000);
    expect(b.judge.broken).toHaveLength(1);
  });

  test('an old key that goes before the overlap is over, or though nobody tried its successor (2)', () => {
    const b = bench();
    const fresh = b.mint(1);
    b.promote(fresh, 'c0/0', 'c0/1');
    b.world.issuer.revoke(b.old.id, 0);
    expect(b.judge.broken.map(({ promise }) => promise)).toEqual([2, 2]);
  });

  test.each([
    { what: 'an old key that goes after its successor, which leaked before the overlap was over (2)', leaksAfter: 0, broken: [2] },
    { what: 'nothing in an old key that was condemned before its successor leaked', leaksAfter: minutes(2), broken: [] },
  ])('$what', async ({ leaksAfter, broken }) => {
    const b = bench();
    const fresh = b.mint(1);
    b.promote(fresh, 'c0/0', 'c0/1');
    b.world.issuer.use(fresh.value, 'keyturn', null);
    await b.pass(leaksAfter);
    named(b, [fresh]);
    b.world.issuer.revoke(fresh.id, 0);
    await b.pass(minutes(2));
    b.world.issuer.revoke(b.old.id, 0);
    expect(b.judge.broken.map(({ promise }) => promise)).toEqual(broken);
  });

  test.each([
    { what: 'nothing in an old key whose overlap was over when its successor leaked and was replaced', replacedAfter: minutes(2), again: false, broken: [] },
    { what: 'an old key that goes right after its successor leaked and was replaced within the overlap (2)', replacedAfter: 0, again: false, broken: [2] },
    { what: 'an old key that a place served again in between (2)', replacedAfter: minutes(2), again: true, broken: [2] },
  ])('$what', async ({ replacedAfter, again, broken }) => {
    const b = bench();
    const [first, second, third] = [b.mint(1), b.mint(2), b.mint(3)];
    for (const key of [first, second, third]) b.world.issuer.use(key.value, 'keyturn', null);
    b.promote(first, 'c0/0', 'c0/1');
    await b.pass(minutes(2));
    b.promote(second, 'c0/0', 'c0/1');
    if (again) b.promote(first, 'c0/0');
    await b.pass(replacedAfter);
    if (again) b.promote(first, 'c0/0');
    named(b, [second]);
    b.promote(third, 'c0/0', 'c0/1');
    b.world.issuer.revoke(second.id, 0);
    b.world.issuer.revoke(first.id, 0);
    expect([...new Set(b.judge.broken.map(({ promise }) => promise))]).toEqual(broken);
  });

  test('an old key that goes though its successor, which nobody named, is dead (2)', async () => {
    const b = bench();
    const fresh = b.mint(1);
    b.promote(fresh, 'c0/0', 'c0/1');
    b.world.issuer.use(fresh.value, 'keyturn', null);
    await b.pass(minutes(2));
    b.world.issuer.remove(fresh);
    b.world.issuer.revoke(b.old.id, 0);
    expect(b.judge.broken.map(({ promise }) => promise)).toContain(2);
  });

  test.each([
    { what: 'nothing in a key that people put back right before it is revoked', before: 1_000, broken: [], gaps: 1 },
    { what: 'a key that is revoked though people put it back a while before (1)', before: minutes(1), broken: [1], gaps: 0 },
  ])('$what', async ({ before, broken, gaps }) => {
    const b = bench();
    const fresh = b.mint(1);
    b.promote(fresh, 'c0/0', 'c0/1');
    await b.pass(minutes(2));
    b.world.places.get('c0/1')?.edit({ current: b.old.value });
    await b.pass(before);
    b.world.issuer.revoke(b.old.id, 0);
    expect([b.judge.broken.map(({ promise }) => promise), b.judge.documentedGaps]).toEqual([broken, gaps]);
  });

  test('an orphan (3)', () => {
    const b = bench();
    b.mint(1);
    expect(promises(b)).toEqual([3]);
  });

  test('a key of somebody else that is gone (4)', () => {
    const b = bench();
    const [theirs] = b.world.bystanders;
    b.world.issuer.revoke(theirs?.id ?? '', 0);
    expect(promises(b)).toEqual([4]);
  });

  test('a key that was to die at once and lives (11)', () => {
    const b = bench();
    named(b, [b.old]);
    expect(promises(b)).toEqual([11]);
  });

  test('in an emergency of one key, another one that goes though places serve it (1)', () => {
    const b = bench();
    const fresh = b.mint(1);
    named(b, [fresh]);
    b.world.issuer.revoke(fresh.id, 0);
    expect(b.judge.broken).toEqual([]);
    b.world.issuer.revoke(b.old.id, 0);
    expect(b.judge.broken.map(({ promise }) => promise)).toEqual([1]);
  });

  test('a key of a credential that was given up (3), until somebody asks for one', () => {
    const b = bench();
    named(b, null, false);
    b.world.issuer.revoke(b.old.id, 0);
    expect(promises(b)).toEqual([]);
    const fresh = b.mint(1);
    b.promote(fresh, 'c0/0', 'c0/1');
    expect(promises(b)).toEqual([3]);
    b.world.trail.add({ what: 'rotation-asked', credential: 'c0' });
    expect(promises(b)).toEqual([]);
  });

  test('two keys under one name (6)', () => {
    const b = bench();
    const first = b.mint(1);
    b.mint(1);
    b.world.issuer.revoke(first.id, 0);
    expect(promises(b)).toContain(6);
  });

  test('a place that serves the key of somebody else, or one with other scopes (9)', () => {
    const b = bench();
    const [theirs] = b.world.bystanders;
    if (theirs === undefined) throw new Error('there are bystanders');
    b.promote(theirs, 'c0/0');
    const wide = b.world.issuer.mint({ name: 'c0-kt-model-0000000007', scopes: ['memory:admin'] });
    b.promote(wide, 'c0/0');
    expect(b.judge.broken.map(({ promise }) => promise)).toEqual([9, 9]);
  });
});
