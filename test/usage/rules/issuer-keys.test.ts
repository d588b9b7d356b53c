/** What an inventory found, as people hear of it. */
import { describe, expect, test } from 'vitest';
import { levelOf } from '../../../src/core/finding.ts';
import { INVENTORY_RULES, type InventoryFinding, type KeyRoom } from '../../../src/core/inventory.ts';
import { inventoryFinding, keyLimitNear } from '../../../src/usage/rules/issuer-keys.ts';
import { keyRecord, record } from './fixtures.ts';

const about = (rule: InventoryFinding['rule'], more: Partial<InventoryFinding> = {}): InventoryFinding => ({ rule, id: 'key_7', name: 'prod-api', prefix: 'hm_live_', scopes: ['memory:write'], known: keyRecord(), message: 'So it is.', ...more });

const means = (scopes: readonly string[]): string | null | undefined => inventoryFinding(about('scopes_wider_than_declared', { scopes }), 'hm', {}, record())?.means;

describe('an inventory’s findings', () => {
  test.each(INVENTORY_RULES)('%s fires at once, says what to do, and names nothing that is not there', (rule) => {
    const finding = inventoryFinding(about(rule), 'hm', {}, record());
    expect(finding === null ? null : levelOf(finding)).toBe('fire');
    expect(finding).toMatchObject({ rule, pendingMs: 0, facts: { Key: 'hm_live_… (id key_7)', Issuer: 'hm' } });
    expect(finding?.title).not.toMatch(/[.\n]$/);
    for (const text of [finding?.happened ?? '', ...(finding?.todo ?? [])]) expect(text).toMatch(/^[A-Z`].*[.?]$/s);
    expect(JSON.stringify(finding)).not.toMatch(/undefined|NaN/);
  });

  test.each([
    ['a key of a declared credential', about('key_missing'), record(), { subject: 'key:k1', credential: 'prod-api', owner: 'platform', labels: { team: 'payments' } }],
    ['a key that the ledger does not know', about('unmanaged_key', { known: null }), null, { subject: 'issuer:hm key key_7', credential: null, owner: null }],
    ['the same key under two rules is two alerts', about('name_against_convention', { known: null }), null, { rule: 'name_against_convention', subject: 'issuer:hm key key_7' }],
  ] as const)('are about the right subject: %s', (_what, found, of, expected) => {
    expect(inventoryFinding(found, 'hm', {}, of)).toMatchObject(expected);
  });

  test.each([
    ['a current key that is gone locks applications out', about('key_missing'), 'critical'],
    ['a drained one does not', about('key_missing', { known: keyRecord({ state: 'draining' }) }), 'warning'],
    ['a revoked key that lives', about('revoked_key_alive', { known: keyRecord({ state: 'revoked' }) }), 'critical'],
    ['a key of nobody', about('unmanaged_key', { known: null }), 'info'],
  ] as const)('%s: %s', (_what, found, severity) => {
    expect(inventoryFinding(found, 'hm', {}, record())?.severity).toBe(severity);
    expect(inventoryFinding(found, 'hm', { severity: 'info' }, record())?.severity, 'the configured one comes first').toBe('info');
  });

  test('scopes that are too few mean something else than scopes that are too many', () => {
    expect(means(['memory:write', 'memory:admin'])).toBeNull();
    expect(means(['memory:read'])).toBeNull();
    expect(means([])).toContain('less than was declared');
  });

  test('a rule that is off says nothing', () => {
    expect(inventoryFinding(about('unmanaged_key'), 'hm', null, null)).toBeNull();
  });
});

const room = (liveKeys: number, passing = 0, keyLimit: number | null = 5): KeyRoom => ({ keyLimit, liveKeys, passing, raiseLimit: null });

describe('few keys are left', () => {
  test.each([
    ['none is left', room(5), 1, 0],
    ['one is left', room(4), 1, 1],
    ['two are left', room(3), 1, null],
    ['a rotation under way holds one that it will give back', room(4, 1), 1, null],
    ['more live than the limit allows', room(7), 1, -2],
    ['only none counts', room(4), 0, null],
    ['a plan of one key', room(1, 0, 1), 1, 0],
    ['no limit is known', room(500, 0, null), 1, null],
  ] as const)('%s', (_what, of, left, value) => {
    expect(keyLimitNear('hm', of, { left })?.value ?? null).toBe(value);
  });

  test('what fires clears as soon as a key is free', () => {
    const finding = keyLimitNear('hm', room(4), { left: 1 });
    if (finding === null) throw new Error('it should have been found');
    expect(levelOf(finding)).toBe('fire');
    expect(levelOf({ ...finding, value: 2 })).toBe('clear');
  });
});
