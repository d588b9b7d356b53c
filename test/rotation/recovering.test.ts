/** When places and applications were first healthy, as an emergency notes it. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Facts } from '../../src/core/facts.ts';
import { noteRecovery } from '../../src/rotation/recovery.ts';
import { anyFacts, key, PLAN } from '../core/facts-arbitrary.ts';

let now = Date.parse('2026-03-04T10:00:00Z');
const clock = { ledger: { now: async () => new Date(now) } } as unknown as Parameters<typeof noteRecovery>[0];
const [base] = fc.sample(anyFacts, { numRuns: 1, seed: 1 });
const [one, other] = fc.sample(key, { numRuns: 2, seed: 2 });
if (base === undefined || one === undefined || other === undefined) throw new Error('there are samples');

const place = (id: string, serving: 'new' | 'empty') => ({ id, describe: id, ofRecord: false, serving, detail: '' });
const check = (name: string, ok: boolean) => ({ name, ok, detail: '' });
const at = (minute: number): string => new Date(Date.parse('2026-03-04T10:00:00Z') + minute * 60_000).toISOString();
const emergency: Facts = { ...base, plan: PLAN, notes: {}, places: [], application: [], newKey: { ...one, id: 'k1' }, rotation: { ...base.rotation, kind: 'emergency', path: 'emergency', state: 'promoting' } };

test('each is noted once, as it is seen first, by the ledger’s clock of that moment', async () => {
  const first = await noteRecovery(clock, { ...emergency, places: [place('a', 'new'), place('b', 'empty')], application: [] });
  now += 60_000;
  const second = await noteRecovery(clock, { ...first, places: [place('a', 'empty'), place('b', 'new')], application: [check('health', true), check('login', false)] });
  now += 60_000;
  const third = await noteRecovery(clock, { ...second, places: [place('a', 'new'), place('b', 'new')], application: [check('health', true), check('login', true)] });
  expect(first.notes.recovering).toEqual({ key: 'k1', served: { a: at(0) }, healthy: {} });
  expect(third.notes.recovering).toEqual({ key: 'k1', served: { a: at(0), b: at(1) }, healthy: { health: at(1), login: at(2) } });
  expect(await noteRecovery(clock, third), 'nothing new: nothing is asked or written').toBe(third);
});

test('another replacement begins anew', async () => {
  const before = { ...emergency, notes: { recovering: { key: 'k0', served: { a: at(-9), b: at(-9) }, healthy: { health: at(-9) } } }, places: [place('a', 'new'), place('b', 'empty')] };
  const { notes } = await noteRecovery(clock, before);
  expect([notes.recovering?.key, Object.keys(notes.recovering?.served ?? {}), notes.recovering?.healthy]).toEqual(['k1', ['a'], {}]);
  expect(await noteRecovery(clock, { ...before, newKey: { ...other, id: 'k2' }, places: [place('a', 'empty')] })).toMatchObject({ notes: before.notes });
});

test('any other rotation, and one without a replacement, notes nothing', async () => {
  const seen = { ...emergency, places: [place('a', 'new')], application: [check('health', true)] };
  for (const facts of [{ ...seen, rotation: { ...seen.rotation, path: 'displace' as const } }, { ...seen, newKey: null }]) expect(await noteRecovery(clock, facts)).toBe(facts);
});
