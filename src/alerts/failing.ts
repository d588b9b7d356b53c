/** A channel that fails for long is told of on the others, once. */
import type { ChannelLag, Ledger } from '../ports/ledger.ts';
import { minutes, hours } from '../core/duration.ts';
import { channelFailing } from './notices.ts';

/** Before that it is a hiccup, which retries outlast. */
export const FAILING_AFTER_MS = minutes(15);
/** A channel that goes on failing is told of again after so long. */
const QUIET_MS = hours(24);

export function isFailing({ failingMs }: ChannelLag): boolean {
  return failingMs !== null && failingMs >= FAILING_AFTER_MS;
}

/** `takers`: who takes such news, all channels when nobody does; those that fail themselves are left out. */
export async function tellOfFailing(ledger: Ledger, takers: readonly string[], all: readonly string[]): Promise<void> {
  const failing = (await ledger.channelLags()).filter((lag) => isFailing(lag) && all.includes(lag.channel));
  if (failing.length === 0) return;
  const deaf = new Set(failing.map(({ channel }) => channel));
  const listening = takers.filter((name) => !deaf.has(name));
  const told = listening.length > 0 ? listening : all.filter((name) => !deaf.has(name));
  for (const lag of failing) await ledger.notify(channelFailing(lag), told, QUIET_MS);
}
