import { z } from 'zod';
import { duration, textOrSecret, urlProblem } from './leaves.ts';

export const heartbeat = z.strictObject({
  url: textOrSecret.superRefine((written, context) => {
    const problem = typeof written === 'string' ? urlProblem(written) : null;
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  }).describe('Address that is called (GET); by reference where it holds a token.'),
  every: duration(5_000, 86_400_000).prefault('1m').describe('How often.'),
  timeout: duration(100, 60_000).prefault('10s').describe('Of one call.'),
});
export type HeartbeatConfig = z.output<typeof heartbeat>;
