import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/index.ts';

it.each([
  ['30d', 2_592_000_000],
  ['24h', 86_400_000],
  ['90s', 90_000],
  ['500ms', 500],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['2w', 1_209_600_000],
  ['0s', 0],
  [' 5m ', 300_000],
])('%s is %i milliseconds', (text, ms) => {
  expect(parseDuration(text)).toEqual({ ms });
});

it.each(['', 'd', '-5s', '5', '5x', '1h 30m', '1H', '1M', '1mo', '2y', '3 months', 'P1D', '200000w', 'NaNs', 'five seconds'])('"%s" is none', (text) => {
  expect(parseDuration(text)).toHaveProperty('problem');
});

it('what is formatted parses to the same', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toEqual({ ms });
    }));
});
