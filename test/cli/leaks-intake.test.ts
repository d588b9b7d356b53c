/** Findings from standard input: whatever comes, lines and reports are bounded, and what was left out is counted. */
import { expect, test } from 'vitest';
import { intake } from '../../src/cli/leaks-intake.ts';

async function* chunked(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function taken(text: string, size = 1_000) {
  const bodies: string[] = [];
  const counts = await intake(chunked(text, size), async (body) => {
    bodies.push(body);
    const lines = body.trim().split('\n').length;
    return { accepted: true, leaks: lines, ours: 1, alike: 0, malformed: 2 };
  });
  return { bodies, counts };
}

test.each([1, 3, 7, 1_000_000])('lines are whole whatever pieces they arrive in (%d bytes)', async (size) => {
  const lines = ['{"Raw":"größe 🐷"}', '{"Raw":"b"}', '{"Raw":"the last has no line feed"}'];
  expect(await taken(`\n${lines.join('\n\n')}`, size)).toEqual({ bodies: [`${lines.join('\n')}\n`], counts: { lines: 3, leaks: 3, ours: 1, alike: 0, notUnderstood: 2 } });
});

test('a line without an end is let go of, and the next one is read', async () => {
  const { bodies, counts } = await taken(`${'x'.repeat(3_000_000)}\n{"Raw":"after"}\n${'y'.repeat(400_000)}`, 65_536);
  expect([bodies, counts.lines, counts.notUnderstood]).toEqual([['{"Raw":"after"}\n'], 3, 4]);
});

test('much is reported in pieces of less than a MiB', async () => {
  const { bodies, counts } = await taken(`${'z'.repeat(1_000)}\n`.repeat(5_000), 65_536);
  expect(Math.max(...bodies.map(({ length }) => length))).toBeLessThan(1_048_576);
  expect([bodies.length > 4, counts.leaks]).toEqual([true, 5_000]);
});

test('nothing is reported of nothing; what the worker says is thrown', async () => {
  expect(await taken('\n\n')).toMatchObject({ bodies: [], counts: { lines: 0, leaks: 0 } });
  await expect(intake(chunked('a\n', 10), async () => { throw new Error('no such source'); })).rejects.toThrow('no such source');
});
