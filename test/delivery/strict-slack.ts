/**
 * A Slack that bears what Slack bears and no more, keeps what it took with its metadata, and fails as often as it is told:
 * before it took the call, after it, or without a word. What it holds at the end is the truth about what was delivered.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLimits, type Limits } from './limits.ts';
import { carriedOut, channelName, type Posted, type Workspace } from './workspace.ts';

/** `lost`, `mute`: carried out, then the connection is cut, or there is never an answer. The others are not carried out. */
export const SLACK_FAULTS = ['500', 'reset', 'hang', '429', 'lost', 'mute'] as const;
export type StrictFault = (typeof SLACK_FAULTS)[number];

export interface StrictSlack {
  /** To be given as `slackApiUrl`. */
  readonly url: string;
  readonly posted: readonly Posted[];
  /** Calls beyond the limits, each with what it was. Faults of ours are none. */
  readonly turnedAway: readonly string[];
  /** How often each fault struck. */
  readonly struck: Readonly<Record<StrictFault, number>>;
  /** No more faults from now on. */
  calm(): void;
  stop(): Promise<void>;
}

export interface StrictOptions {
  /** Of so many posts and updates one fails; 0 for none. */
  readonly faultEvery: number;
  /** Names of channels whose history the app may not read. */
  readonly unreadable?: readonly string[];
}

interface State extends StrictOptions {
  readonly workspace: Workspace;
  readonly limits: Limits;
  readonly turnedAway: string[];
  readonly struck: Record<StrictFault, number>;
  chats: number;
  calm: boolean;
}

const REST_SECONDS = 2;

export async function startStrictSlack(options: StrictOptions): Promise<StrictSlack> {
  const struck = { '500': 0, reset: 0, hang: 0, '429': 0, lost: 0, mute: 0 };
  const state: State = { ...options, workspace: { posted: [], unreadable: options.unreadable ?? [] }, limits: createLimits(), turnedAway: [], struck, chats: 0, calm: false };
  const server = createServer((request, response) => {
    answer(request, response, state).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
    posted: state.workspace.posted,
    turnedAway: state.turnedAway,
    struck,
    calm: () => { state.calm = true; },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, state: State): Promise<void> {
  const body = await form(request);
  const method = new URL(request.url ?? '', 'http://slack').pathname.replace(/^\/api\//, '');
  const channel = body.get('channel') ?? '';
  const now = performance.now();
  const refused = state.limits.refusal(method, channelName(channel), now);
  if (refused !== null) {
    state.turnedAway.push(`${method} ${channel}: ${refused.why}`);
    return tooMany(response, refused.seconds);
  }
  const fault = faultOf(state, method);
  if (fault !== null) state.struck[fault] += 1;
  if (fault === 'hang') return;
  if (fault === 'reset') return void request.socket.resetAndDestroy();
  if (fault === '500') return void response.writeHead(500).end('oops');
  if (fault === '429') {
    state.limits.rest(channelName(channel), REST_SECONDS, now);
    return tooMany(response, REST_SECONDS);
  }
  const result = carriedOut(method, body, state.workspace);
  if (fault === 'mute') return;
  if (fault === 'lost') return void request.socket.resetAndDestroy();
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
}

/** Each comes up in its turn. */
function faultOf(state: State, method: string): StrictFault | null {
  if (state.calm || state.faultEvery === 0 || !method.startsWith('chat.')) return null;
  state.chats += 1;
  return state.chats % state.faultEvery === 0 ? (SLACK_FAULTS[(state.chats / state.faultEvery - 1) % SLACK_FAULTS.length] ?? null) : null;
}

function tooMany(response: ServerResponse, seconds: number): void {
  response.writeHead(429, { 'retry-after': String(seconds) }).end();
}

async function form(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
