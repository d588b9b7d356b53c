/**
 * A limit of messages or calls, as a token bucket: at most `burst` at once after a rest, then one every `everyMs`
 * (milliseconds). Who has the same `key` shares the bucket. Pure.
 *
 * A bucket is one number: the instant until which it is spoken for (epoch milliseconds; "theoretical arrival time" of GCRA).
 */
export interface Limit {
  readonly key: string;
  readonly everyMs: number;
  /** At least 1. */
  readonly burst: number;
}

/** How long to wait before taking one, milliseconds; 0 for now. */
export function waitFor({ everyMs, burst }: Limit, spokenForUntil: number | null, now: number): number {
  return Math.max(0, (spokenForUntil ?? 0) - (burst - 1) * everyMs - now);
}

/** How long until each of several buckets has one, milliseconds; 0 for now. `spokenForUntil` in the order of the limits. */
export function waitForAll(limits: readonly Limit[], spokenForUntil: readonly (number | null)[], now: number): number {
  return Math.max(0, ...limits.map((limit, n) => waitFor(limit, spokenForUntil[n] ?? null, now)));
}

/** The bucket after one was taken. */
export function afterOne({ everyMs }: Limit, spokenForUntil: number | null, now: number): number {
  return Math.max(spokenForUntil ?? 0, now) + everyMs;
}

/** The bucket that gives nothing for `ms` milliseconds: the other side asked for a rest. */
export function afterRest({ everyMs, burst }: Limit, spokenForUntil: number | null, now: number, ms: number): number {
  return Math.max(spokenForUntil ?? 0, now + ms + (burst - 1) * everyMs);
}
