import { describe, expect, test } from 'vitest';
import { takeInventory, type InventoryFacts, type ListedKey } from '../../src/core/inventory.ts';
import type { KeyRecord } from '../../src/core/vocabulary.ts';

const listed = (id: string, name: string, more: Partial<ListedKey> = {}): ListedKey => ({ id, name, prefix: 'hm_live_', scopes: ['memory:write'], live: true, ...more });
const known = (issuerKeyId: string, more: Partial<KeyRecord> = {}): KeyRecord => ({
  id: `own-${issuerKeyId}`, credential: 'prod-api', issuer: 'hm', issuerKeyId, name: 'prod-api-kt-abc123-0123456789', prefix: 'hm_live_', fingerprint: 'f',
  scopes: ['memory:write'], state: 'current', proven: true, rotationId: null, createdAt: new Date(0), revokedAt: null, ...more,
});
const inventory = (more: Partial<InventoryFacts>): readonly string[] =>
  takeInventory({ issuer: 'hm', listed: [], known: [], declaredScopes: { 'prod-api': ['memory:write'] }, knownKeys: [], shownUntil: new Date(1_000), ...more }).map(({ rule, name }) => `${rule}:${name}`);
const revokedAt = (ms: number): Partial<InventoryFacts> => ({ listed: [listed('k1', 'n')], known: [known('k1', { state: 'revoked', revokedAt: new Date(ms) })] });

describe('the issuer\'s list against the ledger', () => {
  test('agrees when every live key is known and as declared', () => {
    expect(inventory({ listed: [listed('k1', 'prod-api-kt-abc123-0123456789')], known: [known('k1')] })).toEqual([]);
  });

  test('names keys that Keyturn did not make, but for those that people look after themselves', () => {
    const keys = [listed('a', 'prod-admin'), listed('b', 'backend-ci'), listed('c', 'old-one', { live: false })];
    expect(inventory({ listed: keys, knownKeys: ['*-admin'] })).toEqual(['unmanaged_key:backend-ci']);
  });

  test('names what breaks the conventions, scopes that drifted, and live keys that are gone', () => {
    expect(inventory({ listed: [listed('x', 'MyKey')] })).toEqual(['unmanaged_key:MyKey', 'name_against_convention:MyKey']);
    expect(inventory({ listed: [listed('k1', 'n', { scopes: ['memory:admin'] })], known: [known('k1')] })).toEqual(['scopes_wider_than_declared:n']);
    expect(inventory({ known: [known('k1')] })).toEqual(['key_missing:prod-api-kt-abc123-0123456789']);
    expect(inventory({ known: [known('k1', { state: 'revoked' }), known('k2', { state: 'condemned' })] })).toEqual([]);
  });

  test('misses no key that came while the list was made, which it therefore does not show', () => {
    expect(inventory({ known: [known('k1'), known('k2', { createdAt: new Date(1_000) })] })).toEqual(['key_missing:prod-api-kt-abc123-0123456789']);
    expect(inventory({ known: [known('k1', { createdAt: new Date(1_000) })] })).toEqual([]);
  });

  test('names a key that lives although the issuer had confirmed its revocation, unless the list may still show it', () => {
    expect(inventory(revokedAt(999))).toEqual(['revoked_key_alive:n']);
    expect(inventory(revokedAt(1_000))).toEqual([]);
  });

  test('names the live key of a credential that left the configuration, and does not miss it once somebody has revoked it', () => {
    const left = known('k1', { credential: 'gone', name: 'gone-kt-abc123-0123456789' });
    expect(inventory({ listed: [listed('k1', left.name)], known: [left] })).toEqual(['undeclared_key:gone-kt-abc123-0123456789']);
    expect(inventory({ known: [left] })).toEqual([]);
    const ofDrill = known('k1', { credential: 'drill:prod-api', name: 'drill-prod-api-kt-abc123-0123456789' });
    expect(inventory({ listed: [listed('k1', ofDrill.name)], known: [ofDrill] })).toEqual([]);
  });
});
