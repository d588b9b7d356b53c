const SHARED_MS = 100;

interface Shared {
  readonly signal: AbortSignal;
  readonly madeAt: number;
}

/**
 * Signals that abort `ms` milliseconds later, at most a tenth of a second after that. Those asked for at about the same time
 * are one: most calls end long before their bound, and a timer of its own for each would fire for nothing.
 */
export function sharedTimeouts(): (ms: number) => AbortSignal {
  const latest = new Map<number, Shared>();
  return (ms) => {
    const now = performance.now();
    const known = latest.get(ms);
    if (known !== undefined && now - known.madeAt < SHARED_MS) return known.signal;
    const signal = AbortSignal.timeout(ms + SHARED_MS);
    latest.set(ms, { signal, madeAt: now });
    return signal;
  };
}
