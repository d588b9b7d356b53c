import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CaughtSlackMessage {
  readonly ts: string;
  readonly channel: string;
  readonly text: string;
  readonly blocks: readonly unknown[];
  readonly metadata: unknown;
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
  /** Names of the methods called, in order. */
  readonly calls: readonly string[];
  failNext(fault: SlackFault): void;
  stop(): Promise<void>;
}

interface State {
  readonly messages: CaughtSlackMessage[];
  readonly calls: string[];
  readonly faults: SlackFault[];
  readonly token: string | null;
}

const CHANNEL_ID = 'C0000000001';

/** Any token is accepted unless `token` is given. Every channel name is the one channel. Port 0 takes a free one. */
export async function startSlackCatcher(options: { readonly port?: number; readonly token?: string } = {}): Promise<SlackCatcher> {
  const state: State = { messages: [], calls: [], faults: [], token: options.token ?? null };
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
    failNext: (fault) => void state.faults.push(fault),
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
      return { ok: true, channel: CHANNEL_ID, ts: keep(body, state) };
    case 'conversations.history':
      return { ok: true, messages: state.messages.toReversed(), has_more: false };
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

function keep(body: URLSearchParams, state: State): string {
  const ts = `${Math.floor(Date.now() / 1_000)}.${String(state.messages.length + 1).padStart(6, '0')}`;
  state.messages.push({
    ts,
    channel: body.get('channel') ?? '',
    text: body.get('text') ?? '',
    blocks: JSON.parse(body.get('blocks') ?? '[]') as unknown[],
    metadata: JSON.parse(body.get('metadata') ?? 'null') as unknown,
  });
  return ts;
}

async function form(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
