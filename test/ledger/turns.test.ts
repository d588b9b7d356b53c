import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ahead, urgently } from '../../src/core/urgency.ts';
import { Turns } from '../../src/ledger/turns.ts';

/** Who had a turn, in order. */
let had: string[];
let turns: Turns;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  [had, turns] = [[], new Turns()];
});
afterEach(() => void vi.useRealTimers());

const take = async (name: string): Promise<() => void> => {
  const end = await turns.take();
  had.push(name);
  return end;
};
const once = async (name: string): Promise<void> => (await take(name))();
/** Whoever may go now has gone: a turn may wait for a turn of the event loop. */
const settled = async (): Promise<void> => {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('in the order of asking, emergencies first', async () => {
  const end = await take('first');
  const rest = [once('a'), once('b'), urgently(() => once('emergency'))];
  end();
  await urgently(() => rest[2]);
  expect(had).toEqual(['first', 'emergency']);
  await vi.advanceTimersByTimeAsync(50);
  await Promise.all(rest);
  expect(had).toEqual(['first', 'emergency', 'a', 'b']);
});

test('nobody comes between two statements of an emergency, also where it is not waiting for the second yet', async () => {
  await urgently(() => once('one'));
  const other = once('other');
  await vi.advanceTimersByTimeAsync(30);
  await settled();
  await urgently(() => once('two'));
  await vi.advanceTimersByTimeAsync(30);
  await settled();
  expect(had).toEqual(['one', 'two']);
  await vi.advanceTimersByTimeAsync(20);
  await other;
  expect(had).toEqual(['one', 'two', 'other']);
});

test('who only looks for emergencies comes first, and nobody waits for more of it', async () => {
  const end = await take('first');
  const rest = [once('other'), ahead(() => once('looks'))];
  end();
  await Promise.all(rest);
  expect(had).toEqual(['first', 'looks', 'other']);
});

test('however many emergencies there are, nobody waits longer than a quarter of a second', async () => {
  await urgently(() => once('emergency'));
  const others = [once('other'), once('another')];
  for (let waited = 0; waited < 240; waited += 20) {
    await vi.advanceTimersByTimeAsync(20);
    await urgently(() => once('emergency'));
  }
  await settled();
  expect(had).not.toContain('other');
  await vi.advanceTimersByTimeAsync(10);
  await Promise.all(others);
  expect(had.slice(-2)).toEqual(['other', 'another']);
});

test('one that asked while a turn was held is not forgotten when an emergency had it', async () => {
  const end = await urgently(() => take('emergency'));
  const other = once('other');
  await vi.advanceTimersByTimeAsync(1_000);
  end();
  await other;
  expect(had).toEqual(['emergency', 'other']);
});
