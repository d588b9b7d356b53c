import { z } from 'zod';
import type { Job } from './job.ts';

const LOOK_MS = 30_000;

/** Sends people the report of an emergency revocation once it is ready, and again when much more becomes known. */
export const reportIncidents: Job<Record<string, never>> = {
  name: 'report-incidents',
  lane: 'upkeep',
  everyMs: () => LOOK_MS,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.reportIncidents(signal),
};
