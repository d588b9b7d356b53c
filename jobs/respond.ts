import { z } from 'zod';
import type { Job } from './job.ts';

/** Answers critical findings where a policy says so; woken by each scan, by people's decisions, and by the sweep. */
export const respond: Job<Record<string, never>> = {
  name: 'respond',
  lane: 'emergency',
  everyMs: () => null,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.respond(signal),
};
