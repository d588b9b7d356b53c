import { z } from 'zod';
import type { Job } from './job.ts';

/** Tells an outside watcher that all is well, while it is. */
export const heartbeat: Job<Record<string, never>> = {
  name: 'heartbeat',
  lane: 'upkeep',
  everyMs: (intervals) => intervals.heartbeatMs ?? null,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.beat(signal),
};
