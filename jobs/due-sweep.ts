import { z } from 'zod';
import type { Job } from './job.ts';

/** Re-derives from the ledger what is due and what should be moving; nothing depends on any other job running. */
export const dueSweep: Job<Record<string, never>> = {
  name: 'due-sweep',
  lane: 'upkeep',
  everyMs: (intervals) => intervals.sweepMs,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.sweep(signal),
};
