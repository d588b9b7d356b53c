import { z } from 'zod';
import type { Job } from './job.ts';

/** Chains the audit events that were committed since. */
export const sealAudit: Job<Record<string, never>> = {
  name: 'seal-audit',
  lane: 'upkeep',
  everyMs: (intervals) => intervals.sealMs,
  payload: z.strictObject({}),
  handle: (work) => work.sealAudit(),
};
