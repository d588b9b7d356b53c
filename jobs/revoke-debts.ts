import { z } from 'zod';
import type { Job } from './job.ts';

/** Pays the revocation debts that are payable. */
export const revokeDebts: Job<Record<string, never>> = {
  name: 'revoke-debts',
  lane: 'revocation',
  everyMs: (intervals) => intervals.debtsMs,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.payDebts(signal),
};
