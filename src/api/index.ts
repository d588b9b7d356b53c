/** The control API of a worker: what the CLI, probes and Prometheus talk to. */
import type { FastifyInstance } from 'fastify';
import type { Health, Operations } from '../app/operations.ts';
import type { AnswerApproval } from '../app/approvals.ts';
import type { Secret } from '../core/secret.ts';
import type { Log } from '../ports/log.ts';
import type { Door } from './caller.ts';
import { listenOnSocket, listenOnTcp } from './listen.ts';
import type { TakeIssuerEvent } from './issuer-events.ts';
import type { TakeLeaks } from './leaks.ts';
import type { PushUsage } from './push.ts';
import { buildServer } from './server.ts';

export interface TcpOptions {
  readonly host: string;
  /** 0 takes a free one; see `addresses`. */
  readonly port: number;
  readonly token: Secret;
  /** Goes into the audit log in front of whoever the client says it is. Default `token`. */
  readonly tokenName?: string;
  /** Paths that need no token. Default `/healthz` alone. */
  readonly openPaths?: readonly string[];
}

export interface ApiOptions {
  readonly operations: Operations;
  readonly health: Health;
  readonly pushUsage?: PushUsage;
  readonly takeIssuerEvent?: TakeIssuerEvent;
  readonly takeLeaks?: TakeLeaks;
  readonly answerApproval?: AnswerApproval;
  /** Null: no Unix socket. */
  readonly socketPath: string | null;
  readonly tcp?: TcpOptions;
  readonly log: Log;
  /** Keyturn's version, sent with every answer. */
  readonly version: string;
}

export interface Api {
  /** Where it listens: the socket's path, the TCP address as `http://host:port`. */
  readonly addresses: readonly string[];
  /** Takes no more requests, ends long polls, lets the others finish for `deadlineMs`, then cuts them. Never throws. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Starts the control API on every configured address, or on none.
 * Throws ADDRESS_IN_USE when another process has one of them, CONFIG_INVALID when one cannot be used.
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  const closing = new AbortController();
  const servers: FastifyInstance[] = [];
  const addresses: string[] = [];
  const open = async (door: Door): Promise<FastifyInstance> => {
    const app = buildServer({ backend: options, pushUsage: options.pushUsage, takeIssuerEvent: options.takeIssuerEvent, takeLeaks: options.takeLeaks, answerApproval: options.answerApproval, door, log: options.log, version: options.version, closing: closing.signal });
    servers.push(app);
    await app.ready();
    return app;
  };
  const close = async (deadlineMs: number): Promise<void> => {
    closing.abort();
    await Promise.all(servers.map((app) => closeWithin(app, deadlineMs)));
  };
  try {
    const { socketPath, tcp } = options;
    if (socketPath !== null) addresses.push(await listenOnSocket((await open({ kind: 'socket' })).server, socketPath));
    if (tcp !== undefined) addresses.push(await listenOnTcp((await open(tcpDoor(tcp))).server, tcp.host, tcp.port));
  } catch (error) {
    await close(0);
    throw error;
  }
  return { addresses, close };
}

function tcpDoor(tcp: TcpOptions): Door {
  return { kind: 'tcp', token: tcp.token, tokenName: tcp.tokenName ?? 'token', openPaths: new Set(tcp.openPaths ?? ['/healthz']) };
}

async function closeWithin(app: FastifyInstance, deadlineMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), deadlineMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}
