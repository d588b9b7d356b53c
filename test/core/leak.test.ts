import { expect, test } from 'vitest';
import { decideLeak, LEAK_OUTCOMES, type LeakFacts } from '../../src/core/leak.ts';
import { KEY_STATES } from '../../src/core/vocabulary.ts';

const NOTHING = { looksLike: null, debt: null, declared: true, respond: 'revoke', intent: null } as const;
const of = (state: (typeof KEY_STATES)[number], more: Partial<LeakFacts> = {}) => decideLeak({ ...NOTHING, key: { state, proven: true }, ...more });
const every = (): LeakFacts[] => {
  const keys = [null, ...KEY_STATES.flatMap((state) => [true, false].map((proven) => ({ state, proven })))];
  return keys.flatMap((key) => [null, 'emergency', 'superseded'].flatMap((debt) => [true, false].flatMap((declared) => (['revoke', 'tell'] as const).flatMap((respond) => [null, 'hm'].flatMap((looksLike) =>
    [null, 'emergency', 'older_key'].map((intent) => ({ key, debt, declared, respond, looksLike, intent }) as LeakFacts))))));
};

test('a living key that is proved, of a source that may, is always revoked', () => {
  for (const facts of every()) {
    const { act, outcome } = decideLeak(facts);
    const { key } = facts;
    const lives = key !== null && ['staged', 'current', 'draining'].includes(key.state);
    if (lives && key.proven && facts.respond === 'revoke') expect([facts, act]).not.toEqual([facts, 'nothing']);
    if (key === null || !key.proven || facts.respond === 'tell' || ['revoked', 'lost'].includes(key.state)) expect([facts, act]).toEqual([facts, 'nothing']);
    expect(LEAK_OUTCOMES).toContain(outcome);
  }
});

test('a key that is or will be served, of a declared credential, is replaced; any other only dies', () => {
  const outcomes = [of('current'), of('staged'), of('draining'), of('current', { declared: false }), of('condemned', { debt: 'superseded' })].map(({ outcome }) => outcome);
  expect(outcomes).toEqual(['emergency', 'emergency', 'older_key', 'older_key', 'older_key']);
});

test('whoever comes after a worker that died says what that worker did', () => {
  const key = { state: 'revoked', proven: true } as const;
  expect(decideLeak({ ...NOTHING, key, intent: 'emergency' })).toEqual({ outcome: 'emergency', act: 'nothing' });
  expect(decideLeak({ ...NOTHING, key })).toEqual({ outcome: 'already_revoked', act: 'nothing' });
});
