/** Reading all usage sources, side by side, and letting old usage go. */
import { hours } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import { ingest } from '../usage/ingest.ts';
import type { Context } from './context.ts';

export type Reading = Pick<Context, 'engine' | 'ledger' | 'usage' | 'sources' | 'config'>;

const PRUNE_EVERY_MS = hours(1);

/** One turn of every source; a source that fails or is slow keeps no other from being read. */
export async function readUsage({ engine, ledger, usage, sources, config }: Reading, signal: AbortSignal): Promise<void> {
  const retention = { minutesMs: config().usage.retention.minutes };
  const ingesting = { usage, retention, log: engine.log, now: () => ledger.now() };
  await Promise.all(sources.names().map(async (name) => {
    try {
      await ingest(ingesting, sources.of(name), signal);
    } catch (error) {
      engine.log.warn({ source: name, error: describeError(error) }, 'a usage source could not be opened');
    }
  }));
}

/** Prunes at most once an hour, until nothing is left to prune. */
export function createPruner({ usage, config }: Pick<Context, 'usage' | 'config'>): (signal: AbortSignal) => Promise<void> {
  let prunedAt = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    if (performance.now() - prunedAt < PRUNE_EVERY_MS) return;
    const { minutes, hours: byHour, callers } = config().usage.retention;
    while (!signal.aborted && (await usage.prune({ minutesMs: minutes, hoursMs: byHour, callersMs: callers })) > 0);
    prunedAt = performance.now();
  };
}
