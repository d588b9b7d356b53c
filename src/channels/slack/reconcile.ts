/** Looks whether a message whose answer was lost did arrive. */
import type { WebClient } from '@slack/web-api';
import type { SlackPlace } from './receipt.ts';

const CHANNEL_ID = /^[CGD][A-Z0-9]{6,}$/;
const PAGES = 5;
/** Slack's clock and ours may differ, and the row is older than its first attempt. */
const SLACK_SKEW_S = 120;

export const EVENT_TYPE = 'keyturn_delivery';

/** The id of a channel given as `#name` or as an id; null when it can't be found among those that the app may list. */
export async function channelId(client: WebClient, channel: string): Promise<string | null> {
  if (CHANNEL_ID.test(channel)) return channel;
  const name = channel.replace(/^#/, '');
  let cursor = '';
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await client.conversations.list({ limit: 1_000, exclude_archived: true, ...(cursor === '' ? {} : { cursor }) });
    const found = answer.channels?.find((candidate) => candidate.name === name);
    if (found?.id !== undefined) return found.id;
    cursor = answer.response_metadata?.next_cursor ?? '';
    if (cursor === '') return null;
  }
  return null;
}

/** One page of a channel's history or of a thread, as Slack answers it. */
interface Page {
  readonly messages?: readonly { readonly ts?: string }[];
  readonly response_metadata?: { readonly next_cursor?: string };
}

/** The timestamp (Slack's id of a message) of the message in the channel that carries this delivery's id, or null. */
export function findDelivery(client: WebClient, id: string, deliveryId: string, since: Date): Promise<string | null> {
  return findIn((cursor) => client.conversations.history({ channel: id, ...spanFrom(since), ...cursor }), deliveryId);
}

/** The same among the replies in a thread, which a channel's history does not show. */
export function findReply(client: WebClient, root: SlackPlace, deliveryId: string, since: Date): Promise<string | null> {
  return findIn((cursor) => client.conversations.replies({ ...root, ...spanFrom(since), ...cursor }), deliveryId);
}

function spanFrom(since: Date) {
  return { oldest: String(Math.floor(since.getTime() / 1_000) - SLACK_SKEW_S), limit: 200, include_all_metadata: true };
}

async function findIn(ask: (cursor: { readonly cursor?: string }) => Promise<Page>, deliveryId: string): Promise<string | null> {
  let cursor = '';
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await ask(cursor === '' ? {} : { cursor });
    const found = answer.messages?.find((message) => carries(message, deliveryId));
    if (found?.ts !== undefined) return found.ts;
    cursor = answer.response_metadata?.next_cursor ?? '';
    if (cursor === '') return null;
  }
  return null;
}

function carries(message: object, deliveryId: string): boolean {
  const metadata = 'metadata' in message ? message.metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null) return false;
  const { event_type: type, event_payload: payload } = metadata as { event_type?: unknown; event_payload?: { delivery_id?: unknown } };
  return type === EVENT_TYPE && payload?.delivery_id === deliveryId;
}
