/** The worker's own work on responses to findings, as jobs call it: each scan and each sweep asks whether there is any. */
import { alertSettings } from '../config/index.ts';
import { hours } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import type { LeakResponder } from './leak-response.ts';
import { respond } from './response-handling.ts';
import { policiesRespond, type Responding } from './responses.ts';
import type { Work } from './work.ts';
import { wakeOutbox } from './work-loop.ts';

export type ResponseWork = Pick<Work, 'sweep' | 'scanUsage' | 'respond'>;

/** What is over is let go at most so often. */
const PRUNE_EVERY_MS = hours(1);

/** `sweep` and `scanUsage` are those that responses join: they are run whatever becomes of theirs. */
export function responseWork(working: Responding & { readonly responder: LeakResponder }, { sweep, scanUsage }: Pick<Work, 'sweep' | 'scanUsage'>): ResponseWork {
  let prunedAt = Number.NEGATIVE_INFINITY;
  const wake = async (by: string): Promise<void> => {
    try {
      // The lane of emergencies is not troubled for nothing.
      if (policiesRespond(working) || (await working.responses.list({ open: true }, { limit: 1 })).length > 0) await working.engine.queue.wake('respond', {}, { dedupeKey: by });
    } catch (error) {
      working.engine.log.warn({ error: describeError(error) }, 'responses to findings could not be looked for; the next sweep tries again');
    }
  };
  return {
    async sweep(signal) {
      // With a key of its own: a job of a worker that died keeps those with its key back until the queue believes it.
      await wake('respond-swept');
      await sweep(signal);
    },
    async scanUsage(signal) {
      await scanUsage(signal);
      await wake('respond');
    },
    async respond(signal) {
      await respond(working, signal);
      await wakeOutbox(working);
      if (performance.now() - prunedAt < PRUNE_EVERY_MS) return;
      await working.responses.prune(alertSettings(working.config()).keptMs);
      prunedAt = performance.now();
    },
  };
}
