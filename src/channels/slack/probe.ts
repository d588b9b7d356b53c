import type { WebClient } from '@slack/web-api';
import { KeyturnError } from '../../core/errors.ts';
import { slackCode } from './errors.ts';
import { channelId } from './reconcile.ts';

/** Answers of reading calls that mean: not permitted to look, rather than not there. */
export const MAY_NOT_LOOK: ReadonlySet<string> = new Set(['missing_scope', 'no_permission', 'not_allowed_token_type', 'channel_not_found', 'not_in_channel', 'unknown_method', 'method_not_supported_for_channel_type']);

/** auth.test proves the token; the scopes that its answer lists, and conversations.info where permitted, the rest. */
export async function probe(client: WebClient, channel: string): Promise<void> {
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
