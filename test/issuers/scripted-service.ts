import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../src/core/secret.ts';
import { createHyperMemoryIssuer, type HyperMemoryOptions } from '../../src/issuers/hypermemory/index.ts';
import type { Issuer } from '../../src/ports/issuer.ts';

export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** Answers one request: a status with a body (JSON unless text) and headers, or anything done by hand. */
export type Reply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | ((response: ServerResponse) => void);

export interface ScriptedService {
  readonly url: string;
  readonly seen: readonly Seen[];
  readonly issuer: (more?: Partial<HyperMemoryOptions>) => Issuer;
  close(): Promise<void>;
}

export const ADMIN = new Secret('hm_live_admin000000000000000000canary');

/** A bare HTTP server that says exactly what a test wants: for answers no well-behaved service gives. */
export async function scripted(answer: (request: Seen, nth: number) => Reply): Promise<ScriptedService> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void read(request).then((one) => {
      seen.push(one);
      reply(response, answer(one, seen.length));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    issuer: (more = {}) => issuerAt(url, more),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function issuerAt(baseUrl: string, more: Partial<HyperMemoryOptions> = {}): Issuer {
  return createHyperMemoryIssuer({
    name: 'hm',
    baseUrl,
    adminKey: () => Promise.resolve(ADMIN),
    generation: 1,
    timeoutMs: 5_000,
    listLagMs: 0,
    ...more,
  });
}

async function read(request: IncomingMessage): Promise<Seen> {
  let text = '';
  for await (const part of request) text += String(part);
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    authorization: request.headers.authorization,
    headers: request.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

function reply(response: ServerResponse, how: Reply): void {
  if (typeof how === 'function') return how(response);
  const text = typeof how.body === 'string' ? how.body : JSON.stringify(how.body ?? {});
  response.writeHead(how.status, { 'content-type': typeof how.body === 'string' ? 'text/html' : 'application/json', ...how.headers });
  response.end(text);
}
