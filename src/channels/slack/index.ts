/* oxlint-disable unicorn/require-post-message-target-origin -- chat.postMessage is Slack's, not a window's */
/**
 * Slack, by chat.postMessage and chat.update: https://docs.slack.dev/reference/methods/chat.postMessage
 *
 * An incident is one message that always shows how things stand, and its news are replies in that message's thread.
 * The message is updated before the reply is posted: an update can be repeated without harm, a post can not.
 *
 * The answer lost: the message may be there. A later attempt looks for its delivery id in the channel's history and in the
 * thread first (scopes channels:history, or groups:history for a private channel; and channels:read when the channel is
 * given by name). Without those rights it posts again: at least once. What remains: Slack accepting a request later than we look.
 */
import type { FetchFunction, WebClient } from '@slack/web-api';
import { escapeSlack, orPlainly, renderSlack, type SlackMessage } from '../../alerts/templates/index.ts';
import type { Secret } from '../../core/secret.ts';
import { endpoint } from '../../net/endpoint.ts';
import type { Channel, Outgoing, TakePlaces } from '../../ports/channel.ts';
import { slackCode, slackError } from './errors.ts';
import { limitsOf, methodLimit, POST_EVERY_MS, type PacedMethod } from './limits.ts';
import { mentionOf } from './mention.ts';
import { MAY_NOT_LOOK, probe } from './probe.ts';
import { placeOf, receiptOf, type SlackPlace } from './receipt.ts';
import { channelId, EVENT_TYPE, findDelivery, findReply } from './reconcile.ts';

export interface SlackChannelOptions {
  readonly name: string;
  /** Bot token (xoxb-…), read anew for each call. */
  readonly token: () => Promise<Secret> | Secret;
  /** `#ops`, or the channel's id. */
  readonly channel: string;
  readonly slackApiUrl?: string;
  /** Of one whole attempt, milliseconds; 15,000 by default. */
  readonly timeoutMs?: number;
  /** Least time between two messages, milliseconds; 1,000 by default, which is Slack's own limit. */
  readonly paceMs?: number;
  /** Whom critical notices call: `@here`, `@channel`, a user or group id, or Slack's own form `<!subteam^S…>`. */
  readonly mention?: string;
  /** Paces what a message needs besides its post; without it nothing is. */
  readonly place?: TakePlaces;
}

/** The message can not be edited (any more): its news must stand in a message of their own. */
const NOT_EDITABLE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed', 'channel_not_found', 'is_inactive', 'not_in_channel', 'cant_update_ephemeral', 'update_failed']);
/** There is no such thread to reply in (any more). */
const NO_THREAD = new Set(['thread_not_found', 'message_not_found', 'cannot_reply_to_message', 'invalid_thread_ts', 'restricted_action_thread_locked', 'restricted_action_non_threadable_channel', 'channel_not_found']);

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, setName() {}, getLevel: () => 'error' } as const;

export function createSlackChannel(options: SlackChannelOptions): Channel {
  const api = endpoint(options.slackApiUrl ?? 'https://slack.com/api/', `channel ${options.name}`).href.replace(/\/*$/, '/');
  const mention = mentionOf(options.mention);
  const paceMs = options.paceMs ?? POST_EVERY_MS;
  const limits = limitsOf(api, options.channel, paceMs);
  let reconcile = true;
  let knownId: string | null = null;

  async function attempt<T>(signal: AbortSignal, act: (client: WebClient, bounded: AbortSignal) => Promise<T>): Promise<T> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? 15_000)]);
    try {
      return await act(await connect(options, api, bounded), bounded);
    } catch (error) {
      throw slackError(error, options.channel);
    }
  }

  async function placeFor(method: PacedMethod, signal: AbortSignal): Promise<void> {
    await options.place?.([methodLimit(api, method, paceMs)], signal);
  }

  /** The place that was taken before the send has gone by when so much came between: another post may be about to go. */
  async function placeStill(began: number, signal: AbortSignal): Promise<void> {
    if (performance.now() - began > paceMs / 4) await options.place?.(limits, signal);
  }

  /** The message of an earlier attempt; null when it isn't there or when we may not look. */
  async function earlier(client: WebClient, message: Outgoing, root: SlackPlace | null, signal: AbortSignal): Promise<SlackPlace | null> {
    const { deliveryId, createdAt } = message;
    try {
      if (root !== null) await placeFor('conversations.replies', signal);
      const reply = root === null ? null : await inThread(client, root, message);
      if (root !== null && reply !== null) return { ...root, ts: reply };
      knownId ??= await channelId(client, options.channel);
      if (knownId !== null) await placeFor('conversations.history', signal);
      const ts = knownId === null ? null : await findDelivery(client, knownId, deliveryId, createdAt);
      return knownId === null || ts === null ? null : { channel: knownId, ts };
    } catch (error) {
      const code = slackCode(error);
      if (code === null || !MAY_NOT_LOOK.has(code)) throw error;
      reconcile = false;
      return null;
    }
  }

  async function post(client: WebClient, message: Outgoing, form: 'whole' | 'reply', root: SlackPlace | null): Promise<SlackPlace> {
    const { deliveryId, notice, incident } = message;
    const posted = await client.chat.postMessage({
      channel: root?.channel ?? options.channel,
      ...layout(message, form, mention),
      ...(root === null ? {} : { thread_ts: root.ts }),
      metadata: { event_type: EVENT_TYPE, event_payload: { delivery_id: deliveryId, kind: notice.kind, ...(incident === null ? {} : { incident: incident.id }) } },
      unfurl_links: false,
      unfurl_media: false,
    });
    if (root === null) knownId = posted.channel ?? knownId;
    return { channel: posted.channel ?? options.channel, ts: posted.ts ?? '' };
  }

  /** Shows how things stand now. False when the message can't be edited. */
  async function update(client: WebClient, message: Outgoing, root: SlackPlace, signal: AbortSignal): Promise<boolean> {
    await placeFor('chat.update', signal);
    // Without the delivery's id, which would have a later attempt take this message for its reply.
    const metadata = { event_type: EVENT_TYPE, event_payload: { kind: message.notice.kind, incident: message.incident?.id ?? '' } };
    try {
      await client.chat.update({ ...root, ...layout(message, 'whole', null), metadata });
      return true;
    } catch (error) {
      if (NOT_EDITABLE.has(slackCode(error) ?? '')) return false;
      throw error;
    }
  }

  /** In the thread, whole where the message above could not be brought up to date; alone when there is no thread any more. */
  async function news(client: WebClient, message: Outgoing, root: SlackPlace, began: number, signal: AbortSignal): Promise<SlackPlace> {
    const edited = await update(client, message, root, signal);
    const found = message.attempt > 1 ? await earlier(client, message, root, signal) : null;
    if (found !== null) return found;
    await placeStill(began, signal);
    try {
      return await post(client, message, edited ? 'reply' : 'whole', root);
    } catch (error) {
      if (!NO_THREAD.has(slackCode(error) ?? '')) throw error;
      return await post(client, message, 'whole', null);
    }
  }

  return {
    name: options.name,
    type: 'slack',
    limits,
    get capabilities() {
      return { reconcile };
    },
    send(message, signal) {
      const began = performance.now();
      return attempt(signal, async (client, bounded) => {
        const root = placeOf(message.incident?.rootReceipt ?? null);
        if (root !== null) return receiptOf(await news(client, message, root, began, bounded));
        const found = message.attempt > 1 ? await earlier(client, message, null, bounded) : null;
        if (found !== null) return receiptOf(found);
        await placeStill(began, bounded);
        return receiptOf(await post(client, message, 'whole', null));
      });
    },
    probe: (signal) => attempt(signal, (client) => probe(client, options.channel)),
  };
}

/** The reply of an earlier attempt; null too when there is no such thread. */
async function inThread(client: WebClient, root: SlackPlace, { deliveryId, createdAt }: Outgoing): Promise<string | null> {
  try {
    return await findReply(client, root, deliveryId, createdAt);
  } catch (error) {
    if (NO_THREAD.has(slackCode(error) ?? '')) return null;
    throw error;
  }
}

/** What Slack is given to show; plainly when the template fails. */
function layout({ notice, createdAt, incident }: Outgoing, form: 'whole' | 'reply', mention: string | null): SlackMessage {
  const options = { at: createdAt, form, ...(mention === null ? {} : { mention }), ...(incident === null ? {} : { status: incident.status }) };
  return orPlainly(notice, () => renderSlack(notice, options), ({ text }) => ({ text: escapeSlack(text), blocks: [] }));
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
