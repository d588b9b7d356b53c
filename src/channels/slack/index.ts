/* oxlint-disable unicorn/require-post-message-target-origin -- chat.postMessage is Slack's, not a window's */
/**
 * Slack, by chat.postMessage: https://docs.slack.dev/reference/methods/chat.postMessage
 *
 * The answer lost: the message may be there. A later attempt looks for its delivery id in the channel's history first
 * (scopes channels:history, or groups:history for a private channel; and channels:read when the channel is given by
 * name). Without those rights it posts again: at least once. What remains: Slack accepting a request later than we look.
 */
import type { FetchFunction, WebClient } from '@slack/web-api';
import { renderSlack } from '../../alerts/templates/index.ts';
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { endpoint } from '../../net/endpoint.ts';
import type { Channel, Outgoing } from '../../ports/channel.ts';
import { slackCode, slackError } from './errors.ts';
import { channelId, EVENT_TYPE, findDelivery } from './reconcile.ts';

export interface SlackChannelOptions {
  readonly name: string;
  /** Bot token (xoxb-…), read anew for each call. */
  readonly token: () => Promise<Secret> | Secret;
  /** `#ops`, or the channel's id. */
  readonly channel: string;
  readonly slackApiUrl?: string;
  /** Of one whole attempt, milliseconds; 15,000 by default. */
  readonly timeoutMs?: number;
  /** Whom critical notices call: `@here`, `@channel`, a user or group id, or Slack's own form `<!subteam^S…>`. */
  readonly mention?: string;
}

/** Answers of reading calls that mean: not permitted to look, rather than not there. */
const MAY_NOT_LOOK = new Set(['missing_scope', 'no_permission', 'not_allowed_token_type', 'channel_not_found', 'not_in_channel', 'unknown_method', 'method_not_supported_for_channel_type']);

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, setName() {}, getLevel: () => 'error' } as const;

export function createSlackChannel(options: SlackChannelOptions): Channel {
  const api = endpoint(options.slackApiUrl ?? 'https://slack.com/api/', `channel ${options.name}`).href.replace(/\/*$/, '/');
  const mention = mentionOf(options.mention);
  let reconcile = true;
  let knownId: string | null = null;

  async function attempt<T>(signal: AbortSignal, act: (client: WebClient) => Promise<T>): Promise<T> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? 15_000)]);
    try {
      return await act(await connect(options, api, bounded));
    } catch (error) {
      throw slackError(error, options.channel);
    }
  }

  /** The message of an earlier attempt; null when it isn't there or when we may not look. */
  async function earlier(client: WebClient, message: Outgoing): Promise<string | null> {
    try {
      knownId ??= await channelId(client, options.channel);
      return knownId === null ? null : await findDelivery(client, knownId, message.deliveryId, message.createdAt);
    } catch (error) {
      const code = slackCode(error);
      if (code === null || !MAY_NOT_LOOK.has(code)) throw error;
      reconcile = false;
      return null;
    }
  }

  return {
    name: options.name,
    type: 'slack',
    get capabilities() {
      return { reconcile };
    },
    send: (message, signal) =>
      attempt(signal, async (client) => {
        const found = message.attempt > 1 ? await earlier(client, message) : null;
        if (found !== null) return `${knownId ?? options.channel}/${found}`;
        const posted = await client.chat.postMessage({
          channel: options.channel,
          ...renderSlack(message.notice, { at: message.createdAt, ...(mention === null ? {} : { mention }) }),
          metadata: { event_type: EVENT_TYPE, event_payload: { delivery_id: message.deliveryId, kind: message.notice.kind } },
          unfurl_links: false,
          unfurl_media: false,
        });
        knownId = posted.channel ?? knownId;
        return `${posted.channel ?? options.channel}/${posted.ts ?? ''}`;
      }),
    probe: (signal) => attempt(signal, (client) => probe(client, options.channel)),
  };
}

async function connect(options: SlackChannelOptions, api: string, signal: AbortSignal): Promise<WebClient> {
  signal.throwIfAborted();
  const [{ WebClient, LogLevel }, token] = await Promise.all([import('@slack/web-api'), options.token()]);
  const bounded: FetchFunction = (url, init) => fetch(url, { ...init, signal });
  return new WebClient(token.reveal(), {
    slackApiUrl: api,
    allowAbsoluteUrls: false,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    fetch: bounded,
    logger: { ...SILENT, getLevel: () => LogLevel.ERROR },
  });
}

/** auth.test proves the token; the scopes that its answer lists, and conversations.info where permitted, the rest. */
async function probe(client: WebClient, channel: string): Promise<void> {
  const scopes = (await client.auth.test()).response_metadata?.scopes ?? [];
  if (scopes.length > 0 && !scopes.includes('chat:write')) {
    throw new KeyturnError('CHANNEL_REFUSED', `The Slack token may not post to ${channel}.`, { todo: 'Give the app the scope `chat:write` and install it again.', effect: 'none' });
  }
  const member = await isMember(client, channel);
  if (member === false && !scopes.includes('chat:write.public')) {
    throw new KeyturnError('CHANNEL_REFUSED', `The Slack app is not a member of ${channel}.`, { todo: 'Invite it: /invite @app.', effect: 'none' });
  }
}

/** Null when the app may not look. Throws channel_not_found for an id that Slack does not know. */
async function isMember(client: WebClient, channel: string): Promise<boolean | null> {
  try {
    const id = await channelId(client, channel);
    if (id === null) return null;
    const answer = await client.conversations.info({ channel: id });
    return answer.channel?.is_member ?? null;
  } catch (error) {
    const code = slackCode(error);
    if (code !== null && code !== 'channel_not_found' && MAY_NOT_LOOK.has(code)) return null;
    throw error;
  }
}

function mentionOf(mention: string | undefined): string | null {
  if (mention === undefined || mention === '') return null;
  if (/^@?(here|channel|everyone)$/.test(mention)) return `<!${mention.replace('@', '')}>`;
  if (/^@?[UW][A-Z0-9]+$/.test(mention)) return `<@${mention.replace('@', '')}>`;
  if (/^@?S[A-Z0-9]+$/.test(mention)) return `<!subteam^${mention.replace('@', '')}>`;
  if (/^<[@!][^<>]+>$/.test(mention)) return mention;
  throw new KeyturnError('CONFIG_INVALID', `Slack can't mention ${mention}.`, { todo: 'Use @here, @channel, or the id of a user or group.', effect: 'none' });
}
