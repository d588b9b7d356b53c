/** From a scenario to the plans that the real configuration would make of it. */
import { minutes } from '../../src/core/duration.ts';
import type { CredentialPlan, PlaceDefinition, PluginDefinition } from '../../src/core/plan.ts';
import type { CredentialSpec, Scenario } from './scenario.ts';

export const SCOPES = ['memory:write'];
const definition = (name: string): PluginDefinition => ({ name, type: 'model', options: {} });

export const credentialName = (n: number): string => `c${n}`;
export const placeId = (credential: number, place: number): string => `c${credential}/${place}`;
/** The name of the key that people made before Keyturn. */
export const peoplesKey = (n: number): string => `people-${n}`;

/** `scheduled: false`: rotated only by hand from now on, so that things can come to rest. */
export function planOf({ credentials }: Scenario, n: number, scheduled: boolean): CredentialPlan {
  const spec = credentials[n] as CredentialSpec;
  return {
    credential: credentialName(n), owner: null, labels: {}, issuer: definition('hm'), pacing: { maxConcurrent: 3, perMinute: 6 }, knownKeys: ['bystander-*'],
    keyName: credentialName(n), scopes: SCOPES, space: null, environment: 'live',
    adopt: spec.begins === 'people' ? { by: 'name', value: peoplesKey(n) } : null,
    policy: {
      name: 'p', cron: null, timezone: 'UTC', everyMs: scheduled ? spec.everyMs : null, window: null, overlapMs: spec.overlapMs, quietMs: spec.quietMs, maxAgeMs: spec.maxAgeMs ?? null,
      jitterMs: 0, strategy: spec.strategy, allowDowntime: spec.strategy === 'replace',
      deadlines: { verifyMs: minutes(10), promoteMs: spec.deadlineMs, confirmMs: spec.deadlineMs, stuckMs: minutes(60), retryMs: minutes(30) },
    },
    places: spec.places.map((_kind, place): PlaceDefinition => ({ id: placeId(n, place), store: definition('model'), place: {}, ofRecord: place === 0 })),
    checks: spec.check ? [definition('application')] : [], hooks: spec.hook ? [definition('reload')] : [],
    channels: { info: [], warning: ['ops'], critical: ['ops'] },
  };
}
