import { describe, expect, test } from 'vitest';
import { authenticityOf, sealRecord, type BreakGlassRecord } from '../../src/core/break-glass.ts';
import { Secret } from '../../src/core/secret.ts';

const ROOT = new Secret('root-key-of-the-tests-0123456789abcdef');
const RECORD: BreakGlassRecord = {
  id: '01K0000000000000000000000A', issuer: 'hm', keyId: 'key_1', name: 'prod-api-kt-abc123-0123456789', prefix: 'hm_live_', credential: 'prod-api',
  who: 'cli:alice@laptop', why: 'leaked', askedAt: '2026-11-26T10:00:00.000Z', revokedAt: '2026-11-26T10:00:01.000Z', outcome: 'revoked',
};

describe('the seal of a break-glass record', () => {
  test('holds for what was written, whatever the order of its fields', () => {
    const sealed = sealRecord(RECORD, ROOT);
    expect(authenticityOf(sealed, ROOT)).toBe('signed');
    expect(authenticityOf(Object.fromEntries(Object.entries(sealed).toReversed()) as unknown as typeof sealed, ROOT)).toBe('signed');
  });

  test.each(Object.keys(RECORD) as (keyof BreakGlassRecord)[])('breaks when %s is changed', (field) => {
    const sealed = sealRecord(RECORD, ROOT);
    expect(authenticityOf({ ...sealed, [field]: field === 'outcome' ? 'gone' : `${RECORD[field]}x` }, ROOT)).toBe('forged');
    expect(authenticityOf({ ...sealed, [field]: null as never }, ROOT)).toBe('forged');
  });

  test('does not let text move from one field into the next', () => {
    const sealed = sealRecord({ ...RECORD, who: 'cli:a","b', why: 'c' }, ROOT);
    expect(authenticityOf({ ...sealed, who: 'cli:a', why: 'b","c' }, ROOT)).toBe('forged');
  });

  test('is one of this root key, is cut off at no length, and is missing where there was no root key', () => {
    const sealed = sealRecord(RECORD, ROOT);
    expect(authenticityOf(sealed, new Secret('another-root-key-0123456789abcdefghij'))).toBe('forged');
    expect(authenticityOf({ ...sealed, mac: sealed.mac?.slice(0, 62) ?? '' }, ROOT)).toBe('forged');
    expect(authenticityOf({ ...sealed, mac: '' }, ROOT)).toBe('forged');
    expect(authenticityOf(sealRecord(RECORD, null), ROOT)).toBe('unsigned');
  });
});
