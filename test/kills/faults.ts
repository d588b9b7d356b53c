/** What goes wrong at the issuer, by its control endpoint: one at a time, the next replaces it. */
import type { FaultRule } from '../../src/sandbox/index.ts';
import type { Dice } from './random.ts';

const CREATE = { method: 'POST', path: '/v1/api-keys' };
const REVOKE = { method: 'DELETE', path: '/v1/api-keys' };
/** Management only: applications call other paths. */
const ANY = { path: '/v1/api-keys' };

export const FAULTS: Readonly<Record<string, (dice: Dice) => readonly FaultRule[]>> = {
  'create answer lost': (dice) => [{ match: CREATE, times: 1 + dice.below(3), effect: { kind: 'drop-after' } }],
  'create lands late': (dice) => [{ match: CREATE, times: 1, effect: { kind: 'late-effect', ms: 500 + dice.below(7_000) } }],
  'create lost': (dice) => [{ match: CREATE, times: 1 + dice.below(3), effect: { kind: 'drop-before' } }],
  'create answer held': (dice) => [{ match: CREATE, times: 2, effect: { kind: 'delay', ms: 1_000 + dice.below(3_000), when: 'after' } }],
  'create answer broken off': () => [{ match: CREATE, times: 1, effect: { kind: 'half-body' } }],
  'created but 500': () => [{ match: CREATE, times: 1, effect: { kind: 'status', status: 500, applied: true } }],
  'created keys hidden': (dice) => [{ times: 2, effect: { kind: 'hide-created', ms: 500 + dice.below(2_500) } }, { match: CREATE, times: 1, effect: { kind: 'drop-after' } }],
  'created keys slow to work': (dice) => [{ times: 2, effect: { kind: 'activation-delay', ms: 1_000 + dice.below(9_000) } }],
  'revoke answer lost': (dice) => [{ match: REVOKE, times: 1 + dice.below(3), effect: { kind: 'drop-after' } }],
  'revoke lands late': (dice) => [{ match: REVOKE, times: 1 + dice.below(2), effect: { kind: 'late-effect', ms: 500 + dice.below(7_000) } }],
  'revoke answer held': (dice) => [{ match: REVOKE, times: 2, effect: { kind: 'delay', ms: 1_000 + dice.below(3_000), when: 'after' } }],
  '503': (dice) => [{ match: ANY, times: 5 + dice.below(15), effect: { kind: 'status', status: 503 } }],
  '429 with Retry-After': (dice) => [{ match: ANY, times: 5 + dice.below(15), effect: { kind: 'status', status: 429, retryAfter: 1 } }],
  '429 without Retry-After': (dice) => [{ match: ANY, times: 5 + dice.below(10), effect: { kind: 'status', status: 429 } }],
  'HTML from in between': (dice) => [{ match: ANY, times: 3 + dice.below(8), effect: { kind: 'html', status: 502 } }],
};
