import { expect, test } from 'vitest';
import { adviceLine, limitAdvice, type LimitKey } from '../../src/core/limit-advice.ts';

const key = (name: string, created: string | null, used: string | null, live = true): LimitKey => ({
  id: `id-${name}`,
  name,
  live,
  createdAt: created === null ? null : new Date(created),
  lastUsedAt: used === null ? null : new Date(used),
});

const KEYS = [
  key('busy', '2025-01-01', '2026-11-20'),
  key('idle', '2025-06-01', '2026-02-03'),
  key('dead', '2024-01-01', null, false),
  key('never-young', '2026-10-01', null),
  key('never-old', '2025-03-04', null),
];

test('keys that are missed least come first: never used and oldest, then longest unused; dead ones never', () => {
  expect(limitAdvice(KEYS).map((one) => one.name)).toEqual(['never-old', 'never-young', 'idle', 'busy']);
  expect(limitAdvice(KEYS)[2]).toEqual({ id: 'id-idle', name: 'idle', why: 'last used 2026-02-03' });
});

test('one line for people names the first few', () => {
  expect(adviceLine(KEYS, 2)).toBe('never-old (never used, created 2025-03-04), never-young (never used, created 2026-10-01)');
  expect(adviceLine([key('', null, null)])).toBe('id- (never used)');
  expect(adviceLine([])).toBe('');
});
