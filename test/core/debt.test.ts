import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { debtRetryMs, decideDebt, type DebtFacts, type Exposure } from '../../src/core/debt.ts';

const EXPOSURES: readonly Exposure[] = ['clear', 'current', 'backup', 'leftover', 'unreadable', 'missing', 'unknown'];
const facts: fc.Arbitrary<DebtFacts> = fc.record({
  cause: fc.constantFrom('superseded', 'replaced', 'aborted', 'rolled_back', 'orphan', 'emergency'),
  proven: fc.boolean(),
  currentInLedger: fc.boolean(),
  overlapLeftMs: fc.constantFrom(0, 0, 1, Number.POSITIVE_INFINITY),
  places: fc.array(fc.record({ describe: fc.constantFrom('here', 'there'), exposure: fc.constantFrom(...EXPOSURES), detail: fc.constant('') }), { maxLength: 4 }),
});
const conditional = facts.filter((f) => f.cause !== 'emergency' && f.cause !== 'replaced');

describe('whether a key may be revoked now', () => {
  test('an emergency waits for nothing', () => {
    fc.assert(fc.property(facts, (f) => decideDebt({ ...f, cause: 'emergency' }).do === 'revoke'));
  });

  test('a key is revoked only when every place is proved to be clear of it', () => {
    fc.assert(fc.property(conditional, (f) => decideDebt(f).do !== 'revoke' || f.places.every((p) => p.exposure === 'clear')));
  });

  test('an unproved binding, or the current key, is never revoked', () => {
    fc.assert(fc.property(conditional, (f) => (f.proven && !f.currentInLedger) || decideDebt(f).do === 'refuse'));
  });

  test('a key that applications may have read just now is not revoked before the overlap is over', () => {
    fc.assert(fc.property(conditional, (f) => f.overlapLeftMs === 0 || decideDebt(f).do === 'refuse'));
  });

  test('copies are retired only where nothing serves it as current and every place could be read', () => {
    fc.assert(fc.property(conditional, (f) => decideDebt(f).do !== 'retire' || f.places.every((p) => ['clear', 'backup', 'leftover'].includes(p.exposure))));
  });
});

describe('when it is tried again', () => {
  test('doubles to five minutes, but to five seconds only in an emergency, and never sooner than the issuer asks', () => {
    expect([0, 1, 2, 20].map((n) => debtRetryMs('superseded', n, 0))).toEqual([1_000, 2_000, 4_000, 300_000]);
    expect(debtRetryMs('emergency', 20, 0)).toBe(5_000);
    expect(debtRetryMs('superseded', 0, 90_000)).toBe(90_000);
  });
});
