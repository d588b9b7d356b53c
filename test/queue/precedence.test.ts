import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Precedence } from '../../src/queue/precedence.ts';

const never = new AbortController().signal;
/** What `pass` has answered so far. */
function passing(precedence: Precedence, signal = never) {
  const state = { passed: false };
  void precedence.pass(signal).then(() => (state.passed = true));
  return state;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('without an emergency nothing waits', async () => {
  const state = passing(new Precedence());
  await vi.advanceTimersByTimeAsync(0);
  expect(state.passed).toBe(true);
});

test('while emergencies are worked on others wait, until the last has ended', async () => {
  const precedence = new Precedence();
  const [first, second] = [precedence.begin(), precedence.begin()];
  const state = passing(precedence);
  first();
  first();
  await vi.advanceTimersByTimeAsync(100);
  expect(state.passed).toBe(false);
  second();
  await vi.advanceTimersByTimeAsync(0);
  expect(state.passed).toBe(true);
});

test('one that was announced and begins elsewhere is not waited for', async () => {
  const precedence = new Precedence();
  precedence.announce();
  const state = passing(precedence);
  await vi.advanceTimersByTimeAsync(200);
  expect(state.passed).toBe(false);
  await vi.advanceTimersByTimeAsync(100);
  expect(state.passed).toBe(true);
});

test('a stop ends the wait at once', async () => {
  const precedence = new Precedence();
  precedence.begin();
  const stopping = new AbortController();
  const state = passing(precedence, stopping.signal);
  stopping.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(state.passed).toBe(true);
});
