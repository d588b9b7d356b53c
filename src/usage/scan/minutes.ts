/** Counts by minute, as rules and detectors take them. Pure. */
import { minutes } from '../../core/duration.ts';
import type { Minutes } from '../../ports/scan-ledger.ts';
import { STEPS, type UsageCounts } from '../../ports/usage-ledger.ts';

export const NONE: UsageCounts = { requests: 0, failed: 0, denied: 0 };

/** Requests that were not refused for their key: whatever somebody really did with it. */
export function accepted({ requests, denied }: UsageCounts): number {
  return requests - denied;
}

export function added(a: UsageCounts, b: UsageCounts): UsageCounts {
  return { requests: a.requests + b.requests, failed: a.failed + b.failed, denied: a.denied + b.denied };
}

/** All keys together: an application that changes from one to the other makes no difference. */
export function together(all: readonly Minutes[]): Minutes {
  const [first, ...others] = all;
  if (first === undefined || others.length === 0) return first ?? new Map();
  const sums = new Map(first);
  for (const [at, counts] of others.flatMap((minutes) => [...minutes])) sums.set(at, added(sums.get(at) ?? NONE, counts));
  return sums;
}

/** Sum of the minutes from `from` on and before `until`. */
export function between(all: Minutes, from: number, until: number): UsageCounts {
  let sum = NONE;
  for (const [at, counts] of all) if (at >= from && at < until) sum = added(sum, counts);
  return sum;
}

/** Milliseconds since the epoch, down to a whole minute. */
export function minuteOf(at: number): number {
  return Math.floor(at / STEPS.minute) * STEPS.minute;
}

/** Some rules look at what was lately, whatever is configured. */
export const LATELY_MS = minutes(15);
