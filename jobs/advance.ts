import { z } from 'zod';
import type { Job } from './job.ts';

const payload = z.strictObject({ rotation: z.string() });
type Payload = z.infer<typeof payload>;

/** Advances one rotation as far as it goes now. */
export const advance: Job<Payload> = {
  name: 'advance',
  lane: 'rotation',
  everyMs: () => null,
  payload,
  handle: (work, { rotation }, signal) => work.advance(rotation, signal),
};

/** The same in a lane of its own: an emergency waits behind nothing (promise 11). */
export const advanceEmergency: Job<Payload> = { ...advance, name: 'advance-emergency', lane: 'emergency' };
