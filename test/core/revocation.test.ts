import { describe, expect, test } from 'vitest';
import { beginning, fatesOf, mayServeOf, revocationOf, type Met, type Revocation } from '../../src/core/revocation.ts';
import type { KeyRecord, KeyState, RotationState } from '../../src/core/vocabulary.ts';

const key = (id: string, state: KeyState): KeyRecord => ({
  id, state, credential: 'prod-api', issuer: 'hm', issuerKeyId: `at-issuer-${id}`, name: id, prefix: 'hm_live_', fingerprint: id, scopes: [], proven: true, rotationId: null,
  createdAt: new Date(0), revokedAt: null,
});
const only = (...ids: readonly string[]): Revocation => ({ keys: ids, replace: true });
const EVERY: Revocation = { keys: 'every', replace: true };
const met = (parts: Partial<Met>): Met => ({ kind: 'emergency', state: 'requested', newKeyId: null, notes: {}, ...parts });
const first = (revocation: Revocation): Met => met({ state: 'revoking', notes: { revocation, mayServe: 'new', mayWrite: true } });
const begun = (asked: Revocation, open: Met | null, ...dying: readonly string[]): unknown => beginning({ revocation: asked }, open, new Set(dying));

describe('what becomes of each key', () => {
  /** The keys of a rotation in each of its states, as the ledger has them. */
  const cases: readonly (readonly [state: string, keys: readonly KeyRecord[], leaked: string, mayServe: string | undefined, dies: string, served: string | null, later: readonly string[]])[] = [
    ['no rotation open', [key('old', 'current')], 'old', undefined, 'old', null, []],
    ['staged, the old key leaks', [key('old', 'current'), key('new', 'staged')], 'old', undefined, 'old', null, ['new']],
    ['staged, the new key leaks', [key('old', 'current'), key('new', 'staged')], 'new', undefined, 'new', 'old', []],
    ['promoting, the old key leaks', [key('old', 'current'), key('new', 'staged')], 'old', 'new', 'old', 'new', []],
    ['promoting, the new key leaks', [key('old', 'current'), key('new', 'staged')], 'new', 'new', 'new', 'old', []],
    ['draining, the old key leaks', [key('old', 'draining'), key('new', 'current')], 'old', undefined, 'old', 'new', []],
    ['draining, the new key leaks', [key('old', 'draining'), key('new', 'current')], 'new', undefined, 'new', 'old', []],
    ['revoking, the old key leaks', [key('old', 'condemned'), key('new', 'current')], 'old', undefined, 'old', 'new', []],
    ['revoking, the new key leaks', [key('old', 'condemned'), key('new', 'current')], 'new', undefined, 'new', null, []],
  ];
  test.each(cases)('%s', (_state, keys, leaked, mayServe, dies, served, later) => {
    const { die, survivor, others } = fatesOf(keys, only(leaked), mayServe);
    expect([die.map(({ id }) => id), survivor?.id ?? null, others.map(({ id }) => id)]).toEqual([[dies], served, later]);
  });

  test('every key: all that are not dead die, those that are condemned already too, and nothing is served', () => {
    const keys = [key('a', 'current'), key('b', 'staged'), key('c', 'draining'), key('d', 'condemned'), key('e', 'revoked'), key('f', 'lost')];
    expect(fatesOf(keys, EVERY, 'b')).toEqual({ die: keys.slice(0, 4), survivor: null, others: [] });
  });

  test('a key that is dead already takes nothing with it', () => {
    const keys = [key('a', 'current'), key('e', 'revoked')];
    expect(fatesOf(keys, only('e'), undefined)).toEqual({ die: [], survivor: keys[0], others: [] });
  });
});

describe('an emergency that meets an open rotation', () => {
  test('ends whatever is no emergency, and remembers what stores may serve of it', () => {
    const states: readonly RotationState[] = ['requested', 'preflight', 'blocked', 'creating', 'staged', 'verified', 'promoting', 'confirmed', 'draining', 'revoking', 'aborting', 'rolling_back'];
    const kept = states.map((state) => [state, begun(EVERY, met({ kind: 'scheduled', state, newKeyId: 'new' }))]);
    const may = { revocation: EVERY, mayServe: 'new', mayWrite: true };
    expect(Object.fromEntries(kept)).toEqual({
      ...Object.fromEntries(states.map((state) => [state, { revocation: EVERY }])), promoting: may, confirmed: may, rolling_back: may, draining: { revocation: EVERY, mayWrite: true },
    });
  });

  test('that has hardly begun asks for both, and for no replacement if either wanted none', () => {
    expect(begun(only('a'), first(only('a')))).toBeNull();
    expect(begun(only('a'), first(EVERY))).toBeNull();
    expect(begun(EVERY, first(EVERY))).toBeNull();
    expect(begun(only('b'), first(only('a')))).toEqual({ revocation: only('a', 'b'), mayServe: 'new', mayWrite: true });
    expect(begun(EVERY, first(only('a')))).toEqual({ revocation: EVERY, mayServe: 'new', mayWrite: true });
    expect(begun({ keys: ['a'], replace: false }, first(EVERY))).toEqual({ revocation: { keys: 'every', replace: false }, mayServe: 'new', mayWrite: true });
    expect(begun(EVERY, first({ keys: 'every', replace: false }))).toBeNull();
  });

  test('that has revoked already stays for keys that are dying, and makes way for any other', () => {
    const late = met({ state: 'creating', notes: { revocation: EVERY } });
    expect(begun(only('a'), late, 'a')).toBeNull();
    expect(begun(only('a', 'b'), late, 'a')).toEqual({ revocation: only('a', 'b') });
    expect(begun(EVERY, late)).toEqual({ revocation: EVERY });
    expect(begun(only('r'), met({ state: 'promoting', newKeyId: 'r' }))).toEqual({ revocation: only('r'), mayServe: 'r', mayWrite: true });
  });

  test('that brings the very key that is dead already makes way: what it brings cannot stand for what is to die', () => {
    for (const state of ['promoting', 'confirmed', 'reporting'] as const) {
      expect(begun(only('r'), met({ state, newKeyId: 'r' }), 'r')).toMatchObject({ revocation: only('r') });
      expect(begun(only('a'), met({ state, newKeyId: 'r' }), 'a')).toBeNull();
    }
  });

  test('that gave everything up stays: nothing lives that could be replaced', () => {
    expect(begun(EVERY, met({ state: 'reporting', notes: { revocation: { keys: 'every', replace: false } } }))).toBeNull();
  });

  test('of a version before says nothing of keys: it means every one, replaced', () => {
    expect(revocationOf({})).toEqual(EVERY);
    expect(mayServeOf({ state: 'revoking', newKeyId: null, notes: {} })).toBeUndefined();
  });
});
