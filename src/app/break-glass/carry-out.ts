/** Going on with a revocation past the worker that did not come to its end: a person asked for it, and the signed record proves that. */
import { breakGlassWaits } from '../../alerts/break-glass-notice.ts';
import { channelsFor, type Settings } from '../../config/index.ts';
import { notMeantNow, saysDead, type BreakGlassRecord } from '../../core/break-glass.ts';
import { hours } from '../../core/duration.ts';
import type { KeyRecord } from '../../core/vocabulary.ts';
import { requestEmergency } from '../../rotation/emergency.ts';
import type { Engine } from '../../rotation/engine.ts';
import type { Death } from './death.ts';

const TELL_AGAIN_MS = hours(1);

export interface CarryingOut {
  readonly engine: Engine;
  readonly config: () => Settings;
}

/** Why a record waits, a clause; `revoking`: an emergency is at its key meanwhile. */
export interface Waiting {
  readonly why: string;
  readonly revoking: boolean;
}

/**
 * Has the key of a record that is not seen to be dead revoked and replaced, as `keyturn revoke <key id>` does; asked again it changes nothing. Where that is not
 * for a worker to decide, and the key lives, people are paged.
 */
export async function carryOut(parts: CarryingOut, record: BreakGlassRecord, seen: Exclude<Death, { is: 'dead' }>): Promise<Waiting> {
  const { engine } = parts;
  // While the issuer does not answer, a record that says that the key is dead may be right.
  if (seen.is === 'untold' && saysDead(record)) return { why: seen.why, revoking: false };
  const key = (await engine.ledger.keysNamed(record.keyId)).find(({ issuer, issuerKeyId }) => issuer === record.issuer && issuerKeyId === record.keyId) ?? null;
  const refusal = notMeantNow(record, await engine.ledger.now()) ?? (key === null ? 'Keyturn does not know that key' : null);
  if (refusal !== null || key === null) return await leave(parts, record, key, seen, refusal ?? '');
  const asked = await requestEmergency(engine, { credential: key.credential, keyId: key.id, replace: true }, { who: record.who, why: record.why });
  if (asked.outcome === 'nothing') return await leave(parts, record, key, seen, 'the ledger took that key for dead');
  if (asked.outcome === 'created') engine.log.warn({ record: record.id, credential: key.credential, key: record.keyId, rotation: asked.rotation.id, by: record.who }, 'a revocation past the worker had not come to its end, and is carried out');
  return { why: `${seen.why}, and emergency ${asked.rotation.id} revokes it`, revoking: true };
}

async function leave({ engine: { ledger }, config }: CarryingOut, record: BreakGlassRecord, key: KeyRecord | null, seen: Exclude<Death, { is: 'dead' }>, refusal: string): Promise<Waiting> {
  if (seen.is === 'untold') return { why: seen.why, revoking: false };
  const credential = key === null ? null : await ledger.credential(key.credential);
  const channels = credential?.plan.channels.critical ?? channelsFor(config(), { credential: key?.credential ?? null, owner: null }, 'critical');
  await ledger.notify(breakGlassWaits({ record, credential: key?.credential ?? null, why: refusal }), channels, TELL_AGAIN_MS);
  return { why: `${seen.why}, and the worker does not revoke it: ${refusal}`, revoking: false };
}
