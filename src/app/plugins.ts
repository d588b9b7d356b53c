import type { CredentialPlan, PluginDefinition } from '../core/plan.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { Plugins } from '../rotation/engine.ts';
import { CHECKS, HOOKS, ISSUERS, open, openPlace, type OpenedCheck, type Resolve } from './registry.ts';

const MAX_OPEN = 5_000;

export interface PluginCache {
  of(plan: CredentialPlan): Promise<Plugins>;
  /** The same issuer that plans with this definition share. */
  issuer(definition: PluginDefinition): Issuer;
  close(): Promise<void>;
}

/**
 * Opens plug-ins by their definitions and keeps them: plans that agree share an issuer, with its pace of calls, and its
 * stores. A rotation that began under an older configuration gets what its own plan names.
 */
export function createPluginCache(resolve: Resolve): PluginCache {
  const issuers = new Map<string, Issuer>();
  const opened = new Map<string, Plugins>();
  const issuerOf = (definition: PluginDefinition): Issuer => remember(issuers, definition, () => open(ISSUERS, definition, resolve));
  return {
    async of(plan) {
      const { issuer, places, checks, hooks, scopes, space } = plan;
      return remember(opened, { issuer, places, checks, hooks, scopes, space }, () => openPlan(plan, issuerOf(issuer), resolve));
    },
    issuer: issuerOf,
    async close() {
      const stores = [...opened.values()].flatMap((plugins) => plugins.places.map((place) => place.store));
      opened.clear();
      await Promise.allSettled(stores.map(async (store) => await store.close?.()));
    },
  };
}

/** By definition; the oldest is let go when there are too many (configurations change, workers live long). */
function remember<T>(cache: Map<string, T>, definition: unknown, make: () => T): T {
  const key = JSON.stringify(definition);
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  cache.set(key, made);
  const oldest = cache.size > MAX_OPEN ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  return made;
}

function openPlan(plan: CredentialPlan, issuer: Issuer, resolve: Resolve): Plugins {
  const checked = { issuer, scopes: plan.scopes, space: plan.space };
  const checks = plan.checks.map((definition): OpenedCheck => open(CHECKS, definition, resolve, checked));
  return {
    issuer,
    places: plan.places.map((place) => ({ id: place.id, ofRecord: place.ofRecord, store: openPlace(place, resolve) })),
    keyChecks: checks.flatMap((opened) => (opened.of === 'key' ? [opened.check] : [])),
    applicationChecks: checks.flatMap((opened) => (opened.of === 'application' ? [opened.check] : [])),
    hooks: plan.hooks.map((definition) => open(HOOKS, definition, resolve)),
  };
}
