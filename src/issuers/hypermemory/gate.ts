import { setTimeout as sleep } from 'node:timers/promises';
import { KeyturnError } from '../../core/errors.ts';
import { errorCode } from './refusals.ts';
import { exhaustedForMs, retryAfterMs } from './waiting.ts';

/** A pause up to this is waited out within the call; a longer one is the engine's to schedule. */
const LONGEST_WAIT_MS = 3_000;
/** Between calls while the service says that nothing of the window is left. */
const SLOW_STEP_MS = 1_000;
/** After a 429 that does not say how long. */
const UNTOLD_PAUSE_MS = 1_000;

/** Keeps one issuer's calls within what its last answers asked for. One per issuer, in memory. */
export class RateGate {
  readonly #issuer: string;
  #notBefore = 0;

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  /** Waits out a short pause; throws ISSUER_RATE_LIMITED (nothing was sent) for a long one or when aborted meanwhile. */
  async pass(signal: AbortSignal): Promise<void> {
    const waitMs = this.#notBefore - Date.now();
    if (waitMs <= 0) return;
    if (waitMs > LONGEST_WAIT_MS) throw this.#closed(waitMs);
    await sleep(waitMs, undefined, { signal }).catch(() => {
      throw this.#closed(Math.max(this.#notBefore - Date.now(), 0));
    });
  }

  /** Learns from an answer. */
  note(status: number, headers: Headers, body: unknown): void {
    const now = Date.now();
    // A used-up monthly quota says nothing about the pace of calls, and key management may not count against it.
    if (errorCode(body) === 'QUOTA_EXCEEDED') return;
    const pauseMs = status === 429 ? (retryAfterMs(headers, body, now) ?? UNTOLD_PAUSE_MS) : slowDown(headers, now);
    this.#notBefore = Math.max(this.#notBefore, now + pauseMs);
  }

  #closed(waitMs: number): KeyturnError {
    return new KeyturnError('ISSUER_RATE_LIMITED', `HyperMemory issuer ${this.#issuer} asked for a pause of ${Math.ceil(waitMs / 1000)} s more: nothing was sent.`, {
      todo: 'Nothing: it is tried again by itself after that.',
      effect: 'none',
      retryAfterMs: waitMs,
    });
  }
}

function slowDown(headers: Headers, now: number): number {
  const leftMs = exhaustedForMs(headers, now);
  return leftMs === undefined ? 0 : Math.min(leftMs, SLOW_STEP_MS);
}
