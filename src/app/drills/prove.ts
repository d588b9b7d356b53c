/** Trying both keys once a drill's emergency is over: the revoked one must be refused, its replacement work. */
import type { DrillEvidence } from '../../core/drill.ts';
import type { CredentialPlan } from '../../core/plan.ts';
import type { Secret } from '../../core/secret.ts';
import type { KeyRecord } from '../../core/vocabulary.ts';
import type { Issuer, KeyProbe } from '../../ports/issuer.ts';
import { findValue, readPlaces } from '../../rotation/evidence.ts';
import { within, type Engine } from '../../rotation/engine.ts';

export interface Tried {
  readonly plan: CredentialPlan;
  readonly revoked: KeyRecord | null;
  readonly replacement: KeyRecord | null;
  /** Of the revoked key, where this process still has it. */
  readonly value: Secret | null;
}

/** Throws where the plug-ins cannot be opened. */
export async function evidenceOf(engine: Engine, { plan, revoked, replacement, value }: Tried, signal: AbortSignal): Promise<DrillEvidence> {
  const { issuer, places } = await engine.plugins(plan);
  const served = findValue(await readPlaces(engine, places, signal), replacement?.fingerprint ?? null, engine.fingerprint);
  return {
    revoked: value === null ? await byList(engine, issuer, revoked, signal) : await byCall(engine, issuer, value, signal),
    replacement: served === null ? 'unread' : (await probe(engine, issuer, served, signal, { accepted: 'works', refused: 'refused' } as const)),
  };
}

async function byCall(engine: Engine, issuer: Issuer, value: Secret, signal: AbortSignal): Promise<DrillEvidence['revoked']> {
  return { by: 'call', seen: await probe(engine, issuer, value, signal, { accepted: 'accepted', refused: 'refused' } as const) };
}

async function byList(engine: Engine, issuer: Issuer, revoked: KeyRecord | null, signal: AbortSignal): Promise<DrillEvidence['revoked']> {
  try {
    const listed = await issuer.list(within(engine, issuer.capabilities.callTimeoutMs * 4, signal));
    return { by: 'list', seen: listed.some(({ id, live }) => live && id === revoked?.issuerKeyId) ? 'accepted' : 'refused' };
  } catch {
    return { by: 'list', seen: 'unknown' };
  }
}

async function probe<A, R>(engine: Engine, issuer: Issuer, value: Secret, signal: AbortSignal, words: { readonly accepted: A; readonly refused: R }): Promise<A | R | 'unknown'> {
  const { works, conclusive } = await answer(engine, issuer, value, signal);
  if (works) return words.accepted;
  return conclusive ? words.refused : 'unknown';
}

async function answer(engine: Engine, issuer: Issuer, value: Secret, signal: AbortSignal): Promise<KeyProbe> {
  try {
    return await issuer.probe(value, within(engine, issuer.capabilities.callTimeoutMs, signal));
  } catch {
    return { works: false, conclusive: false, reason: '' };
  }
}
