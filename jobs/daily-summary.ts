import { z } from 'zod';
import type { Job } from './job.ts';

const LOOK_MS = 60_000;

/** Once a day, at the time of the configuration: the summary for people, and the audit chain's end in the log. */
export const dailySummary: Job<Record<string, never>> = {
  name: 'daily-summary',
  lane: 'upkeep',
  everyMs: () => LOOK_MS,
  payload: z.strictObject({}),
  handle: (work) => work.summarise(),
};
