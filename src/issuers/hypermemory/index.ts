import type { Issuer, IssuerCapabilities } from '../../ports/issuer.ts';
import { countUsageToday, inspectAccount } from './account.ts';
import { Client } from './client.ts';
import { looksLikeKey } from './form.ts';
import { examine } from './examine.ts';
import { createKey, listKeys, revokeKey } from './keys.ts';
import { exerciseKey, probeKey } from './memory.ts';
import { proveKey } from './prove.ts';
import { readQuota } from './quota.ts';
import { enough } from './scopes.ts';
import { readUsage } from './usage.ts';
import { settle, type HyperMemoryOptions, type Settings } from './settings.ts';

export { CANARY_PREFIX } from './memory.ts';
export * from './scopes.ts';
export { DEFAULT_BASE_URL, DEFAULT_FIELDS, DEFAULT_PATHS, PLAN_KEY_LIMITS } from './settings.ts';
export type { FieldName, Fields, HyperMemoryOptions, PathName, Paths } from './settings.ts';

export const HYPERMEMORY = 'hypermemory';

/**
 * The HyperMemory issuer. One instance for each declared issuer, since it keeps that account's pace of calls.
 * Throws CONFIG_INVALID for a base URL that is not a plain http(s) address.
 */
export function createHyperMemoryIssuer(options: HyperMemoryOptions): Issuer {
  const settings = settle(options);
  const client = new Client(settings);
  return {
    name: settings.name,
    type: HYPERMEMORY,
    capabilities: capabilitiesOf(settings),
    looksLikeKey,
    inspect: (signal) => inspectAccount(client, client.bounded(signal)),
    list: (signal) => listKeys(client, client.bounded(signal)),
    create: (request, signal) => createKey(client, request, client.bounded(signal)),
    revoke: (issuerKeyId, signal) => revokeKey(client, issuerKeyId, client.bounded(signal)),
    probe: (value, signal) => probeKey(client, value, signal),
    prove: (value, issuerKeyId, signal) => proveKey(client, value, issuerKeyId, client.bounded(signal)),
    exercise: (value, request, signal) => exerciseKey(client, value, request, signal),
    examine: (signal) => examine(client, client.bounded(signal)),
    enough,
    usage: (request, signal) => readUsage(client, request, client.bounded(signal)),
    usageToday: (signal) => countUsageToday(client, client.bounded(signal)),
    quota: (signal) => readQuota(client, client.bounded(signal)),
  };
}

function capabilitiesOf(settings: Settings): IssuerCapabilities {
  return {
    list: true,
    lastUse: settings.lastUse,
    immediateRevocation: true,
    keyLimit: settings.keyLimit ?? null,
    listLagMs: settings.listLagMs,
    callTimeoutMs: settings.timeoutMs,
  };
}
