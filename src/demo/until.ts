/** Waiting for conditions, each with a deadline of its own and all within the demo's. */
import { setTimeout as sleep } from 'node:timers/promises';

/** What the demo waited for did not come, or a process it needs died. Ends the demo with exit code 1. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
}

/** Ctrl-C, or a closed terminal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export interface Patience {
  readonly withinMs: number;
  /** Between two looks, milliseconds; 50 unless said. */
  readonly everyMs?: number;
  /** Ends the waiting at once, with its reason. */
  readonly signal: AbortSignal;
}

/** Looks until something other than null is seen. Throws `DemoFailure` when time is up, or the signal's reason. */
export async function until<T>(what: string, patience: Patience, look: () => Promise<T | null> | T | null): Promise<T> {
  const deadline = performance.now() + patience.withinMs;
  for (;;) {
    patience.signal.throwIfAborted();
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() >= deadline) throw new DemoFailure(`${what}: not within ${Math.round(patience.withinMs / 1_000)} s.`);
    await sleep(patience.everyMs ?? 50, undefined, { signal: patience.signal }).catch(() => undefined);
  }
}
