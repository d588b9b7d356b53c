/** Asking for an emergency: which keys die, and whether others follow. Whoever finds a leak asks here, however often. */
import { KeyturnError } from '../core/errors.ts';
import { isLiving, type Revocation } from '../core/revocation.ts';
import { urgently } from '../core/urgency.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { CredentialRecord, Rotation } from '../ports/ledger.ts';
import { bound } from './bind.ts';
import type { Engine } from './engine.ts';
import { requestRotation } from './request.ts';

export interface EmergencyRequest {
  readonly credential: string;
  /** Only that key of it, by its issuer's id or Keyturn's; absent: every living key. */
  readonly keyId?: string;
  /** False: nothing is created in the place of what dies. */
  readonly replace: boolean;
}

export type EmergencyOutcome =
  /** `open`: an emergency that is under way means these keys already; this is the one. */
  | { readonly outcome: 'created' | 'open'; readonly rotation: Rotation }
  /** There is nothing left to revoke, and nothing was changed; `why` is a sentence. */
  | { readonly outcome: 'nothing'; readonly why: string };

/**
 * Records an emergency, with its audit event and the end of the rotation that it pre-empts, in one transaction, and wakes it. Asked
 * again it changes nothing: by key id for good, by credential until the key that took its place exists. A credential that is not
 * declared any more gets no new key. Throws UNKNOWN_CREDENTIAL, UNKNOWN_NAME for no key of it, BLOCKED where a key cannot be bound.
 */
export async function requestEmergency(engine: Engine, request: EmergencyRequest, actor: Actor): Promise<EmergencyOutcome> {
  return await urgently(() => requestUrgently(engine, request, actor));
}

async function requestUrgently(engine: Engine, request: EmergencyRequest, actor: Actor): Promise<EmergencyOutcome> {
  const record = await engine.ledger.credential(request.credential);
  if (record === null) throw new KeyturnError('UNKNOWN_CREDENTIAL', `There is no credential ${request.credential}.`, { effect: 'none', todo: '`keyturn status` lists them.' });
  const asked = { ...request, replace: request.replace && record.declared };
  return asked.keyId === undefined ? await ofEvery(engine, record, asked, actor) : await ofOne(engine, record, asked.keyId, asked, actor);
}

async function ofOne(engine: Engine, record: CredentialRecord, id: string, { replace }: EmergencyRequest, actor: Actor): Promise<EmergencyOutcome> {
  const key = (await engine.ledger.keysOf(record.name)).find((one) => one.id === id || one.issuerKeyId === id);
  if (key === undefined) throw new KeyturnError('UNKNOWN_NAME', `${record.name} has no key ${id}.`, { effect: 'none', todo: `\`keyturn keys --credential ${record.name}\` lists its keys.` });
  if (key.state === 'revoked' || key.state === 'lost') return { outcome: 'nothing', why: deadSince(key) };
  return await ask(engine, record, { keys: [key.id], replace }, key.id, actor);
}

function deadSince({ issuerKeyId, credential, state, revokedAt }: KeyRecord): string {
  const since = revokedAt === null ? '' : ` since ${revokedAt.toISOString()}`;
  return `Key ${issuerKeyId} of ${credential} is ${state === 'lost' ? `gone at its issuer${since}, without Keyturn` : `revoked${since}`}; nothing was changed.`;
}

async function ofEvery(engine: Engine, record: CredentialRecord, { replace }: EmergencyRequest, actor: Actor): Promise<EmergencyOutcome> {
  const nothing = record.currentKeyId === null ? await nothingLeft(engine, record, replace) : null;
  if (nothing !== null) return { outcome: 'nothing', why: nothing };
  const known = await bound(engine, record, actor, ' If it has leaked, revoke it at the issuer by hand now.');
  if (known.currentKeyId === null && replace && (await neverHadOne(engine, record.name))) return { outcome: 'nothing', why: `${record.name} has no key yet; nothing was changed.` };
  return await ask(engine, known, { keys: 'every', replace }, known.currentKeyId, actor);
}

/** Of a credential without a current key: why there is nothing to do, or null. One that never had a key may have one in its stores. */
async function nothingLeft({ ledger }: Engine, { name, declared }: CredentialRecord, replace: boolean): Promise<string | null> {
  const [open, keys, [retired]] = await Promise.all([ledger.openRotation(name), ledger.keysOf(name), ledger.retired([name])]);
  if (open !== null || keys.some((key) => isLiving(key) || key.state === 'condemned')) return null;
  if (retired !== undefined) return `${name} was retired by ${retired.actor.who} at ${retired.since.toISOString()} and has no living key; nothing was changed.`;
  if (keys.length === 0 && declared) return null;
  return replace || !declared ? `${name} has no living key; nothing was changed.` : null;
}

async function neverHadOne({ ledger }: Engine, name: string): Promise<boolean> {
  const [open, keys] = await Promise.all([ledger.openRotation(name), ledger.keysOf(name)]);
  return open === null && keys.length === 0;
}

async function ask(engine: Engine, record: CredentialRecord, revocation: Revocation, oldKeyId: string | null, actor: Actor): Promise<EmergencyOutcome> {
  return await requestRotation(engine, record, 'emergency', actor, { oldKeyId, notes: { revocation } });
}
