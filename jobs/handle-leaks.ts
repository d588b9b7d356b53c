import { z } from 'zod';
import type { Job } from './job.ts';

const payload = z.strictObject({});
type Payload = Record<string, never>;

/** Revokes what leaked, and tells people. */
export const handleLeaks: Job<Payload> = {
  name: 'handle-leaks',
  lane: 'emergency',
  everyMs: () => null,
  payload,
  handle: (work, _payload, signal) => work.handleLeaks(signal),
};

/** Reads leaked secrets where their source keeps them: in no lane for which everything else stands still, since a source may be slow. */
export const fetchLeaks: Job<Payload> = { ...handleLeaks, name: 'fetch-leaks', lane: 'revocation', handle: (work, _payload, signal) => work.fetchLeaks(signal) };

/** Looks through all stores for values of a leaked hash, which takes long: in no lane that an emergency needs. */
export const matchLeaks: Job<Payload> = { ...handleLeaks, name: 'match-leaks', lane: 'upkeep', handle: (work, _payload, signal) => work.matchLeaks(signal) };
