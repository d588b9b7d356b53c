/** The sandbox in a process of its own, so that its work is not taken for Keyturn's. Tells when each revoke came in and when its key was dead. */
import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { startSandbox } from '../../src/sandbox/index.ts';
import { instant } from './instant.ts';
import { argument, serve, tell } from './remote.ts';

export interface SandboxArgument {
  readonly latencyMs: number;
  readonly tellRevokes?: boolean;
}

/** Instants of `instant`. Dead: it was revoked, and the answer was sent. */
export interface Revoked {
  readonly keyId: string;
  readonly received: number;
  readonly dead: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const { latencyMs, tellRevokes = false } = argument() as SandboxArgument;
// Nothing that the service might refuse or slow down: that is not what is measured.
const sandbox = await startSandbox({ plan: 'enterprise', listRevoked: false, latencyMs });
if (tellRevokes) {
  const received = new WeakMap<IncomingMessage, number>();
  diagnostics.subscribe('http.server.request.start', (message) => void received.set((message as Exchange).request, instant()));
  diagnostics.subscribe('http.server.response.finish', (message) => {
    const { request, response } = message as Exchange;
    if (request.method !== 'DELETE' || response.statusCode !== 200) return;
    tell('revoke', { keyId: request.url?.split('/').pop() ?? '', received: received.get(request) ?? Number.NaN, dead: instant() } satisfies Revoked);
  });
}
serve(
  {
    where: () => ({ url: sandbox.url, adminKey: sandbox.adminKey }),
    /** By its own inspection. */
    isDead: async (keyId: string) => (await sandbox.inspect()).keys.some((key) => key.id === keyId && key.status === 'revoked'),
    /** Requests so far, by `METHOD /route`. */
    requests: async () => (await sandbox.requests()).by_route,
  },
  () => sandbox.close(),
);
