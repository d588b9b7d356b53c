/** The worker's own work on reported leaks, as jobs call it; the sweep finds those again that the queue has lost. */
import { describeError } from '../core/errors.ts';
import type { Context } from './context.ts';
import { handleLeaks } from './leak-handling.ts';
import { wakeWaitingLeaks, type LeakIntake } from './leak-intake.ts';
import { fetchLeaks } from './leak-lookup.ts';
import { createLeakMatcher } from './leak-matching.ts';
import { leakResponder } from './leak-response.ts';
import type { Work } from './work.ts';
import { wakeOutbox } from './work-loop.ts';

export type LeakWork = Pick<Work, 'sweep' | 'handleLeaks' | 'fetchLeaks' | 'matchLeaks'>;

export interface LeakWorking extends Pick<Context, 'engine' | 'ledger' | 'leaks' | 'leakSources' | 'config' | 'queue'>, Pick<LeakIntake, 'fingerprint' | 'issuers'> {}

/** `sweep` is the one that leaks join: it is run whatever becomes of theirs. */
export function leakWork(working: LeakWorking, { sweep }: Pick<Work, 'sweep'>): LeakWork {
  const responder = leakResponder(working.engine);
  const then = (work: (signal: AbortSignal) => Promise<void>) => async (signal: AbortSignal): Promise<void> => {
    await work(signal);
    await wakeOutbox(working);
  };
  return {
    async sweep(signal) {
      await wakeWaitingLeaks(working).catch((error: unknown) => working.engine.log.warn({ error: describeError(error) }, 'reported leaks that wait could not be woken; the next sweep tries again'));
      await sweep(signal);
    },
    handleLeaks: then((signal) => handleLeaks({ ...working, responder }, signal)),
    fetchLeaks: then((signal) => fetchLeaks(working, signal)),
    matchLeaks: createLeakMatcher(working),
  };
}
