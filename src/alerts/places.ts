/** Places in the pace of a sink, which all workers share through the ledger: waited for, then taken. */
import { setTimeout as wait } from 'node:timers/promises';
import { KeyturnError } from '../core/errors.ts';
import type { Limit } from '../core/pace.ts';
import type { TakePlaces } from '../ports/channel.ts';
import type { Ledger } from '../ports/ledger.ts';

/** Longer than this nobody waits for a place: the next turn will. */
const LONGEST_WAIT_MS = 5_000;

/** 0 once one was taken of every limit; else how much longer it takes, milliseconds, and nothing was taken. A place is taken only when it is free, so that a rest which the sink asks for meanwhile holds for those who wait too. */
export async function placeIn(ledger: Pick<Ledger, 'takePace'>, limits: readonly Limit[], signal: AbortSignal): Promise<number> {
  if (limits.length === 0) return 0;
  const ends = performance.now() + LONGEST_WAIT_MS;
  for (;;) {
    const waitMs = await ledger.takePace(limits);
    if (waitMs === 0 || signal.aborted || performance.now() + waitMs > ends) return waitMs;
    await wait(Math.ceil(waitMs), undefined, { signal }).catch(() => undefined);
  }
}

/** For channels that call more than once for a message. */
export function takePlaces(ledger: Pick<Ledger, 'takePace'>): TakePlaces {
  return async (limits, signal) => {
    const waitMs = await placeIn(ledger, limits, signal);
    if (waitMs === 0) return;
    throw new KeyturnError('CHANNEL_UNAVAILABLE', 'So many messages wait that the pace has no place for this one yet.', { effect: 'none', retryAfterMs: Math.ceil(waitMs) });
  };
}
