/** Emergencies first, within one worker: while one is worked on, jobs of other lanes do not begin. */
import { seconds } from '../core/duration.ts';

/** No job waits for longer, however many emergencies there are. */
const LONGEST_MS = seconds(2);
/** From an announcement to its job, which may as well begin in another worker: then nothing here waits for it. */
const ANNOUNCED_MS = seconds(0.25);

/**
 * An emergency has a lane of its own, but shares the worker's thread and its database with all others: what makes it slow is not what
 * stands before it, it is what runs beside it. Jobs that run already end as they would; others wait at `pass`.
 */
export class Precedence {
  readonly #held = new Set<symbol>();
  #over = Promise.withResolvers<void>();

  /** An emergency was asked for: its job is about to begin. */
  announce(): void {
    setTimeout(this.begin(), ANNOUNCED_MS).unref();
  }

  /** An emergency's job begins; answers what to call when it has ended. */
  begin(): () => void {
    const one = Symbol('emergency');
    this.#held.add(one);
    return () => {
      if (!this.#held.delete(one) || this.#held.size > 0) return;
      this.#over.resolve();
      this.#over = Promise.withResolvers<void>();
    };
  }

  /** Resolves when no emergency is in the way, or was for long enough, or at the abort. Never throws. */
  async pass(signal: AbortSignal): Promise<void> {
    if (this.#held.size === 0) return;
    const enough = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]);
    const waited = new Promise<void>((resolve) => enough.addEventListener('abort', () => resolve(), { once: true }));
    while (this.#held.size > 0 && !enough.aborted) await Promise.race([this.#over.promise, waited]);
  }
}
