import { z } from 'zod';
import type { Job } from './job.ts';

/** Sends the notices of the outbox that are due. */
export const deliver: Job<Record<string, never>> = {
  name: 'deliver',
  lane: 'delivery',
  everyMs: (intervals) => intervals.deliverMs,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.deliver(signal),
};
