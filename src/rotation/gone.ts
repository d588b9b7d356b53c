/** Is a key that the issuer does not list (any more) dead? The list alone proves nothing: an admin key of another account lists nothing of ours either (decision 0011). */
import { describeError } from '../core/errors.ts';
import type { CredentialPlan } from '../core/plan.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { IssuedKey, Issuer, KeyProbe } from '../ports/issuer.ts';
import { within, type Engine } from './engine.ts';
import { findValue, readPlaces } from './evidence.ts';

export const LIVING: readonly KeyRecord['state'][] = ['staged', 'current', 'draining'];

/** One issuer's answer beside what the ledger knows of it. */
export interface Listed {
  readonly issuer: Issuer;
  readonly live: readonly IssuedKey[];
  readonly known: readonly KeyRecord[];
}

/** `untold`: nothing can tell. `untried`: it could not be tried now; later it may. */
export type Gone = { readonly is: 'gone' } | { readonly is: 'alive' | 'untold' | 'untried'; readonly why: string };

/** Tries a key with the value that a store holds, of one that is not in the list; where none holds it, other keys of ours in the list must show that it is our account's. */
export async function isGone(engine: Engine, listed: Listed, key: KeyRecord, plan: CredentialPlan, signal: AbortSignal): Promise<Gone> {
  const { issuer } = listed;
  const { places } = await engine.plugins(plan);
  const value = findValue(await readPlaces(engine, places, signal), key.fingerprint, engine.fingerprint);
  if (value === null) {
    if (othersAreListed(listed, key)) return { is: 'gone' };
    return { is: 'untold', why: 'no store holds its value to try it with, and no other key of this installation is listed: the admin key may be of another account' };
  }
  const probe = await tried(() => issuer.probe(value, within(engine, issuer.capabilities.callTimeoutMs, signal)));
  if (probe.works) return { is: 'alive', why: 'a call with it still works: the admin key seems to be of another account' };
  return probe.conclusive ? { is: 'gone' } : { is: 'untried', why: `it could not be tried: ${probe.reason}` };
}

function othersAreListed({ live, known }: Listed, key: KeyRecord): boolean {
  const ids = new Set(live.map(({ id }) => id));
  return known.some((one) => one.id !== key.id && one.proven && LIVING.includes(one.state) && ids.has(one.issuerKeyId));
}

async function tried(probe: () => Promise<KeyProbe>): Promise<KeyProbe> {
  try {
    return await probe();
  } catch (error) {
    return { works: false, conclusive: false, reason: describeError(error) };
  }
}
