/**
 * What Slack enforces, as a judge who turns away: https://docs.slack.dev/apis/web-api/rate-limits
 * One post a second a channel, of which two may come together ("short bursts") but no third: in any n seconds n + 1. 300
 * posts a minute a workspace, fifty calls a minute of each method of tier 3. A channel that was told to wait is told so again.
 */
const CHANNEL_MS = 1_000;
/** Two workers' requests are not equally long on their way, least of all on a busy machine. */
const TOLERANCE_MS = 1_000;
const MINUTE_MS = 60_000;
const A_MINUTE: Readonly<Record<string, number>> = { 'chat.postMessage': 300, 'chat.update': 50, 'conversations.history': 50, 'conversations.replies': 50 };

export interface Refusal {
  /** Whole seconds to wait, as Slack says it. */
  readonly seconds: number;
  readonly why: string;
}

export interface Limits {
  /** Null for a call that it takes, which counts. Times in milliseconds. */
  refusal(method: string, channel: string, now: number): Refusal | null;
  /** Tells a channel to wait: until then it is refused. */
  rest(channel: string, seconds: number, now: number): void;
}

export function createLimits(): Limits {
  const nextPost = new Map<string, number>();
  const resting = new Map<string, number>();
  const taken = new Map<string, number[]>();
  return {
    refusal(method, channel, now) {
      const recent = (taken.get(method) ?? []).filter((at) => now - at < MINUTE_MS);
      const post = method === 'chat.postMessage';
      const waits = [
        { why: 'too many in a minute', ms: recent.length >= (A_MINUTE[method] ?? Infinity) ? (recent[0] ?? now) + MINUTE_MS - now : 0 },
        { why: 'too soon after the last', ms: post ? (nextPost.get(channel) ?? 0) - TOLERANCE_MS - now : 0 },
        { why: 'told to wait', ms: post ? (resting.get(channel) ?? 0) - now : 0 },
      ];
      const longest = waits.reduce((a, b) => (b.ms > a.ms ? b : a));
      if (longest.ms > 0) return { seconds: Math.max(1, Math.ceil(longest.ms / 1_000)), why: `${longest.why}, ${Math.round(longest.ms)} ms too early` };
      taken.set(method, [...recent, now]);
      if (post) nextPost.set(channel, Math.max(nextPost.get(channel) ?? 0, now) + CHANNEL_MS);
      return null;
    },
    rest: (channel, seconds, now) => void resting.set(channel, now + seconds * 1_000),
  };
}
