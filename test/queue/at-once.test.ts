import { expect, test } from 'vitest';
import { AtOnce } from '../../src/queue/at-once.ts';

/** Work that runs until told to end. */
function held() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { run: () => promise, end: resolve, fail: reject };
}

test('begins nothing before it is opened, and nothing after it is closed', () => {
  const atOnce = new AtOnce();
  expect(atOnce.begin(undefined, held().run)).toBe(false);
  atOnce.open(1);
  atOnce.open(0);
  expect(atOnce.begin(undefined, held().run)).toBe(false);
});

test('begins as many as it has slots, and another when one has ended or failed', async () => {
  const atOnce = new AtOnce();
  atOnce.open(2);
  const [one, two] = [held(), held()];
  expect([atOnce.begin(undefined, one.run), atOnce.begin(undefined, two.run), atOnce.begin(undefined, held().run)]).toEqual([true, true, false]);
  one.end();
  two.fail(new Error('boom'));
  await atOnce.ended();
  expect([atOnce.begin(undefined, held().run), atOnce.begin(undefined, held().run)]).toEqual([true, true]);
});

test('one key runs once at a time: what comes meanwhile is left to the queue', async () => {
  const atOnce = new AtOnce();
  atOnce.open(4);
  const one = held();
  expect([atOnce.begin('k', one.run), atOnce.begin('k', held().run), atOnce.begin('other', async () => undefined)]).toEqual([true, false, true]);
  one.end();
  await atOnce.ended();
  expect(atOnce.begin('k', held().run)).toBe(true);
});
