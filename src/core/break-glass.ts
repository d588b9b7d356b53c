/** What a revocation past worker, queue and ledger leaves behind, for the ledger to take in. Never a value. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { hours } from './duration.ts';
import { deriveKey, type Secret } from './secret.ts';

export const BREAK_GLASS_OUTCOMES = ['revoked', 'gone', 'unconfirmed', 'stopped'] as const;
/**
 * `gone`: it was dead already, says the issuer. `unconfirmed`: the issuer never said that it is dead. `stopped`: nor had it when the person who had
 * asked pressed Ctrl-C.
 */
export type BreakGlassOutcome = (typeof BREAK_GLASS_OUTCOMES)[number];

export interface BreakGlassRecord {
  /** ULID: a record is taken in once, however often it turns up. */
  readonly id: string;
  readonly issuer: string;
  readonly keyId: string;
  /** Empty where the issuer did not list the key. */
  readonly name: string;
  readonly prefix: string;
  /** The credential that was named, or that the key's name tells; null where neither says. */
  readonly credential: string | null;
  readonly who: string;
  readonly why: string;
  /** ISO, by the clock of the machine that asked. */
  readonly askedAt: string;
  /** When the issuer said that the key is dead; null before. */
  readonly revokedAt: string | null;
  /** Null in an intent: the record as it was written before the issuer was asked. */
  readonly outcome: BreakGlassOutcome | null;
}

/** So long after it was asked for a revocation is surely still meant. */
const MEANT_FOR_MS = hours(24);

/**
 * Why nobody but a person may carry out what a record asks for and did not achieve, a clause; null where the worker does it. A clock that is far
 * ahead tells as little as a record of last week.
 */
export function notMeantNow({ outcome, askedAt }: Pick<BreakGlassRecord, 'outcome' | 'askedAt'>, now: Date): string | null {
  if (outcome === 'stopped') return 'whoever asked for it stopped it before the issuer had said that the key is dead';
  const ageMs = now.getTime() - Date.parse(askedAt);
  if (Math.abs(ageMs) <= MEANT_FOR_MS) return null;
  return ageMs > 0 ? 'it was asked for more than 24 hours ago' : 'it says that it was asked for at an hour that is still to come';
}

/** Whether a record itself says that its key is dead. */
export function saysDead({ outcome }: Pick<BreakGlassRecord, 'outcome'>): boolean {
  return outcome === 'revoked' || outcome === 'gone';
}

/** As it lies in a file: with its HMAC, or null where the root key was out of reach. */
export interface SealedRecord extends BreakGlassRecord {
  readonly mac: string | null;
}

/** Puts the HMAC under the installation's root key on a record; none without one. */
export function sealRecord(record: BreakGlassRecord, rootKey: Secret | null): SealedRecord {
  return { ...record, mac: rootKey === null ? null : macOf(record, rootKey) };
}

/** `forged`: changed since, or written under another root key. */
export type Authenticity = 'signed' | 'unsigned' | 'forged';

/** Whether a record is what somebody with the installation's root key wrote. */
export function authenticityOf(record: SealedRecord, rootKey: Secret): Authenticity {
  if (record.mac === null) return 'unsigned';
  const [told, right] = [Buffer.from(record.mac, 'hex'), Buffer.from(macOf(record, rootKey), 'hex')];
  return told.length === right.length && timingSafeEqual(told, right) ? 'signed' : 'forged';
}

/** Over the fields in one order: how a file lays them out does not matter. */
function macOf(record: BreakGlassRecord, rootKey: Secret): string {
  const { id, issuer, keyId, name, prefix, credential, who, why, askedAt, revokedAt, outcome } = record;
  const text = JSON.stringify([1, id, issuer, keyId, name, prefix, credential, who, why, askedAt, revokedAt, outcome]);
  return createHmac('sha256', deriveKey(rootKey, 'break-glass')).update(text).digest('hex');
}
