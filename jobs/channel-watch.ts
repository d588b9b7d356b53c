import { z } from 'zod';
import type { Job } from './job.ts';

const LOOK_MS = 60_000;

/** A channel that takes nothing for long is told of on the others. */
export const channelWatch: Job<Record<string, never>> = {
  name: 'channel-watch',
  lane: 'upkeep',
  everyMs: () => LOOK_MS,
  payload: z.strictObject({}),
  handle: (work) => work.watchChannels(),
};
