/** Random changes for guarded writes: every part may be there or not, over few names, so that they meet. */
import * as fc from 'fast-check';
import { KEY_STATES, ROTATION_STATES, type DebtCause } from '../../../src/core/vocabulary.ts';
import type { Change, NewDebt, NewKey } from '../../../src/ports/ledger.ts';
import { ACTOR, keyOf, noticeOf } from '../fixtures.ts';
import { BEGINNING, type Side } from './side.ts';

export const CREDENTIALS = ['a', 'b', 'c'] as const;
export const ISSUERS = ['hm', 'aws'] as const;
const CAUSES: readonly DebtCause[] = ['superseded', 'replaced', 'aborted', 'rolled_back', 'orphan', 'emergency'];

export const credential = fc.constantFrom(...CREDENTIALS);
export const issuer = fc.constantFrom(...ISSUERS);
export const issuerKeyId = fc.constantFrom('ik1', 'ik2', 'ik3', 'ik4');
export const span = fc.constantFrom(0, 1, 1_000, 30_000, 60_000, 600_000);
/** Which of the rows that there are, counted from the newest, which it mostly is; the same on both sides. */
export const nth = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(7) });

/** Null, but for now and then. */
export function rarely<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

export function pick<T>(list: readonly T[], n: number): T | undefined {
  return list.at(-1 - (n % list.length));
}

export const newKey: fc.Arbitrary<NewKey> = fc
  .record({ issuer, issuerKeyId, state: fc.constantFrom(...KEY_STATES), proven: fc.boolean(), name: fc.constantFrom('n1', 'n2') })
  .map((key) => keyOf('a', key));

export const newDebt: fc.Arbitrary<NewDebt> = fc.record({
  credential, issuer, issuerKeyId, fingerprint: fc.constantFrom(null, 'f1'), cause: fc.constantFrom(...CAUSES), rotationId: fc.constant(null), notBeforeMs: span,
});

export const notices = fc.array(
  fc.record({ notice: fc.constantFrom('n1', 'n2').map(noticeOf), channels: fc.array(fc.constantFrom('ops', 'mail'), { maxLength: 3 }) }),
  { maxLength: 2 },
);

const audit = fc.record({ type: fc.constant('test'), actor: fc.constant(ACTOR), keyId: fc.constant(null), detail: fc.dictionary(fc.constantFrom('x', 'y'), fc.jsonValue()) });
const location = fc.constantFrom('x', 'y', 'z');

const plain: fc.Arbitrary<Change> = fc.record(
  {
    reason: fc.constantFrom('r1', 'r2', 'location_locked'),
    message: fc.constantFrom('m1', 'm2'),
    notes: fc.record({ attempt: fc.record({ name: fc.constantFrom('late-1', 'late-2') }), waitsFor: fc.array(location, { maxLength: 2 }) }, { requiredKeys: [] }),
    wakeInMs: fc.option(span),
    notices,
    audit: fc.array(audit, { maxLength: 2 }),
    lockLocations: fc.array(location, { maxLength: 3 }),
    unlockLocations: fc.boolean(),
    reserveSlot: fc.record({ issuer, liveKeys: fc.nat(2), limit: fc.option(fc.integer({ min: 1, max: 3 })) }),
    releaseSlot: fc.boolean(),
    pace: fc.record({ maxConcurrent: fc.integer({ min: 1, max: 2 }), perMinute: fc.integer({ min: 1, max: 3 }) }),
    abortAnswered: fc.boolean(),
    resumeAnswered: fc.boolean(),
    leaseMs: fc.option(span),
    keepsAge: fc.boolean(),
    nextDueAt: fc.option(span.map((ms) => new Date(BEGINNING + ms))),
  },
  { requiredKeys: [] },
);

/** Parts that name rows by numbers, which each side has other ids for. */
const belongings = fc.record(
  {
    to: fc.constantFrom(...ROTATION_STATES),
    /** Most are the rotation's own. */
    newKey: fc.record({ key: newKey, credential: rarely(credential) }),
    oldKey: fc.option(nth),
    bound: fc.option(nth),
    keyStates: fc.array(fc.record({ key: nth, state: fc.constantFrom(...KEY_STATES), proven: fc.option(fc.boolean()) }), { maxLength: 3 }),
    debts: fc.array(newDebt, { maxLength: 2 }),
    watches: fc.array(fc.record({ issuer, name: fc.constantFrom('late-1', 'late-2'), forMs: span }), { maxLength: 2 }),
  },
  { requiredKeys: [] },
);
export const change = fc.record({ plain, belongings });
export type Asked = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** The change as this side's rotation would write it. */
export function changeFor(side: Side, rotation: { readonly id: string; readonly credential: string }, asked: Asked): Change {
  const { to, newKey: key, oldKey, bound, keyStates, debts, watches } = asked.belongings;
  const id = (n: number | null): string | null => (n === null ? null : (pick(side.ids.keys, n) ?? null));
  const some = side.ids.keys.length > 0;
  return {
    ...asked.plain,
    ...(to === undefined ? {} : { to }),
    ...(key === undefined ? {} : { newKey: { ...key.key, credential: key.credential ?? rotation.credential, rotationId: rotation.id } }),
    ...(oldKey === undefined ? {} : { oldKeyId: id(oldKey) }),
    ...(bound === undefined ? {} : { newKeyId: id(bound) }),
    ...(keyStates === undefined || !some ? {} : { keyStates: keyStates.map(({ key: n, state, proven }) => ({ keyId: id(n) ?? 'none', state, ...(proven === null ? {} : { proven }) })) }),
    ...(debts === undefined ? {} : { debts: debts.map((debt) => ({ ...debt, rotationId: rotation.id })) }),
    ...(watches === undefined ? {} : { watches: watches.map((watch) => ({ ...watch, credential: rotation.credential, rotationId: rotation.id })) }),
  };
}
