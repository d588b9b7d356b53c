import { describe, expect, test } from 'vitest';
import { TRANSITIONS } from '../../src/core/transitions/index.ts';
import { standsStill, todoOf, type TodoSubject } from '../../src/core/todo.ts';
import { OPEN_STATES, PLAN } from './facts-arbitrary.ts';

const ID = '01K3Q0V5R8W2N7YJ4T6B9C1D2E';
const subject = (parts: Partial<TodoSubject>): TodoSubject => ({ id: ID, credential: 'prod-api', path: 'displace', state: 'blocked', reason: 'problems', oldKey: { state: 'current' }, notes: {}, plan: PLAN, inStateMs: 0, ...parts });
const RESUME = `Look again now: \`keyturn rotations resume ${ID}\`.`;
const ABORT = `Give it up: \`keyturn rotations abort ${ID}\`.`;

const failing = (count: number): readonly string[] => todoOf(subject({ state: 'staged', reason: 'error', notes: { trouble: { count, last: 'boom', retryAt: '' } } }));

describe('what a person can do about a rotation', () => {
  test('that is blocked: the remedy of each problem first, then to look again or to give it up', () => {
    const problems = [{ code: 'key_limit', message: 'Full.', todo: 'Make room.' }, { code: 'store_problem', message: 'Down.', todo: '' }, { code: 'store_unreadable', message: 'Down.', todo: '' }];
    expect(todoOf(subject({ notes: { problems } }))).toEqual(['Make room.', expect.stringContaining('`keyturn doctor`'), RESUME, ABORT]);
  });

  test('every row that people are told of with a way to wait says what to do, and nobody is offered an abort that would be refused', () => {
    const told = TRANSITIONS.filter((row) => row.tell !== undefined && 'wait' in row.does);
    expect(told.length).toBeGreaterThan(5);
    for (const { from, reason } of told) {
      const todo = todoOf(subject({ state: from, reason, path: 'emergency' }));
      expect([reason, todo.length > 1, todo.at(-1)]).toEqual([reason, true, RESUME]);
    }
  });

  test('nobody is needed while it goes on, waits as its policy wants, or has ended', () => {
    for (const state of OPEN_STATES.filter((one) => one !== 'blocked')) expect(todoOf(subject({ state, reason: 'x' }))).toEqual([]);
    for (const reason of ['paused', 'window_closed', 'overlap']) expect(todoOf(subject({ state: 'requested', reason, inStateMs: 1e9 }))).toEqual([]);
    expect(todoOf(subject({ state: 'aborted', reason: 'aborted', inStateMs: 1e9 }))).toEqual([]);
  });

  test('that stands still for longer than its policy bears: people are needed, whatever the reason', () => {
    for (const state of OPEN_STATES) {
      expect(standsStill(subject({ state, reason: 'anything', inStateMs: 602_000 }))).toBe(true);
      expect(todoOf(subject({ state, reason: 'anything', inStateMs: 602_000 })).slice(-2)).toContain(RESUME);
    }
    expect(standsStill(subject({ state: 'draining', reason: 'busy', inStateMs: 600_500 }))).toBe(false);
  });

  test('that fails in unforeseen ways: the log, once it has failed often', () => {
    expect(failing(4)).toEqual([]);
    expect(failing(5)).toEqual([expect.stringContaining('log'), RESUME, ABORT]);
  });
});
