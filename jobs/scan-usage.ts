import { z } from 'zod';
import type { Job } from './job.ts';

/** Looks for what is unusual in usage, and begins, goes on with and ends alerts. */
export const scanUsage: Job<Record<string, never>> = {
  name: 'scan-usage',
  lane: 'usage',
  everyMs: (intervals) => intervals.scanMs,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.scanUsage(signal),
};
