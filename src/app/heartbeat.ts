/**
 * The heartbeat to an outside watcher: a URL is called while all is well, and only then, so that silence means that somebody
 * should look. Any worker may call; what it judges by is in the ledger, which all share.
 */
import { isFailing } from '../alerts/failing.ts';
import { resolveSecret, type HeartbeatConfig } from '../config/index.ts';
import { minutes } from '../core/duration.ts';
import { describeError, KeyturnError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { endpoint, networkReason } from '../net/endpoint.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Queue } from '../ports/queue.ts';

/** What `Ledger.noteDone` calls a sweep that was done. */
export const SWEEP = 'sweep';
const LEAST_SWEEP_MS = minutes(5);
const DELIVERY_MS = minutes(15);

export interface Judged {
  readonly ledger: Ledger;
  readonly queue: Pick<Queue, 'healthy'>;
  readonly sweepMs: number;
}

/** Why all is not well, in sentences; empty when it is. */
export async function troubles({ ledger, queue, sweepMs }: Judged): Promise<readonly string[]> {
  const found: string[] = [];
  try {
    await ledger.ping();
    const [swept, lags] = await Promise.all([ledger.sinceDone(SWEEP), ledger.channelLags()]);
    if (swept === null || swept > Math.max(LEAST_SWEEP_MS, 3 * sweepMs)) found.push('No sweep was done lately.');
    for (const lag of lags) {
      if (isFailing(lag) || (lag.oldestAgeMs ?? 0) >= DELIVERY_MS) found.push(`Messages to ${lag.channel} do not get through.`);
    }
  } catch (error) {
    found.push(describeError(error));
  }
  if (!(await queue.healthy())) found.push('The queue does not answer.');
  return found;
}

/** Calls the watcher once. Throws CHANNEL_UNAVAILABLE when it can't be told; its address, which may hold a token, is never shown. */
export async function beat({ url, timeout }: HeartbeatConfig, signal: AbortSignal): Promise<void> {
  const address: string | Secret = typeof url === 'string' ? url : await resolveSecret(url);
  const target = typeof address === 'string' ? endpoint(address, 'the heartbeat') : parsed(address);
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  const response = await fetch(target, { redirect: 'manual', signal: bounded, headers: { 'user-agent': 'keyturn' } }).catch((error: unknown) => {
    throw new KeyturnError('CHANNEL_UNAVAILABLE', `The heartbeat’s watcher gave no answer: ${networkReason(error)}.`);
  });
  await response.body?.cancel();
  if (response.status < 200 || response.status > 299) throw new KeyturnError('CHANNEL_UNAVAILABLE', `The heartbeat’s watcher answered ${response.status}.`, { todo: 'Check heartbeat.url.' });
}

function parsed(address: Secret): URL {
  const url = URL.parse(address.reveal());
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new KeyturnError('CONFIG_INVALID', 'The address of the heartbeat is no http or https address.', { todo: 'Give it as https://host/path.', effect: 'none' });
}
