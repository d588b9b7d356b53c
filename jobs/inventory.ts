import { z } from 'zod';
import type { Job } from './job.ts';

/** Compares issuers' lists and stores with the ledger. */
export const inventory: Job<Record<string, never>> = {
  name: 'inventory',
  lane: 'upkeep',
  everyMs: (intervals) => intervals.inventoryMs,
  payload: z.strictObject({}),
  handle: (work, _payload, signal) => work.inventory(signal),
};
