import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { codeOf, SandboxError } from './errors.ts';
import { mountInspection } from './inspection.ts';
import { API_ROUTES, NOWHERE } from './routes.ts';
import { serve } from './serve.ts';
import type { Service } from './serve.ts';

const LARGEST_BODY = 1_048_576;

/** The HTTP server, not listening yet. */
export function createServer(service: Service): FastifyInstance {
  const app = Fastify({ forceCloseConnections: true, bodyLimit: LARGEST_BODY, exposeHeadRoutes: false, routerOptions: { maxParamLength: 600 } });
  // Bodies are parsed after authentication, as text, so that a bad one is an event of its key.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  for (const { method, url, operation } of API_ROUTES) app.route({ method, url, handler: serve(service, operation) });
  // HyperMemory's own quick start speaks MCP here.
  app.post('/v1/mcp/sse', serve(service, API_ROUTES.find(({ url }) => url === '/mcp')?.operation ?? NOWHERE));
  mountInspection(app, service);
  app.setNotFoundHandler(serve(service, NOWHERE));
  app.setErrorHandler(async (error, _request, reply) => {
    const status = error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
    if (status >= 500) process.stderr.write(`keyturn sandbox: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown error'}\n`);
    const message = status >= 500 ? 'The sandbox itself failed; its standard error says why.' : 'The request cannot be read.';
    return reply.code(status).send({ error: { code: 'INTERNAL', message }, detail: message });
  });
  return app;
}

/** Listens, and returns the URL. Throws a `SandboxError` that says what to do about a taken port. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') {
      throw new SandboxError('PORT_IN_USE', `Port ${port} of ${host} is taken by another process, so the sandbox cannot start. Stop that process, or give another --port (0 takes a free one).`, { cause: error });
    }
    throw new SandboxError('CANNOT_LISTEN', `The sandbox cannot listen on ${host}:${port} (${codeOf(error)}). Give a --port that this user may use.`, { cause: error });
  }
}
