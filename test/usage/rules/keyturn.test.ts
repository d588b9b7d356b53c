/** What Keyturn says of its own eyes and hands. */
import { describe, expect, test } from 'vitest';
import type { SourceState } from '../../../src/ports/usage-ledger.ts';
import { issuerUnavailable, scannerSilent, sourceUnavailable } from '../../../src/usage/rules/keyturn.ts';
import { after } from './fixtures.ts';

const MINUTE = 60_000;
const state = (readAt: number | null, failingSince: number | null): SourceState => ({
  source: 'audit', cursor: null, version: 1, seenUntil: null, readAt: readAt === null ? null : after(readAt * MINUTE), failingSince: failingSince === null ? null : after(failingSince * MINUTE),
  lastError: failingSince === null ? null : 'It answers 503', unknown: 0, unknownExample: null, malformed: 0, malformedExample: null, malformedAt: null,
});

describe('a usage source', () => {
  test.each([
    ['read just now', state(60, null), null],
    ['failing for a moment, after it was read', state(59, 59), null],
    ['failing for long', state(40, 41), 20],
    ['read long ago, and nobody tries any more', state(10, null), 50],
    ['never read, and failing', state(null, 0), 60],
    ['never tried', state(null, null), null],
    ['read in the future, by a clock that jumped', state(70, null), null],
  ] as const)('%s', (_what, of, minutes) => {
    const finding = sourceUnavailable(of, after(60 * MINUTE), 15_000, { after: 15 * MINUTE });
    expect(finding === null ? null : finding.value / MINUTE).toBe(minutes);
  });

  test('is not called silent between two reads that are configured far apart', () => {
    expect(sourceUnavailable(state(0, null), after(60 * MINUTE), 30 * MINUTE, { after: 15 * MINUTE })).toBeNull();
    expect(sourceUnavailable(state(0, null), after(90 * MINUTE), 30 * MINUTE, { after: 15 * MINUTE })).not.toBeNull();
  });

  test('is named with its last error, and seen twice before people hear', () => {
    expect(sourceUnavailable(state(null, 0), after(60 * MINUTE), 15_000, { after: 15 * MINUTE })).toMatchObject({
      subject: 'source:audit', source: 'audit', pendingMs: MINUTE, happened: 'Nothing could be read from `audit` for 1 hour. The last attempt: It answers 503.',
    });
    expect(sourceUnavailable(state(null, 0), after(60 * MINUTE), 15_000, null)).toBeNull();
  });
});

test.each([[9, MINUTE, false], [10, MINUTE, true], [40, 20 * MINUTE, false], [60, 20 * MINUTE, true]])('no scan for %d minutes, where one is due every %d ms: found %s', (minutes, everyMs, found) => {
  expect(scannerSilent(minutes * MINUTE, everyMs, { after: 10 * MINUTE }) !== null).toBe(found);
  expect(scannerSilent(minutes * MINUTE, everyMs, null)).toBeNull();
});

test('an issuer that fails once waits to be told of until it has failed for long', () => {
  expect(issuerUnavailable('hm', 'It answers 503', { after: 10 * MINUTE })).toMatchObject({ subject: 'issuer:hm', issuer: 'hm', pendingMs: 9.5 * MINUTE, happened: expect.stringContaining('It answers 503.') });
  expect(issuerUnavailable('hm', 'It answers 503', null)).toBeNull();
});
