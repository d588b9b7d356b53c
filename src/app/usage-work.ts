/** Reading all usage sources, side by side, and letting old usage go. */
import { hours } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import { ingest } from '../usage/ingest.ts';
import type { Context } from './context.ts';
import type { Work } from './work.ts';

type Reading = Pick<Context, 'engine' | 'ledger' | 'usage' | 'scans' | 'sources' | 'config'>;

const PRUNE_EVERY_MS = hours(1);

/** A source that fails or is slow keeps no other from being read. */
async function readSources({ engine, ledger, usage, sources, config }: Reading, signal: AbortSignal): Promise<void> {
  const retention = { minutesMs: config().usage.retention.minutes };
  const ingesting = { usage, retention, log: engine.log, now: () => ledger.now() };
  await Promise.all(sources.names().map(async (name) => {
    try {
      await ingest(ingesting, sources.of(name), signal);
    } catch (error) {
      engine.log.warn({ source: name, error: describeError(error) }, 'a usage source could not be opened');
      await usage.sourceFailed(name, describeError(error));
    }
  }));
}

/** One turn of all sources; old usage is let go at most once an hour. */
export function createUsageReader(reading: Reading): Work['readUsage'] {
  let prunedAt = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    await readSources(reading, signal);
    if (performance.now() - prunedAt < PRUNE_EVERY_MS) return;
    await prune(reading, signal);
    prunedAt = performance.now();
  };
}

async function prune({ usage, scans, config }: Reading, signal: AbortSignal): Promise<void> {
  const { minutes, hours: byHour, callers } = config().usage.retention;
  while (!signal.aborted && (await usage.prune({ minutesMs: minutes, hoursMs: byHour, callersMs: callers })) > 0);
  await scans.pruneWatched(byHour);
}
