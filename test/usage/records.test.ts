import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { anything, assert, property, string } from 'fast-check';
import { Secret } from '../../src/core/secret.ts';
import { addressOf, agentOf, instantOf, requestsOf, shownText } from '../../src/core/usage-fields.ts';
import { MAX_ADDRESS, MAX_AGENT, MAX_CLUE, MAX_PREFIX } from '../../src/core/usage.ts';
import { parsePushed, type PushedOptions } from '../../src/usage/records.ts';

const now = new Date('2026-05-01T12:00:00Z');
const fingerprint = (value: string): string => createHash('sha256').update(value).digest('hex');
const options: PushedOptions = { clue: 'id', fingerprint, now, maxAgeMs: 3_600_000 };
const push = (record: unknown, more: Partial<PushedOptions> = {}) => parsePushed([typeof record === 'string' ? record : JSON.stringify(record)], { ...options, ...more });

describe('pushed usage', () => {
  it('takes a record with little in it, and one with all', () => {
    expect(push({ at: '2026-05-01T11:59:00Z', key: 'key_1' }).events).toEqual([
      { at: new Date('2026-05-01T11:59:00Z'), clue: 'key_1', outcome: 'ok', requests: 1, address: null, agent: null },
    ]);
    expect(push({ at: now.getTime(), key: 'key_1', status: 401, requests: 7, address: '[::1]:80', agent: 'curl/8' }).events).toEqual([
      { at: now, clue: 'key_1', outcome: 'denied', requests: 7, address: '::1', agent: 'curl/8' },
    ]);
    expect(push({ at: now.getTime(), key: 'key_1', outcome: 'failed' }).events[0]?.outcome).toBe('failed');
  });

  it.each([
    ['no JSON', '{"at":', /no JSON/],
    ['a list', '[]', /no JSON object/],
    ['no time', { key: 'k' }, /time/],
    ['a time in the future', { at: '2026-05-01T12:05:01Z', key: 'k' }, /future/],
    ['a time long ago', { at: '2026-05-01T10:59:00Z', key: 'k' }, /long ago/],
    ['no key', { at: now, status: 200 }, /key is missing/],
    ['a key that is no text', { at: now, key: { a: 1 } }, /key/],
    ['a key with a line in it', { at: now, key: 'a\nb' }, /key/],
    ['a key that is too long', { at: now, key: 'k'.repeat(MAX_CLUE + 1) }, /longer/],
    ['an unknown outcome', { at: now, key: 'k', outcome: 'great' }, /outcome/],
    ['a status that is none', { at: now, key: 'k', status: 'x' }, /status/],
    ['no request', { at: now, key: 'k', requests: 0 }, /requests/],
    ['a fraction', { at: now, key: 'k', requests: 1.5 }, /requests/],
    ['less than none', { at: now, key: 'k', requests: -3 }, /requests/],
    ['too many', { at: now, key: 'k', requests: 1e12 }, /requests/],
    ['a long line', `{"at":1,"key":"${'x'.repeat(20_000)}"}`, /length/],
  ])('counts %s as malformed', (_what, record, why) => {
    const read = push(record);
    expect(read.events).toEqual([]);
    expect(read.malformed).toBe(1);
    expect(read.example).toMatch(why);
    expect(read.example).toContain('line 1');
  });

  it('goes on after what it can not read, and passes over empty lines', () => {
    const read = parsePushed(['', 'x', '{"at":"2026-05-01T11:59:00Z","key":"a"}', '  ', 'y'], options);
    expect(read.events).toHaveLength(1);
    expect([read.malformed, read.example]).toEqual([2, 'line 2: text is no JSON object']);
  });

  it('keeps no value: a fingerprint of it in its own place, nothing of it in another', () => {
    const value = 'hm_live_4c1f9a5b7d3e2f6a8b0c9d1e';
    expect(push({ at: now, key: `Bearer ${value}` }, { clue: 'value' }).events[0]?.clue).toBe(fingerprint(value));
    expect(push({ at: now, key: value }, { clue: 'prefix' }).events[0]?.clue).toHaveLength(MAX_PREFIX);
    expect(JSON.stringify(push({ at: now, key: 'k', agent: value, address: value }))).not.toContain(value);
    const known = new Secret('a-registered-secret').reveal();
    expect(push({ at: now, key: known }).example).toMatch(/value stands where/);
    expect(JSON.stringify(push({ at: now, key: known }))).not.toContain(known);
  });

  it('never throws, and lets nothing long or unshowable through, whatever it is given', () => {
    assert(
      property(anything(), string({ unit: 'binary', maxLength: 600 }), (thing, text) => {
        const read = push({ at: now, key: 'k', requests: 1, address: text, agent: thing });
        for (const { address, agent } of read.events) {
          expect((address ?? '').length).toBeLessThanOrEqual(MAX_ADDRESS);
          expect((agent ?? '').length).toBeLessThanOrEqual(MAX_AGENT);
          expect(`${address}${agent}`).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
        }
        push({ at: thing, key: thing, outcome: thing, status: thing, requests: thing });
        push(text);
      }),
    );
  });
});

describe('fields', () => {
  it.each([
    ['10/Oct/2026:13:55:36 +0200', '2026-10-10T11:55:36.000Z'],
    ['2026-10-10T11:55:36', '2026-10-10T11:55:36.000Z'],
    ['2026-10-10 13:55:36.5 +0200', '2026-10-10T11:55:36.500Z'],
    ['1791640536.123', '2026-10-10T13:55:36.123Z'],
    [1_791_640_536, '2026-10-10T13:55:36.000Z'],
    [1_791_640_536_123, '2026-10-10T13:55:36.123Z'],
    [1_791_640_536_123_456, '2026-10-10T13:55:36.123Z'],
    [1.791640536123456e18, '2026-10-10T13:55:36.123Z'],
  ])('%s is an instant', (told, iso) => expect(instantOf(told)?.toISOString()).toBe(iso));

  it.each(['yesterday', '', '12', 12, Number.NaN, Number.POSITIVE_INFINITY, null, {}, '99/Foo/2026:00:00:00 +0000', '2026-13-40T99:99', '9'.repeat(70)])('%s is none', (told) => expect(instantOf(told)).toBeNull());

  it('reads addresses with and without a port, and mapped ones', () => {
    expect(['10.0.0.1:443', '10.0.0.1', '[2001:db8::1]:9', '2001:db8::1', '::ffff:10.0.0.1', '-', ''].map(addressOf)).toEqual(['10.0.0.1', '10.0.0.1', '2001:db8::1', '2001:db8::1', '10.0.0.1', null, null]);
  });

  it('shows a text in one line, without what steers a terminal or hides, and leaves no half character', () => {
    expect(agentOf('a\u001b[31mb\r\nc\u202ed\u0000')).toBe('a [31mb c d');
    expect(shownText('😀😀', 3)).toBe('😀');
    expect(shownText('aws-sdk-js-client-secrets-manager/3.1', 80)).toBe('aws-sdk-js-client-secrets-manager/3.1');
    expect(requestsOf('12')).toBe(12);
  });
});
