import { describe, expect, test } from 'vitest';
import { networkOf, programOf } from '../../src/core/callers.ts';
import type { WatchRecord } from '../../src/core/watching.ts';
import type { UsageCaller } from '../../src/ports/usage-ledger.ts';
import { learn, MOST_NETWORKS } from '../../src/usage/scan/callers.ts';
import { firstState } from '../../src/usage/scan/memory.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-03-02T12:00:00Z');
const EMPTY: WatchRecord = firstState('c', 's', NOW, null).record;
const caller = (address: string, more: Partial<UsageCaller> = {}): UsageCaller =>
  ({ keyId: 'k', source: 's', address, agent: 'app/1.0', requests: 1, failed: 0, denied: 0, firstSeen: new Date(NOW), lastSeen: new Date(NOW), ...more });

describe('a network', () => {
  test.each([
    ['10.1.2.3', '10.1.2.0/24'],
    ['2001:db8:1:2::3', '2001:db8:1::/48'],
    ['2001:DB8::1', '2001:db8:0::/48'],
    ['::1', '0:0:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['proxy.internal', 'proxy.internal'],
    ['', ''],
  ])('of %s is %s', (address, network) => expect(networkOf(address)).toBe(network));
});

describe('a program', () => {
  test.each([
    ['python-requests/2.31.0', 'python-requests'],
    ['curl/8.5.0', 'curl'],
    ['my-app v12', 'my-app'],
    ['Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.1', 'Mozilla (X11; Linux x86_64) Chrome'],
    ['', ''],
    [`${'x'.repeat(200)}/1`, 'x'.repeat(60)],
  ])('%s is %s whatever its version', (agent, program) => expect(programOf(agent)).toBe(program));
});

describe('what is learned of callers', () => {
  test('is when each network was seen first and last, and no attempt that was refused', () => {
    const first = learn(EMPTY, [caller('10.0.0.1', { firstSeen: new Date(NOW - DAY) }), caller('10.0.9.1', { denied: 1 })], NOW);
    expect(first.networks).toEqual([{ name: '10.0.0.0/24', first: NOW - DAY, last: NOW }]);
    const later = learn(first, [caller('10.0.0.9', { firstSeen: new Date(NOW + DAY), lastSeen: new Date(NOW + DAY) })], NOW + DAY);
    expect(later.networks).toEqual([{ name: '10.0.0.0/24', first: NOW - DAY, last: NOW + DAY }]);
  });

  test('believes no caller from the future', () => {
    expect(learn(EMPTY, [caller('10.0.0.1', { firstSeen: new Date(NOW + DAY), lastSeen: new Date(NOW + DAY) })], NOW).networks).toEqual([{ name: '10.0.0.0/24', first: NOW, last: NOW }]);
  });

  test('is bounded, keeps those seen last, and forgets after a quarter', () => {
    const many = Array.from({ length: 1_000 }, (_, n) => caller(`10.${n >> 8}.${n & 255}.1`, { lastSeen: new Date(NOW - n * 60_000) }));
    const { networks } = learn(EMPTY, many, NOW);
    expect(networks).toHaveLength(MOST_NETWORKS);
    expect(networks[0]?.name).toBe('10.0.0.0/24');
    expect(learn({ ...EMPTY, networks }, [], NOW + 91 * DAY).networks).toEqual([]);
  });
});
