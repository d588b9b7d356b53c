import type { DebtCause, RevocationDebt } from './vocabulary.ts';

/**
 * What one place says about the key that is to die. `unknown`: it serves a value that the ledger does not know, which may
 * be the key when nobody knows that key's value. `missing`: it held a value and is empty now, as a volume that is not mounted: no
 * proof of what applications read.
 */
export type Exposure = 'clear' | 'current' | 'backup' | 'leftover' | 'unreadable' | 'missing' | 'unknown';

export interface DebtFacts {
  readonly cause: DebtCause;
  /** False when the binding of an adopted key was never proved. */
  readonly proven: boolean;
  /** The ledger says that it is some credential's current key and no emergency condemned it. */
  readonly currentInLedger: boolean;
  /** Of a rolled back key that applications may have read: until they had time to read the old one; endless while a store is being put right. */
  readonly overlapLeftMs: number;
  readonly places: readonly { readonly describe: string; readonly exposure: Exposure; readonly detail: string }[];
}

export type DebtDecision =
  | { readonly do: 'revoke' }
  /** Remove backups, staged and displaced copies first, then look again. */
  | { readonly do: 'retire' }
  | { readonly do: 'refuse'; readonly why: string };

/** Whether a key may be revoked now. An emergency asks nothing; everything else must be proved (promises 1 and 2). */
export function decideDebt(facts: DebtFacts): DebtDecision {
  if (isUnconditional(facts.cause)) return { do: 'revoke' };
  if (!facts.proven) return refuse('no call has ever proved that this key id is the stored value; an unproved binding is never revoked automatically');
  if (facts.currentInLedger) return refuse('the ledger says that it is the current key');
  if (facts.overlapLeftMs > 0) return refuse('a store served it until a short while ago; it lives for the overlap');
  const serving = facts.places.find((p) => p.exposure === 'current');
  if (serving !== undefined) return refuse(`${serving.describe} serves it as current`);
  const silent = facts.places.find((p) => p.exposure === 'unreadable');
  if (silent !== undefined) return refuse(`${silent.describe} cannot be read: ${silent.detail}`);
  const unknown = facts.places.find((p) => p.exposure === 'unknown');
  if (unknown !== undefined) return refuse(`${unknown.describe} serves a value that the ledger does not know, and it may be this key`);
  const missing = facts.places.find((p) => p.exposure === 'missing');
  if (missing !== undefined) return refuse(`${missing.describe} held a value before and is gone or empty now`);
  const left = facts.places.some((p) => p.exposure === 'backup' || p.exposure === 'leftover');
  return left ? { do: 'retire' } : { do: 'revoke' };
}

/** Revoked while stores still serve it: in an emergency, or by a policy that allows downtime. */
export function isUnconditional(cause: DebtCause): boolean {
  return cause === 'emergency' || cause === 'replaced';
}

function refuse(why: string): DebtDecision {
  return { do: 'refuse', why };
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
/** An emergency is tried at short intervals for as long as it takes. */
const LAST_EMERGENCY_RETRY_MS = 5_000;

/** Milliseconds until the next try after `attempts` failed ones. */
export function debtRetryMs(cause: DebtCause, attempts: number, askedMs: number): number {
  const cap = cause === 'emergency' ? LAST_EMERGENCY_RETRY_MS : LAST_RETRY_MS;
  return Math.max(askedMs, Math.min(cap, FIRST_RETRY_MS * 2 ** Math.min(12, attempts)));
}

/** For people to hear of: an emergency's after its first failure, any other once it is older than its policy bears. */
export function isOverdue({ cause, lastError, createdAt }: RevocationDebt, now: Date, stuckMs: number): boolean {
  return cause === 'emergency' ? lastError !== null : now.getTime() - createdAt.getTime() >= stuckMs;
}
