/** The channels of a workspace and what stands in them, by the methods that Keyturn calls. */

export interface Posted {
  readonly channel: string;
  readonly ts: string;
  readonly threadTs: string | null;
  /** Of the metadata; null where there is none. */
  readonly deliveryId: string | null;
  readonly incident: string | null;
  readonly metadata: unknown;
  readonly text: string;
}

export interface Workspace {
  readonly posted: Posted[];
  readonly unreadable: readonly string[];
}

export type Answer = Readonly<Record<string, unknown>>;

const PREFIX = 'C0000';

/** `#ops` and its id are the same channel. */
export function channelName(given: string): string {
  return (given.startsWith(PREFIX) ? given.slice(PREFIX.length) : given.replace('#', '')).toLowerCase();
}

const idOf = (name: string): string => `${PREFIX}${name.toUpperCase()}`;
const failed = (error: string): Answer => ({ ok: false, error });

export function carriedOut(method: string, body: URLSearchParams, workspace: Workspace): Answer {
  const channel = channelName(body.get('channel') ?? '');
  const mayRead = !workspace.unreadable.includes(channel);
  switch (method) {
    case 'auth.test':
      return { ok: true, team: 'Strict', user: 'keyturn', bot_id: 'B1' };
    case 'chat.postMessage':
      return post(body, channel, workspace);
    case 'chat.update':
      return update(body, channel, workspace);
    case 'conversations.history':
      return mayRead ? page(workspace.posted.filter((one) => one.channel === channel && one.threadTs === null).toReversed(), body) : failed('missing_scope');
    case 'conversations.replies':
      return mayRead ? replies(body, channel, workspace) : failed('missing_scope');
    case 'conversations.list':
      return { ok: true, channels: [...new Set(workspace.posted.map((one) => one.channel))].map((name) => ({ id: idOf(name), name, is_member: true })) };
    case 'conversations.info':
      return { ok: true, channel: { id: idOf(channel), name: channel, is_member: true } };
    default:
      return failed('unknown_method');
  }
}

function post(body: URLSearchParams, channel: string, { posted }: Workspace): Answer {
  const threadTs = body.get('thread_ts');
  if (threadTs !== null && !posted.some((one) => one.channel === channel && one.ts === threadTs)) return failed('thread_not_found');
  const ts = `${Math.floor(Date.now() / 1_000)}.${String(posted.length + 1).padStart(6, '0')}`;
  posted.push({ channel, ts, threadTs, ...shown(body) });
  return { ok: true, channel: idOf(channel), ts };
}

function update(body: URLSearchParams, channel: string, { posted }: Workspace): Answer {
  const index = posted.findIndex((one) => one.channel === channel && one.ts === body.get('ts'));
  const before = posted[index];
  if (before === undefined) return failed('message_not_found');
  // What it was posted as stays what it is judged by; Slack itself replaces the metadata.
  posted[index] = { ...before, text: shown(body).text, metadata: shown(body).metadata };
  return { ok: true, channel: idOf(channel), ts: before.ts };
}

function shown(body: URLSearchParams): Pick<Posted, 'deliveryId' | 'incident' | 'metadata' | 'text'> {
  const metadata = JSON.parse(body.get('metadata') ?? 'null') as { event_payload?: { delivery_id?: string; incident?: string } } | null;
  return { metadata, text: body.get('text') ?? '', deliveryId: metadata?.event_payload?.delivery_id ?? null, incident: metadata?.event_payload?.incident ?? null };
}

/** The message that the thread hangs on comes first, as at Slack. */
function replies(body: URLSearchParams, channel: string, { posted }: Workspace): Answer {
  const ts = body.get('ts');
  const found = posted.filter((one) => one.channel === channel && (one.ts === ts || one.threadTs === ts));
  return found.some((one) => one.ts === ts) ? page(found, body) : failed('thread_not_found');
}

/** As many as were asked for, since when, and with metadata only for who asks for it. */
function page(all: readonly Posted[], body: URLSearchParams): Answer {
  const from = Number(body.get('cursor') ?? 0);
  const limit = Number(body.get('limit') ?? 100);
  const since = all.filter((one) => Number(one.ts) >= Number(body.get('oldest') ?? 0));
  const messages = since.slice(from, from + limit).map(({ ts, threadTs, text, metadata }) => ({ ts, text, ...(threadTs === null ? {} : { thread_ts: threadTs }), ...(body.get('include_all_metadata') === 'true' ? { metadata } : {}) }));
  return { ok: true, messages, response_metadata: { next_cursor: from + limit < since.length ? String(from + limit) : '' } };
}
