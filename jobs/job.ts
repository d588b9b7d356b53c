import type { z } from 'zod';
import type { Intervals, Work } from '../src/app/work.ts';
import type { Lane } from '../src/ports/queue.ts';

/** One job: its name, lane, schedule and payload, and a short handler that calls src/app. */
export interface Job<P = unknown> {
  readonly name: string;
  readonly lane: Lane;
  /** Milliseconds between runs by itself; null for a job that is only woken. */
  readonly everyMs: (intervals: Intervals) => number | null;
  readonly payload: z.ZodType<P>;
  handle(work: Work, payload: P, signal: AbortSignal): Promise<void>;
}
