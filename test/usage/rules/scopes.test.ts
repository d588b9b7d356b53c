/** Scopes that nobody uses: told only where all that was asked for is known. */
import { describe, expect, test } from 'vitest';
import { levelOf, type Finding } from '../../../src/core/finding.ts';
import { enough } from '../../../src/issuers/hypermemory/index.ts';
import type { UsageNeed } from '../../../src/ports/usage-ledger.ts';
import { scopesSubject, scopesWiderThanUsed, type ScopeEvidence } from '../../../src/usage/rules/scopes.ts';
import { after, DAY, record } from './fixtures.ts';

const NOW = after(40 * DAY);
const need = (scope: string, firstDay: number, lastDay: number, more: Partial<UsageNeed> = {}): UsageNeed => ({ source: 'audit', need: scope, requests: 1_204, refused: 0, firstSeen: after(firstDay * DAY), lastSeen: after(lastDay * DAY), ...more });
const READS = need('memory:read', 0, 39);
const evidence = (more: Partial<ScopeEvidence> = {}): ScopeEvidence => ({ source: 'audit', malformedAt: null, keptMs: 400 * DAY, needs: [READS], ...more });
const judge = (given: ScopeEvidence | null, scopes: readonly string[] = ['memory:write'], days = 30): Finding | 'unknown' | null => scopesWiderThanUsed(record({ scopes }), enough, given, NOW, { after: days * DAY });
const verdict = (...of: Parameters<typeof judge>): string => {
  const judged = judge(...of);
  return judged === null ? 'no' : judged === 'unknown' ? judged : judged.expected;
};

describe('scopes wider than used', () => {
  test.each([
    ['it only reads', evidence(), 'memory:read'],
    ['it wrote once, long ago', evidence({ needs: [READS, need('memory:write', 0, 0, { requests: 1 })] }), 'no'],
    ['it wrote once, and somebody else asked for what nobody knows', evidence({ needs: [READS, need('memory:write', 39, 39), need('', 39, 39)] }), 'no'],
    ['what one request asked for is not known', evidence({ needs: [READS, need('', 20, 20, { requests: 1 })] }), 'unknown'],
    ['that was longer ago', evidence({ needs: [READS, need('', 0, 5)] }), 'memory:read'],
    ['nothing else was ever known', evidence({ needs: [need('', 0, 5)] }), 'unknown'],
    ['it has been watched for less', evidence({ needs: [need('memory:read', 20, 39)] }), 'unknown'],
    ['it was not used for long', evidence({ needs: [need('memory:read', 0, 5)] }), 'unknown'],
    ['it was never used', evidence({ needs: [] }), 'unknown'],
    ['nobody watches, or whoever does is behind', null, 'unknown'],
    ['records of the source could not be used lately', evidence({ malformedAt: after(30 * DAY) }), 'unknown'],
    ['records of the source could not be used long ago', evidence({ malformedAt: after(5 * DAY) }), 'memory:read'],
    ['needs are forgotten sooner than that', evidence({ keptMs: 14 * DAY }), 'unknown'],
    ['it tried what it may not do', evidence({ needs: [READS, need('memory:admin', 20, 39, { requests: 3, refused: 3 })] }), 'memory:read'],
    ['what it may not do was allowed to it at times: then scopes are not as Keyturn takes them to be', evidence({ needs: [READS, need('memory:admin', 20, 39, { requests: 3, refused: 2 })] }), 'unknown'],
    ['its writes were refused for another reason', evidence({ needs: [READS, need('memory:write', 20, 39, { requests: 3, refused: 3 })] }), 'no'],
  ])('%s: %#', (_what, given, expected) => {
    expect(verdict(given)).toBe(expected);
  });

  test('where there is nothing less it is not so, whatever is known; of scopes that nobody knows nothing is said', () => {
    expect([verdict(null, ['memory:read']), verdict(evidence(), ['memory:read']), verdict(null, ['something:else'])]).toEqual(['no', 'no', 'unknown']);
    expect(verdict(evidence({ needs: [READS, need('memory:write', 0, 0)] }), ['memory:write', 'memory:read', 'memory:read']), 'write includes read').toBe('no');
  });

  test('goes by what is configured, and says nothing where it is off', () => {
    expect([verdict(evidence(), ['memory:write'], 60), verdict(evidence(), ['memory:write'], 7)]).toEqual(['unknown', 'memory:read']);
    expect(scopesWiderThanUsed(record(), enough, evidence(), NOW, null)).toBeNull();
  });

  test('fires at once, for information, and says what to do', () => {
    const finding = judge(evidence({ needs: [READS, need('memory:admin', 20, 39, { requests: 3, refused: 3 })] }), ['memory:write']) as Finding;
    expect(levelOf(finding)).toBe('fire');
    expect(finding).toMatchObject({
      severity: 'info', credential: 'prod-api', source: 'audit', subject: 'credential:prod-api memory:write', pendingMs: 0,
      happened: '`prod-api` declares `memory:write`. All its requests of the last 30 days were seen, and `memory:read` would have allowed all that they did.',
      facts: { 'Asked for': 'memory:read (1,204 requests, last 2026-04-10 12:00 UTC); memory:admin (3 requests, 3 refused, last 2026-04-10 12:00 UTC)', 'Watched since': '2026-03-02 12:00 UTC' },
    });
    expect(finding.todo.join(' ')).toContain('`scopes: [memory:read]`');
    expect(finding.todo.join(' ')).toContain('`keyturn rotate prod-api`');
    expect(finding.title).not.toMatch(/[.\n]$/);
    expect(JSON.stringify(finding)).not.toMatch(/undefined|NaN|Infinity/);
  });

  test('other scopes are another matter', () => {
    expect(scopesSubject(record({ scopes: ['b', 'a'] }))).toBe(scopesSubject(record({ scopes: ['a', 'b'] })));
    expect(scopesSubject(record({ scopes: ['a'] }))).not.toBe(scopesSubject(record({ scopes: ['a', 'b'] })));
  });
});
