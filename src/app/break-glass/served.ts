/** Which of some keys the stores serve, as far as that can be known at once: by marked calls in the issuer's own trail. */
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveSecret } from '../../config/index.ts';
import type { CredentialPlan } from '../../core/plan.ts';
import type { Issuer } from '../../ports/issuer.ts';
import { openPlace } from '../registry.ts';

/** By key id, the places that serve it; null where stores or issuer did not tell within `boundMs` milliseconds. Never throws, never waits longer. */
export async function servedBy(issuer: Issuer, plan: CredentialPlan, keyIds: readonly string[], boundMs: number): Promise<ReadonlyMap<string, readonly string[]> | null> {
  const late = new AbortController();
  const looked = look(issuer, plan, keyIds, late.signal).catch(() => null);
  const answer = await Promise.race([looked, sleep(boundMs, null, { ref: false })]);
  late.abort();
  return answer;
}

async function look(issuer: Issuer, plan: CredentialPlan, keyIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
  const served = new Map<string, string[]>();
  await Promise.all(plan.places.map(async (place) => {
    const store = openPlace(place, resolveSecret);
    try {
      const value = (await store.read(signal)).slots.find(({ role }) => role === 'current')?.value;
      if (value === undefined) return;
      const proofs = await Promise.all(keyIds.map(async (keyId) => [keyId, await issuer.prove?.(value, keyId, signal)] as const));
      for (const [keyId, proof] of proofs) if (proof === 'proven') served.set(keyId, [...(served.get(keyId) ?? []), store.describe]);
    } finally {
      await store.close?.();
    }
  }));
  return served;
}
