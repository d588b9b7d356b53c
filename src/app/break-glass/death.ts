import { describeError } from '../../core/errors.ts';
import { minutes } from '../../core/duration.ts';
import type { Issuer } from '../../ports/issuer.ts';
import { within, type Engine } from '../../rotation/engine.ts';
import { isGone } from '../../rotation/gone.ts';

/** Clocks and calls take their time, besides what the list may lag behind. */
const MARGIN_MS = minutes(1);

export type Death = { readonly is: 'dead'; readonly how: string } | { readonly is: 'alive' | 'untold'; readonly why: string };

/** Asks the issuer whether a key is dead, changing nothing; of one that it does not list, on the evidence that a lost key wants too. Never throws for an issuer's trouble. */
export async function seeDeath(engine: Engine, issuer: Issuer, keyId: string, signal: AbortSignal): Promise<Death> {
  const listed = await issuer.list(within(engine, issuer.capabilities.callTimeoutMs, signal)).catch((error: unknown) => describeError(error));
  if (typeof listed === 'string') return { is: 'untold', why: `${issuer.name} cannot be asked whether the key is dead: ${listed}` };
  const entry = listed.find(({ id }) => id === keyId);
  if (entry?.live === true) return { is: 'alive', why: `${issuer.name} lists the key as live` };
  if (entry !== undefined) return { is: 'dead', how: 'listed as revoked' };
  const known = await engine.ledger.keysOfIssuer(issuer.name);
  const key = known.find(({ issuerKeyId }) => issuerKeyId === keyId);
  if (key === undefined) return { is: 'dead', how: 'not listed, and not known to the ledger' };
  if (key.state === 'revoked' || key.state === 'lost') return { is: 'dead', how: 'not listed, and known to be dead' };
  const ageMs = (await engine.ledger.now()).getTime() - key.createdAt.getTime();
  if (ageMs < issuer.capabilities.listLagMs + MARGIN_MS) return { is: 'untold', why: `the key is so new that ${issuer.name} may not list it yet` };
  const record = await engine.ledger.credential(key.credential);
  if (record === null) return { is: 'untold', why: 'its credential is not known' };
  const gone = await isGone(engine, { issuer, live: listed.filter(({ live }) => live), known }, key, record.plan, signal);
  return gone.is === 'gone' ? { is: 'dead', how: 'not listed, and refused or beside others of ours that are listed' } : { is: gone.is === 'alive' ? 'alive' : 'untold', why: gone.why };
}
