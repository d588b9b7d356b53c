/**
 * What Slack bears: https://docs.slack.dev/apis/web-api/rate-limits
 * One post a second a channel, with short bursts tolerated but not promised; "several hundred a minute" a workspace, of
 * which this keeps to 240; other methods by tier: `chat.update` is tier 3, fifty a minute.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { afterOne, waitFor, type Limit } from '../../core/pace.ts';

export const POST_EVERY_MS = 1_000;
const WORKSPACE_EVERY_MS = 250;
const WORKSPACE_BURST = 20;
const UPDATE: Limit = { key: 'update', everyMs: 1_250, burst: 20 };

/** `api` stands for the workspace: a token is not read to tell workspaces apart, so several share one pace. */
export function limitsOf(api: string, channel: string, everyMs: number): readonly Limit[] {
  const { host } = new URL(api);
  return [
    { key: `slack.${host}.${channel}`, everyMs, burst: 1 },
    { key: `slack.${host}`, everyMs: Math.min(everyMs, WORKSPACE_EVERY_MS), burst: WORKSPACE_BURST },
  ];
}

const updates = new Map<string, number>();

/** Waits for a place among this process's updates of a workspace. Rejects when `signal` aborts before. */
export async function updatePlace(api: string, everyMs: number, signal: AbortSignal): Promise<void> {
  const limit = everyMs < POST_EVERY_MS ? { ...UPDATE, everyMs } : UPDATE;
  const now = performance.now();
  const until = updates.get(api) ?? null;
  updates.set(api, afterOne(limit, until, now));
  await wait(waitFor(limit, until, now), undefined, { signal });
}
