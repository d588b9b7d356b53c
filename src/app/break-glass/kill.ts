/** Revoking one key for as long as it takes, and believing nobody but the issuer that it is dead. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BreakGlassOutcome } from '../../core/break-glass.ts';
import { describeError, KeyturnError, type ErrorCode } from '../../core/errors.ts';
import type { Issuer } from '../../ports/issuer.ts';

const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5_000;
/** For one last look after the time is over. */
const LAST_LOOK_MS = 5_000;
/** A person must mend something before another try could end otherwise. */
const HOPELESS: readonly ErrorCode[] = ['ISSUER_DENIED', 'ISSUER_REJECTED', 'REFERENCE_UNRESOLVED', 'CONFIG_INVALID'];

export interface Killed {
  readonly outcome: Exclude<BreakGlassOutcome, 'stopped'>;
  readonly tries: number;
  /** True when an answer was lost before: then it may be our own revoke that is found done. */
  readonly lostAnswer: boolean;
  readonly lastError: string | null;
}

export interface Killing {
  /** Ends the tries: the time that was given is over, or the person stops. */
  readonly signal: AbortSignal;
  /** True when the issuer listed it as live a moment ago. */
  readonly listedLive: boolean;
  /** Told after each try that failed, with the pause before the next. */
  failed(error: string, pauseMs: number): void;
}

/** Tries until the issuer says that the key is dead, nothing can help, or `signal` ends it. After a lost answer the list is looked at too. Never throws. */
export async function kill(issuer: Issuer, keyId: string, killing: Killing): Promise<Killed> {
  const { signal } = killing;
  let [lostAnswer, lastError]: [boolean, string | null] = [false, null];
  for (let tries = 1; ; tries += 1) {
    const done = (outcome: Killed['outcome']): Killed => ({ outcome, tries, lostAnswer, lastError });
    if (signal.aborted) return done(lostAnswer && (await isListedDead(issuer, keyId, killing, AbortSignal.timeout(LAST_LOOK_MS))) ? 'revoked' : 'unconfirmed');
    try {
      return done(await issuer.revoke(keyId, bounded(issuer, signal)));
    } catch (error) {
      lastError = describeError(error);
      if (isHopeless(error)) return done('unconfirmed');
      lostAnswer ||= !(error instanceof KeyturnError) || error.effect !== 'none';
    }
    if (lostAnswer && (await isListedDead(issuer, keyId, killing, signal))) return done('revoked');
    const pauseMs = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(10, tries - 1));
    if (!signal.aborted) killing.failed(lastError, pauseMs);
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

function bounded(issuer: Issuer, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(issuer.capabilities.callTimeoutMs)]);
}

function isHopeless(error: unknown): boolean {
  return error instanceof KeyturnError && HOPELESS.includes(error.code);
}

/** A key that is missing from the list counts as dead only where it was in it before. */
async function isListedDead(issuer: Issuer, keyId: string, { listedLive }: Killing, signal: AbortSignal): Promise<boolean> {
  try {
    const entry = (await issuer.list(bounded(issuer, signal))).find((key) => key.id === keyId);
    return entry === undefined ? listedLive : !entry.live;
  } catch {
    return false;
  }
}
