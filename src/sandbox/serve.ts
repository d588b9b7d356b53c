import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Account } from './account.ts';
import type { Answer } from './answer.ts';
import { execute, identify, recordFault } from './execute.ts';
import type { AnyOperation, Incoming } from './execute.ts';
import type { Ending, FaultEngine, FaultPlan, FaultTarget } from './faults/engine.ts';

export interface Service {
  readonly account: Account;
  readonly faults: FaultEngine;
  readonly latencyMs: number;
  /** Aborted when the sandbox stops: nothing waits on, and effects that have not landed yet never do. */
  readonly stopping: AbortSignal;
}

/** Makes the handler of one route: waits, faults, the operation, the answer. */
export function serve(service: Service, operation: AnyOperation) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const plan = service.faults.plan(targetOf(service.account, request));
    const incoming = incomingOf(request, plan);
    try {
      await pause(service, service.latencyMs + plan.beforeMs);
      return await finish({ service, operation, incoming, plan, reply });
    } catch (error) {
      if (service.stopping.aborted) return drop(reply);
      throw error;
    }
  };
}

interface Turn {
  readonly service: Service;
  readonly operation: AnyOperation;
  readonly incoming: Incoming;
  readonly plan: FaultPlan;
  readonly reply: FastifyReply;
}

async function finish(turn: Turn): Promise<FastifyReply> {
  const { service, plan, reply } = turn;
  const run = (): Answer => execute(service.account, turn.operation, turn.incoming);
  const { ending } = plan;
  if (ending?.kind === 'drop-before') return drop(reply);
  if (ending?.kind === 'late-effect') {
    drop(reply);
    await pause(service, ending.ms);
    run();
    return reply;
  }
  const answer = ending?.kind === 'status' || ending?.kind === 'html' ? inPlaceOf(turn, ending, run) : run();
  await pause(service, plan.afterMs);
  if (ending?.kind === 'drop-after') return drop(reply);
  if (ending?.kind === 'half-body') return half(reply, answer);
  return send(reply, answer);
}

/** The answer that a fault puts in the place of the service's own, before or (`applied`) after its effect. */
function inPlaceOf({ service, incoming }: Turn, fault: Extract<Ending, { kind: 'status' | 'html' }>, run: () => Answer): Answer {
  const answer = fault.kind === 'html' ? htmlPage(fault.status ?? 502) : faultAnswer(fault);
  if (fault.applied !== true) return recordFault(service.account, incoming, answer);
  run();
  return answer;
}

function faultAnswer(fault: Extract<Ending, { kind: 'status' }>): Answer {
  const message = `The sandbox was told to answer ${fault.status}.`;
  const retryAfter = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
  const body = fault.body ?? { error: { code: 'FAULT', message }, detail: message };
  return { status: fault.status, body, headers: { ...retryAfter, ...fault.headers } };
}

function htmlPage(status: number): Answer {
  const body = `<!doctype html>\n<html><head><title>${status}</title></head><body><h1>Something between you and the API answered ${status}</h1></body></html>\n`;
  return { status, body, headers: { 'content-type': 'text/html; charset=utf-8' } };
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  const { payload, headers } = encoded(answer);
  return reply.code(answer.status).headers(headers).send(payload);
}

/** Closes the connection without an answer. */
function drop(reply: FastifyReply): FastifyReply {
  reply.hijack();
  reply.raw.destroy();
  return reply;
}

/** Promises the whole body, sends half of it and closes the connection. */
function half(reply: FastifyReply, answer: Answer): FastifyReply {
  const { payload, headers } = encoded(answer);
  reply.hijack();
  reply.raw.writeHead(answer.status, { ...headers, 'content-length': String(Buffer.byteLength(payload)) });
  reply.raw.write(Buffer.from(payload).subarray(0, Math.floor(payload.length / 2)), () => reply.raw.destroy());
  return reply;
}

function encoded({ body, headers }: Answer): { payload: string; headers: Record<string, string> } {
  const payload = body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  return { payload, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } };
}

async function pause(service: Service, ms: number): Promise<void> {
  if (ms > 0) await wait(ms, undefined, { signal: service.stopping });
}

function targetOf(account: Account, request: FastifyRequest): FaultTarget {
  const path = pathOf(request);
  const creates = request.method === 'POST' && path === '/v1/api-keys';
  return {
    method: request.method,
    path,
    keyName: identify(account, request.headers.authorization).key?.name,
    creates,
    createdName: creates ? nameIn(textOf(request)) : undefined,
  };
}

function nameIn(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null && 'name' in body && typeof body.name === 'string' ? body.name : undefined;
  } catch {
    return undefined;
  }
}

function incomingOf(request: FastifyRequest, { birth }: FaultPlan): Incoming {
  const graph = request.headers['x-graph-id'];
  return {
    method: request.method,
    path: pathOf(request),
    route: request.routeOptions.url ?? '(nowhere)',
    params: request.params as Record<string, string>,
    query: request.query as Record<string, string>,
    text: textOf(request),
    authorization: request.headers.authorization,
    graphHeader: typeof graph === 'string' ? graph : undefined,
    ip: request.ip,
    userAgent: request.headers['user-agent'] ?? null,
    birth,
  };
}

/** Without the query, which nobody should put secrets into, but some do. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url;
}

function textOf(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body : '';
}
