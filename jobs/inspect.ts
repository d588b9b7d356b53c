import { z } from 'zod';
import type { Job } from './job.ts';

/** Looks whether quotas last, keys are rotated in time, and what Keyturn depends on is alive: beside the scan of usage, which cannot tell of its own death. */
export const inspect: Job<Record<string, never>> = {
  name: 'inspect',
  lane: 'upkeep',
  everyMs: (intervals) => intervals.inspectMs,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.inspect(signal),
};
