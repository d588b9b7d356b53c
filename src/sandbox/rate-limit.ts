/** Fixed windows per key, in memory: a restart forgives, as restarts of real services do. */

export interface RateVerdict {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Whole seconds until the window ends, at least 1. */
  readonly retryAfterSeconds: number;
}

export interface RateLimiter {
  /** Counts one request of this key at `now` (epoch ms). A null limit always allows and says nothing. */
  count(keyId: string, now: number, limit: number | null, windowMs: number): RateVerdict;
}

const SWEEP_ABOVE = 10_000;

export function createRateLimiter(): RateLimiter {
  const windows = new Map<string, { end: number; used: number }>();

  function windowOf(keyId: string, now: number, windowMs: number): { end: number; used: number } {
    const open = windows.get(keyId);
    if (open && open.end > now) return open;
    if (windows.size > SWEEP_ABOVE) for (const [id, { end }] of windows) if (end <= now) windows.delete(id);
    const fresh = { end: now + windowMs, used: 0 };
    windows.set(keyId, fresh);
    return fresh;
  }

  return {
    count(keyId, now, limit, windowMs) {
      if (limit === null) return { allowed: true, headers: {}, retryAfterSeconds: 1 };
      const window = windowOf(keyId, now, windowMs);
      const allowed = window.used < limit;
      if (allowed) window.used += 1;
      return {
        allowed,
        headers: {
          'x-ratelimit-limit': String(limit),
          'x-ratelimit-remaining': String(limit - window.used),
          'x-ratelimit-reset': String(Math.ceil(window.end / 1000)),
        },
        retryAfterSeconds: Math.max(1, Math.ceil((window.end - now) / 1000)),
      };
    },
  };
}
