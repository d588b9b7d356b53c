/**
 * What Slack bears: https://docs.slack.dev/apis/web-api/rate-limits
 * One post a second a channel, with short bursts tolerated but not promised; "several hundred a minute" a workspace, of
 * which this keeps to 240; other methods by tier. `chat.update`, `conversations.history` and `conversations.replies` are of
 * tier 3, each some fifty a minute.
 */
import type { Limit } from '../../core/pace.ts';

export const POST_EVERY_MS = 1_000;
const WORKSPACE_EVERY_MS = 250;
const WORKSPACE_BURST = 20;
/** In any minute the burst and 42 more: below fifty. */
const METHOD_EVERY_MS = 1_400;
const METHOD_BURST = 5;

export type PacedMethod = 'chat.update' | 'conversations.history' | 'conversations.replies';

/** `api` stands for the workspace: a token is not read to tell workspaces apart, so several share one pace. */
export function limitsOf(api: string, channel: string, everyMs: number): readonly Limit[] {
  const { host } = new URL(api);
  return [
    { key: `slack.${host}.${channel}`, everyMs, burst: 1 },
    { key: `slack.${host}`, everyMs: Math.min(everyMs, WORKSPACE_EVERY_MS), burst: WORKSPACE_BURST },
  ];
}

/** Of one method, for the whole workspace. */
export function methodLimit(api: string, method: PacedMethod, everyMs: number): Limit {
  return { key: `slack.${new URL(api).host}.${method}`, everyMs: everyMs < POST_EVERY_MS ? everyMs : METHOD_EVERY_MS, burst: METHOD_BURST };
}
