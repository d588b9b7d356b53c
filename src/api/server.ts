/** One HTTP server over the route table, for one door. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import type { Log } from '../ports/log.ts';
import type { AnswerApproval } from '../app/approvals.ts';
import { APPROVE_PATH, registerApprovals } from './approvals.ts';
import { admitted, recordedActor, type Door } from './caller.ts';
import { EVENTS_PATH, registerIssuerEvents, type TakeIssuerEvent } from './issuer-events.ts';
import { LEAKS_PATH, registerLeaks, type TakeLeaks } from './leaks.ts';
import { PUSH_PATH, registerPush, type PushUsage } from './push.ts';
import { parsePart, refusalOf } from './refusals.ts';
import { ROUTES } from './routes.ts';
import type { Answer, Backend, Route } from './route.ts';

/** The largest body that any change needs, with room to spare, bytes. */
const BODY_LIMIT = 64 * 1024;
/** Requests whose handlers want a token or signature of their own. */
const OWN_GUARD: ReadonlySet<string> = new Set([...[PUSH_PATH, EVENTS_PATH, LEAKS_PATH].map((path) => `POST ${path}`), ...['GET', 'HEAD', 'POST'].map((method) => `${method} ${APPROVE_PATH}`)]);
/** Long enough for `doctor` over many stores; a client that trickles its request is cut earlier. */
const REQUEST_TIMEOUT_MS = 30_000;
const TYPES: Readonly<Record<Answer['type'], string>> = {
  json: 'application/json; charset=utf-8',
  metrics: 'text/plain; version=0.0.4; charset=utf-8',
  markdown: 'text/markdown; charset=utf-8',
  html: 'text/html; charset=utf-8',
};

/** A page brings its styles with it, and nothing else is run, loaded or framed. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export interface ServerOptions {
  readonly backend: Backend;
  readonly door: Door;
  /** Where usage that is pushed goes; absent: nothing can be pushed. */
  readonly pushUsage?: PushUsage | undefined;
  /** Where events of issuers go; absent: none are taken. */
  readonly takeIssuerEvent?: TakeIssuerEvent | undefined;
  /** Where reports of leaked keys go; absent: none are taken. */
  readonly takeLeaks?: TakeLeaks | undefined;
  /** Where people decide by link; absent: there are no links. */
  readonly answerApproval?: AnswerApproval | undefined;
  readonly log: Log;
  readonly version: string;
  /** Aborted when the API closes: ends long polls. */
  readonly closing: AbortSignal;
}

/** Builds the server; it listens nowhere yet. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    logger: false,
    genReqId: () => crypto.randomUUID(),
  });
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('keyturn-version', options.version).header('cache-control', 'no-store');
    const path = request.routeOptions.url ?? '';
    const guarded = OWN_GUARD.has(`${request.method} ${path}`);
    if (!guarded && !admitted(options.door, path, request.headers.authorization)) throw unauthenticated();
  });
  app.addHook('onSend', async (_request, _reply, payload) => (typeof payload === 'string' ? scrub(payload) : payload));
  app.setErrorHandler((error, request, reply) => refuse(options.log, error, request, reply));
  app.setNotFoundHandler((request, reply) => refuse(options.log, unknownRoute(request), request, reply));
  for (const route of ROUTES) app.route({ method: route.method, url: route.path, handler: (request, reply) => serve(options, route, request, reply) });
  if (options.pushUsage !== undefined) registerPush(app, options.pushUsage, options.door);
  if (options.takeIssuerEvent !== undefined) registerIssuerEvents(app, options.takeIssuerEvent, options.door);
  if (options.takeLeaks !== undefined) registerLeaks(app, options.takeLeaks, options.door);
  // Over the socket there are no browsers, and whoever may use it may decide without a link.
  if (options.answerApproval !== undefined && options.door.kind === 'tcp') registerApprovals(app, options.answerApproval);
  return app;
}

async function serve(options: ServerOptions, route: Route, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const body = parsePart(route.body, 'body', request.body);
  const answer = await route.run({
    backend: options.backend,
    params: parsePart(route.params, 'path', request.params),
    query: parsePart(route.query, 'query', request.query),
    body,
    actor: recordedActor(options.door, (body as { actor?: { who?: string; why: string } }).actor ?? { why: '' }),
    signal: AbortSignal.any([options.closing, goneSignal(reply)]),
  });
  if (answer.type === 'html') void reply.header('content-security-policy', PAGE_POLICY).header('x-content-type-options', 'nosniff');
  return reply.code(answer.status).type(TYPES[answer.type]).send(answer.type === 'json' ? JSON.stringify(answer.body) : answer.body);
}

/** Aborted when the client hangs up before it got its answer. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

function refuse(log: Log, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body, internal } = refusalOf(thrown, request.id);
  if (internal) log.error({ err: thrown, requestId: request.id, method: request.method, path: request.routeOptions.url }, 'A request to the control API failed.');
  if (body.error.code === 'UNAUTHENTICATED') void reply.header('www-authenticate', 'Bearer realm="keyturn"');
  return reply.code(status).type(TYPES.json).send(JSON.stringify(body));
}

function unauthenticated(): KeyturnError {
  return new KeyturnError('UNAUTHENTICATED', 'The control API wants its token, and none or a wrong one was given.', {
    todo: 'Send it as `Authorization: Bearer <token>`; the CLI takes it from $KEYTURN_TOKEN.', effect: 'none',
  });
}

function unknownRoute(request: FastifyRequest): KeyturnError {
  const path = request.url.split('?', 1)[0] ?? '';
  return new KeyturnError('UNKNOWN_NAME', `The control API has no ${request.method} ${path.slice(0, 200)}.`, { todo: 'See docs/api.md for what it has.', effect: 'none' });
}
