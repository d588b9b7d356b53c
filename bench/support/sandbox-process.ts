/** The sandbox in a process of its own, so that its work is not taken for Keyturn's. Tells when it received each revoke. */
import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { startSandbox } from '../../src/sandbox/index.ts';
import { argument, serve, tell } from './remote.ts';

export interface SandboxArgument {
  readonly latencyMs: number;
  readonly tellRevokes?: boolean;
}

const { latencyMs, tellRevokes = false } = argument() as SandboxArgument;
// Nothing that the service might refuse or slow down: that is not what is measured.
const sandbox = await startSandbox({ plan: 'enterprise', listRevoked: false, latencyMs });
if (tellRevokes) {
  diagnostics.subscribe('http.server.request.start', (message) => {
    const { request } = message as { readonly request: IncomingMessage };
    if (request.method === 'DELETE') tell('revoke', { keyId: request.url?.split('/').pop(), at: performance.timeOrigin + performance.now() });
  });
}
serve(
  {
    where: () => ({ url: sandbox.url, adminKey: sandbox.adminKey }),
    /** Requests so far, by `METHOD /route`. */
    requests: async () => (await sandbox.requests()).by_route,
  },
  () => sandbox.close(),
);
