import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** `hang`: never answers. `cut`: closes the connection without an answer. `endless`: a body that does not end. */
  readonly fault?: 'hang' | 'cut' | 'endless';
}

export interface Answers {
  readonly url: string;
  readonly asked: readonly Asked[];
  stop(): Promise<void>;
}

/** An HTTP server that answers with these replies in turn; the last one for ever. */
export async function startAnswers(...replies: readonly Reply[]): Promise<Answers> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void hear(request).then((heard) => {
      const reply = replies[Math.min(asked.length, replies.length - 1)] ?? {};
      asked.push(heard);
      give(response, reply);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function hear(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() };
}

function give(response: ServerResponse, reply: Reply): void {
  if (reply.fault === 'hang') return;
  if (reply.fault === 'cut') {
    response.destroy();
    return;
  }
  response.writeHead(reply.status ?? 200, reply.headers);
  if (reply.fault !== 'endless') {
    response.end(reply.body ?? '');
    return;
  }
  const pump = setInterval(() => response.write('x'.repeat(64 * 1024)), 1);
  response.once('close', () => clearInterval(pump));
}
