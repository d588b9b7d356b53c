import { z } from 'zod';
import type { Job } from './job.ts';

const LOOK_MS = 30_000;

/** Carries open drills on, and begins those that are due; woken oftener while one is open. */
export const drills: Job<Record<string, never>> = {
  name: 'drills',
  lane: 'upkeep',
  everyMs: () => LOOK_MS,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.drill(signal),
};
