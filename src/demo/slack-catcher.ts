import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CaughtSlackMessage {
  readonly ts: string;
  readonly channel: string;
  readonly text: string;
  readonly blocks: readonly unknown[];
  readonly metadata: unknown;
  /** The message in whose thread it is; null outside threads. */
  readonly threadTs: string | null;
  /** How often it was edited. */
  readonly edits: number;
  /** Its metadata before each edit, oldest first. */
  readonly earlier: readonly unknown[];
}

/**
 * Slack's limits, in milliseconds so that a test can have them fast: one post a channel within `channelMs`, and at most
 * `workspace.posts` and `workspace.updates` within `workspace.withinMs`. More is answered with 429 and kept nowhere.
 */
export interface SlackLimits {
  readonly channelMs: number;
  readonly workspace: { readonly posts: number; readonly updates: number; readonly withinMs: number };
}

/**
 * What goes wrong with the next call (of `method`, when given). `error`: Slack's own `{ok: false, error}`.
 * `status`: any HTTP answer. `hang`: no answer, nothing kept. `answer-lost`: carried out, then the connection is cut.
 */
export type SlackFault = { readonly method?: string } & (
  | { readonly kind: 'error'; readonly error: string }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly kind: 'hang' }
  | { readonly kind: 'answer-lost' }
);

export interface SlackCatcher {
  /** To be given as `slackApiUrl`. */
  readonly url: string;
  readonly messages: readonly CaughtSlackMessage[];
  /** As if somebody had deleted it. */
  remove(ts: string): void;
  /** Names of the methods called, in order. */
  readonly calls: readonly string[];
  /** Calls that the limits turned away. */
  readonly turnedAway: number;
  failNext(fault: SlackFault): void;
  stop(): Promise<void>;
}

interface State {
  readonly messages: CaughtSlackMessage[];
  readonly calls: string[];
  readonly faults: SlackFault[];
  readonly token: string | null;
  readonly limits: SlackLimits | null;
  /** When posts and updates were taken, by what limits them. */
  readonly taken: Map<string, number[]>;
  turnedAway: number;
}

const CHANNEL_ID = 'C0000000001';

/** Any token is accepted unless `token` is given. Every channel name is the one channel. Port 0 takes a free one. */
export async function startSlackCatcher(options: { readonly port?: number; readonly token?: string; readonly limits?: SlackLimits } = {}): Promise<SlackCatcher> {
  const state: State = { messages: [], calls: [], faults: [], token: options.token ?? null, limits: options.limits ?? null, taken: new Map(), turnedAway: 0 };
  const server = createServer((request, response) => {
    answer(request, response, state).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
    messages: state.messages,
    calls: state.calls,
    get turnedAway() {
      return state.turnedAway;
    },
    failNext: (fault) => void state.faults.push(fault),
    remove: (ts) => void state.messages.splice(state.messages.findIndex((message) => message.ts === ts), 1),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, state: State): Promise<void> {
  const body = await form(request);
  const method = (request.url ?? '').split('?', 1)[0]?.replace(/^\/api\//, '') ?? '';
  state.calls.push(method);
  const fault = takeFault(state.faults, method);
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'status') {
    response.writeHead(fault.status, fault.headers).end(fault.body ?? '');
    return;
  }
  const retryAfter = tooMany(method, body, state);
  if (retryAfter !== null) {
    response.writeHead(429, { 'retry-after': String(retryAfter) }).end();
    return;
  }
  const result = fault?.kind === 'error' ? { ok: false, error: fault.error } : call(method, body, request, state);
  if (fault?.kind === 'answer-lost') {
    response.destroy();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'x-oauth-scopes': 'chat:write,channels:history,channels:read' });
  response.end(JSON.stringify(result));
}

function takeFault(faults: SlackFault[], method: string): SlackFault | undefined {
  const index = faults.findIndex((fault) => fault.method === undefined || fault.method === method);
  return index === -1 ? undefined : faults.splice(index, 1)[0];
}

function call(method: string, body: URLSearchParams, request: IncomingMessage, state: State): Record<string, unknown> {
  if (state.token !== null && request.headers.authorization !== `Bearer ${state.token}`) return { ok: false, error: 'invalid_auth' };
  const channel = { id: CHANNEL_ID, name: 'keyturn', is_channel: true, is_member: true };
  switch (method) {
    case 'auth.test':
      return { ok: true, team: 'Catcher', user: 'keyturn', bot_id: 'B1' };
    case 'chat.postMessage':
      return posted(body, state);
    case 'chat.update':
      return updated(body, state);
    case 'conversations.history':
      return { ok: true, messages: state.messages.filter((message) => message.threadTs === null).toReversed(), has_more: false };
    case 'conversations.replies':
      return replies(body, state);
    case 'conversations.list':
      return { ok: true, channels: [channel, ...asked(state)] };
    case 'conversations.info':
      return { ok: true, channel };
    default:
      return { ok: false, error: 'unknown_method' };
  }
}

/** Every name that somebody posted to exists. */
function asked(state: State): readonly Record<string, unknown>[] {
  const names = new Set(state.messages.map((message) => message.channel.replace(/^#/, '')));
  return [...names].map((name) => ({ id: CHANNEL_ID, name, is_member: true }));
}

/** Whole seconds to wait, as Slack says it; null while the limits hold. */
function tooMany(method: string, body: URLSearchParams, state: State): number | null {
  const { limits, taken } = state;
  if (limits === null || (method !== 'chat.postMessage' && method !== 'chat.update')) return null;
  const { workspace } = limits;
  const post = method === 'chat.postMessage';
  const all = { key: method, most: post ? workspace.posts : workspace.updates, withinMs: workspace.withinMs };
  const own = { key: `channel ${body.get('channel') ?? ''}`, most: 1, withinMs: limits.channelMs };
  const now = performance.now();
  const held = (post ? [own, all] : [all]).map((limit) => ({ ...limit, recent: (taken.get(limit.key) ?? []).filter((at) => now - at < limit.withinMs) }));
  const full = held.find(({ recent, most }) => recent.length >= most);
  for (const { key, recent } of held) taken.set(key, full === undefined ? [...recent, now] : recent);
  if (full === undefined) return null;
  state.turnedAway += 1;
  return Math.max(1, Math.ceil(full.withinMs / 1_000));
}

function posted(body: URLSearchParams, state: State): Record<string, unknown> {
  const thread = body.get('thread_ts');
  if (thread !== null && !state.messages.some((message) => message.ts === thread)) return { ok: false, error: 'thread_not_found' };
  return { ok: true, channel: CHANNEL_ID, ts: keep(body, state) };
}

function updated(body: URLSearchParams, state: State): Record<string, unknown> {
  const index = state.messages.findIndex((message) => message.ts === body.get('ts'));
  const before = state.messages[index];
  if (before === undefined) return { ok: false, error: 'message_not_found' };
  const now = shown(body);
  state.messages[index] = { ...before, ...now, metadata: now.metadata ?? before.metadata, edits: before.edits + 1, earlier: [...before.earlier, before.metadata] };
  return { ok: true, channel: CHANNEL_ID, ts: before.ts };
}

/** The message that the thread hangs on comes first, as at Slack. */
function replies(body: URLSearchParams, state: State): Record<string, unknown> {
  const ts = body.get('ts');
  const messages = state.messages.filter((message) => message.ts === ts || message.threadTs === ts);
  return messages.some((message) => message.ts === ts) ? { ok: true, messages, has_more: false } : { ok: false, error: 'thread_not_found' };
}

function shown(body: URLSearchParams): Pick<CaughtSlackMessage, 'text' | 'blocks' | 'metadata'> {
  return {
    text: body.get('text') ?? '',
    blocks: JSON.parse(body.get('blocks') ?? '[]') as unknown[],
    metadata: JSON.parse(body.get('metadata') ?? 'null') as unknown,
  };
}

function keep(body: URLSearchParams, state: State): string {
  const ts = `${Math.floor(Date.now() / 1_000)}.${String(state.messages.length + 1).padStart(6, '0')}`;
  state.messages.push({
    ts,
    channel: body.get('channel') ?? '',
    threadTs: body.get('thread_ts'),
    edits: 0, earlier: [],
    ...shown(body),
  });
  return ts;
}

async function form(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
