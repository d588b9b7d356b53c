import { z } from 'zod';
import type { Job } from './job.ts';

/** Takes in what was revoked while worker or ledger were down; woken by the sweep, where a record lies. */
export const takeRecords: Job<Record<string, never>> = {
  name: 'take-records',
  lane: 'revocation',
  everyMs: () => null,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.takeRecords(signal),
};
