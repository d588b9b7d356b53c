/** An API that accepts some keys and refuses all others, and remembers what it saw. For KeyRing's tests. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Call {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
  readonly status: number;
}

export interface Api {
  readonly url: string;
  readonly calls: readonly Call[];
  /** The keys that came, in order. */
  keysSeen(): string[];
  /** From now on these keys, and no others, are accepted. */
  accept(...keys: readonly string[]): void;
  /** While it is open, answers wait: `release` lets them go. */
  hold(): { release(): void; waiting(): number };
  stop(): Promise<void>;
}

type Handler = (path: string, response: ServerResponse) => boolean;

/** `special` may answer a path itself (true) before keys are looked at. */
export async function startApi(accepted: readonly string[], special: Handler = () => false): Promise<Api> {
  let live = new Set(accepted);
  let gate: Promise<void> = Promise.resolve();
  let waiting = 0;
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { authorization } = request.headers;
    const ok = authorization !== undefined && live.has(authorization.replace(/^Bearer /, ''));
    waiting += 1;
    await gate;
    waiting -= 1;
    const path = request.url ?? '';
    if (!special(path, response)) response.writeHead(ok ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify({ ok }));
    calls.push({ path, authorization, body: Buffer.concat(chunks).toString(), status: response.statusCode });
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    keysSeen: () => calls.map(({ authorization }) => (authorization ?? 'none').replace(/^Bearer /, '')),
    accept: (...keys) => {
      live = new Set(keys);
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return { release: resolve, waiting: () => waiting };
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
