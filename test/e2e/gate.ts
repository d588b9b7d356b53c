/** A door in front of AWS that can be shut: it passes everything on, or refuses as IAM does. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Gate {
  readonly url: string;
  /** Refuses these Secrets Manager actions, such as `PutSecretValue`; all of them when none is named; null opens it again. */
  deny(actions: readonly string[] | null): void;
  close(): Promise<void>;
}

export async function openGate(target: string): Promise<Gate> {
  let denied: readonly string[] | null = null;
  const server = createServer((incoming, response) => {
    const action = String(incoming.headers['x-amz-target']).split('.').at(-1) ?? '';
    if (denied !== null && (denied.length === 0 || denied.includes(action))) refuse(action, incoming, response);
    else pass(target, incoming, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deny: (actions) => { denied = actions; },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function refuse(action: string, incoming: IncomingMessage, response: ServerResponse): void {
  incoming.resume();
  const message = `User: arn:aws:iam::123456789012:user/keyturn is not authorized to perform: secretsmanager:${action} because no identity-based policy allows it`;
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify({ __type: 'AccessDeniedException', Message: message }));
}

function pass(target: string, incoming: IncomingMessage, response: ServerResponse): void {
  const onward = request(new URL(incoming.url ?? '/', target), { method: incoming.method, headers: { ...incoming.headers, host: new URL(target).host } }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  incoming.pipe(onward);
}
