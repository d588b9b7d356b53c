import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Distinct } from '../../src/core/distinct.ts';
import type { UsageEvent } from '../../src/core/usage.ts';
import { tally } from '../../src/usage/tally.ts';

const NOW = new Date('2026-03-02T12:00:00Z');
const LIMITS = { now: NOW, oldestMs: 86_400_000 };
const IDS = new Map([['key_1', 'K1'], ['key_2', 'K2']]);
const KEYS = ({ clue }: UsageEvent): string | undefined => IDS.get(clue);
const event = (secondsAgo: number, more: Partial<UsageEvent> = {}): UsageEvent => ({ at: new Date(NOW.getTime() - secondsAgo * 1_000), clue: 'key_1', outcome: 'ok', requests: 1, address: '10.0.0.1', agent: 'app/1', ...more });

const sums = (parts: readonly (readonly UsageEvent[])[]): Record<string, number> => {
  const total: Record<string, number> = {};
  for (const { keyId, at, requests, failed, denied } of parts.flatMap((part) => tally(part, KEYS, LIMITS).increments)) {
    for (const [what, n] of Object.entries({ requests, failed, denied })) total[`${keyId} ${at.toISOString()} ${what}`] = (total[`${keyId} ${at.toISOString()} ${what}`] ?? 0) + n;
  }
  return total;
};

describe('a batch of usage, counted', () => {
  it('goes to its key and minute, with what failed and what was denied apart', () => {
    const { increments } = tally([event(1), event(2, { outcome: 'failed', requests: 3 }), event(3, { outcome: 'denied' }), event(70), event(1, { clue: 'key_2' })], KEYS, LIMITS);
    expect(increments.map(({ keyId, at, requests, failed, denied }) => [keyId, at.toISOString().slice(11, 16), requests, failed, denied])).toEqual([
      ['K1', '11:59', 5, 3, 1], ['K1', '11:58', 1, 0, 0], ['K2', '11:59', 1, 0, 0],
    ]);
  });

  it('names callers by address and agent, and when they were seen first and last', () => {
    const { callers } = tally([event(30), event(10), event(20, { agent: 'curl/8' }), event(5, { address: null, agent: null })], KEYS, LIMITS);
    expect(callers.map(({ address, agent, requests, firstSeen, lastSeen }) => [address, agent, requests, (NOW.getTime() - firstSeen.getTime()) / 1_000, (NOW.getTime() - lastSeen.getTime()) / 1_000])).toEqual([
      ['10.0.0.1', 'app/1', 2, 30, 10], ['10.0.0.1', 'curl/8', 1, 20, 20],
    ]);
  });

  it('counts by key what was asked of its scopes: what is not known under none, refused attempts of the key not at all', () => {
    const { needs } = tally([event(30, { need: 'read' }), event(10, { need: 'read', requests: 2 }), event(20, { need: 'write', outcome: 'failed', refused: true }), event(5, { need: null }), event(1, { outcome: 'denied', need: 'write' }), event(1, { clue: 'key_2', need: 'read' }), event(1, { clue: 'key_9', need: 'read' })], KEYS, LIMITS);
    expect(needs?.map(({ keyId, need, requests, refused, firstSeen, lastSeen }) => [keyId, need, requests, refused, (NOW.getTime() - firstSeen.getTime()) / 1_000, (NOW.getTime() - lastSeen.getTime()) / 1_000])).toEqual([
      ['K1', 'read', 3, 0, 30, 10], ['K1', 'write', 1, 1, 20, 20], ['K1', '', 1, 0, 5, 5], ['K2', 'read', 1, 0, 1, 1],
    ]);
    expect(tally([event(1), event(2)], KEYS, LIMITS).needs, 'a source that tells nothing of scopes').toEqual([]);
    const many = tally(Array.from({ length: 5_000 }, (_, n) => event(1, { need: `scope-${n}` })), KEYS, LIMITS).needs ?? [];
    expect([many.length, many.reduce((sum, { requests }) => sum + requests, 0), many.some(({ need }) => need === '')], 'stays small, and says what it does not know').toEqual([101, 5_000, true]);
  });

  it('counts apart what is of no known key, from the future, older than what is kept, or of no time', () => {
    const { increments, unknown, unknownExample, malformed, malformedExample } = tally(
      [event(1, { clue: 'key_9', requests: 4 }), event(-3_600), event(90_000), event(0, { at: new Date(Number.NaN) }), event(-60)], KEYS, LIMITS);
    expect({ unknown, example: unknownExample?.clue, malformed }).toEqual({ unknown: 4, example: 'key_9', malformed: 3 });
    expect(malformedExample).toBe('a record is of 2026-03-02T13:00:00.000Z, which has not come yet');
    expect(increments.map(({ requests }) => requests), 'a minute ahead is a clock, not a mistake').toEqual([1]);
  });

  it('stays small for a hundred thousand addresses', () => {
    const many = Array.from({ length: 100_000 }, (_, n) => event(1, { address: `2001:db8::${n.toString(16)}` }));
    const { increments, callers } = tally(many, KEYS, LIMITS);
    expect(increments).toHaveLength(1);
    expect(callers.length).toBeLessThanOrEqual(500);
  });

  it('gives the same whether events come in one batch or in several', () => {
    const events = fc.array(fc.record({ secondsAgo: fc.integer({ min: 0, max: 300 }), clue: fc.constantFrom('key_1', 'key_2'), requests: fc.integer({ min: 1, max: 9 }), outcome: fc.constantFrom('ok', 'failed', 'denied') }), { maxLength: 40 });
    fc.assert(fc.property(events, fc.nat(40), (all, cut) => {
      const made = all.map(({ secondsAgo, ...more }) => event(secondsAgo, more as Partial<UsageEvent>));
      expect(sums([made.slice(0, cut), made.slice(cut)])).toEqual(sums([made]));
    }));
  });
});

describe('how many different ones', () => {
  it('is right to a few for a handful and to a quarter for a million', () => {
    for (const [many, off] of [[0, 0], [1, 0], [3, 0.34], [10, 0.25], [100, 0.25], [10_000, 0.35], [1_000_000, 0.35]] as const) {
      const seen = new Distinct();
      for (let n = 0; n < many; n += 1) seen.add(`10.${n}`);
      expect(Math.abs(seen.estimate() - many), `${many} seen as ${seen.estimate()}`).toBeLessThanOrEqual(many * off);
    }
  });

  it('is not changed by seeing one again, and comes back from the ledger as it went', () => {
    const seen = new Distinct();
    for (const one of ['a', 'b', 'a', 'a', 'b']) seen.add(one);
    expect(seen.estimate()).toBe(2);
    const bits = [...Buffer.from(seen.toHex(), 'hex')].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    expect(Distinct.fromBitText(bits).toHex()).toBe(seen.toHex());
  });
});
