/**
 * A small application, as a process of its own: calls HyperMemory through a KeyRing without pause, and answers for
 * itself at /healthz. Knows nothing of Keyturn but the client. Arguments: the API's address and the env file.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { KeyRing } from '../client/index.ts';
import { startCaller, type ApplicationFigures, type ApplicationHealth, type Call, type Caller } from './caller.ts';

/** Ten calls a second and a bit. */
const CALL_EVERY_MS = 80;

/**
 * What `GET /healthz` answers: 200 when healthy, else 503. `POST /drain` answers the same after the last call ended, and
 * `GET /calls` every call so far, as `Call[]`.
 */
export interface ApplicationReport extends ApplicationFigures, ApplicationHealth {
  readonly using: 'primary' | 'backup' | null;
}

export interface Application {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startApplication(options: { readonly apiUrl: string; readonly envFile: string; readonly everyMs?: number }): Promise<Application> {
  let caller: Caller | null = null;
  const calls: Call[] = [];
  const ring = KeyRing.fromEnvFile(options.envFile, {
    baseUrl: options.apiUrl,
    pollMs: 250,
    onEvent: (event) => {
      if (event.type === 'refreshed' && event.changed) caller?.keysChanged();
    },
  });
  caller = startCaller({ ring, everyMs: options.everyMs ?? CALL_EVERY_MS, onCall: (call) => void calls.push(call) });
  const server = answering(caller, ring, calls);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      await caller.drain();
      ring.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answering(caller: Caller, ring: KeyRing, calls: readonly Call[]): Server {
  const report = (): ApplicationReport => ({ ...caller.figures(), ...caller.health(), using: ring.status().using });
  return createServer((request, response) => {
    if (request.url === '/calls') return answer(response, 200, calls);
    const ended = request.method === 'POST' && request.url === '/drain' ? caller.drain() : Promise.resolve();
    void ended.then(() => {
      const said = report();
      answer(response, said.ok ? 200 : 503, said);
    });
  });
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function main([apiUrl, envFile]: readonly string[]): Promise<void> {
  if (apiUrl === undefined || envFile === undefined) throw new Error('The demo application needs the API\'s address and an env file.');
  const application = await startApplication({ apiUrl, envFile });
  const stop = (): void => void application.stop().then(() => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
  process.send?.({ url: application.url });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv.slice(2));
