/** What Slack's answers mean for a delivery: https://docs.slack.dev/reference/methods/chat.postMessage#errors */
import { KeyturnError } from '../../core/errors.ts';
import { scrub } from '../../core/secret.ts';
import { networkReason } from '../../net/endpoint.ts';

const TOKEN = 'Make a new bot token (api.slack.com/apps → OAuth & Permissions) and put it where the configuration refers to.';
const SCOPE = 'Give the app the scope `chat:write`, install it again, and put the new token in place.';
const DEFECT = 'Report it: Keyturn made a message that Slack does not take.';

/** Answers that no repetition changes, and what a person does about each. */
const REFUSALS: Readonly<Record<string, string>> = {
  invalid_auth: TOKEN,
  not_authed: TOKEN,
  account_inactive: TOKEN,
  token_revoked: TOKEN,
  token_expired: TOKEN,
  not_allowed_token_type: 'Use a bot token (it begins with xoxb-).',
  no_permission: SCOPE,
  missing_scope: SCOPE,
  access_denied: SCOPE,
  channel_not_found: 'Check the channel in the configuration. If it is private, invite the app to it: /invite @app.',
  not_in_channel: 'Invite the app to the channel: /invite @app.',
  is_archived: 'Unarchive the channel, or name another one.',
  restricted_action: 'Let the app post to that channel in the workspace settings.',
  restricted_action_read_only_channel: 'Let the app post to that channel, or name another one.',
  ekm_access_denied: 'Ask the administrators of the workspace: they have suspended posting.',
  invalid_blocks: DEFECT,
  invalid_arguments: DEFECT,
  msg_too_long: DEFECT,
  metadata_too_large: DEFECT,
};

/** The platform error's code (`not_in_channel`), or null for any other failure. */
export function slackCode(thrown: unknown): string | null {
  const data = field(thrown, 'data');
  const code = field(data, 'error');
  return typeof code === 'string' ? code : null;
}

/** Turns whatever @slack/web-api threw into CHANNEL_REFUSED or CHANNEL_UNAVAILABLE. */
export function slackError(thrown: unknown, channel: string): KeyturnError {
  if (thrown instanceof KeyturnError) return thrown;
  const retryAfter = field(thrown, 'retryAfter');
  if (typeof retryAfter === 'number') return busy(channel, retryAfter * 1_000);
  const code = slackCode(thrown);
  if (code === 'ratelimited' || code === 'rate_limited') return busy(channel, null);
  if (code !== null) return platformError(code, channel);
  const status = field(thrown, 'statusCode');
  if (typeof status === 'number') {
    return unavailable(`Slack answered HTTP ${status} to the message for ${channel}.`, thrown);
  }
  return unavailable(`Slack could not be asked to post to ${channel}: ${networkReason(field(thrown, 'original') ?? thrown)}.`, thrown);
}

function platformError(code: string, channel: string): KeyturnError {
  const todo = REFUSALS[code];
  const message = `Slack refused the message for ${channel}: ${scrub(code)}.`;
  if (todo !== undefined) return new KeyturnError('CHANNEL_REFUSED', message, { todo, effect: 'none' });
  return new KeyturnError('CHANNEL_UNAVAILABLE', message, { effect: 'none' });
}

function busy(channel: string, retryAfterMs: number | null): KeyturnError {
  return new KeyturnError('CHANNEL_UNAVAILABLE', `Slack asks for fewer messages to ${channel}.`, {
    effect: 'none',
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}

function unavailable(message: string, cause: unknown): KeyturnError {
  return new KeyturnError('CHANNEL_UNAVAILABLE', message, { cause });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
