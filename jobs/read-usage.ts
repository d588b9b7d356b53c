import { z } from 'zod';
import type { Job } from './job.ts';

/** Reads usage sources into the ledger. */
export const readUsage: Job<Record<string, never>> = {
  name: 'read-usage',
  lane: 'usage',
  everyMs: (intervals) => intervals.usageMs,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.readUsage(signal),
};
