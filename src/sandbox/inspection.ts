import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { mintKey, revokeKey } from './account.ts';
import type { Account } from './account.ts';
import { badRequest, notFound, ok, Refusal } from './answer.ts';
import type { Answer } from './answer.ts';
import { SandboxError } from './errors.ts';
import type { FaultStatus } from './faults/engine.ts';
import { parseFaults } from './faults/schema.ts';
import { newKeySchema, refuseUnknownScopes, refuseWithoutSlot } from './operations/api-keys.ts';
import { iso, read } from './operations/body.ts';
import { PLANS } from './plans.ts';
import type { Generation, Plan } from './plans.ts';
import type { Service } from './serve.ts';
import { transaction } from './tables/database.ts';
import type { KeyOrigin, KeyRow } from './tables/keys.ts';
import type { CounterRow } from './tables/usage.ts';

/** The life of one key, as `GET /__sandbox/keys` shows it. Instants are ISO 8601. */
export interface KeyLife {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  /** Of the value, in hexadecimal, so that a test can match a value that it holds. */
  readonly sha256: string;
  readonly scopes: readonly string[];
  readonly graph_id: string | null;
  readonly origin: KeyOrigin;
  readonly status: 'active' | 'revoked';
  readonly created_at: string;
  readonly first_used_at: string | null;
  readonly last_used_at: string | null;
  readonly revoked_at: string | null;
  /** Authenticated requests, and those of them that were answered with 400 or more. */
  readonly requests: number;
  readonly failures: number;
  readonly requests_after_revocation: number;
  readonly last_request_after_revocation_at: string | null;
}

/** What the sandbox saw. */
export interface Inspection {
  readonly plan: Plan;
  readonly generation: Generation;
  /** Every key ever minted, in order of creation. */
  readonly keys: readonly KeyLife[];
}

/** Counters of one key, or of all requests. */
export interface RequestSummary {
  readonly key_id: string | null;
  readonly total: number;
  readonly failures: number;
  readonly by_status: Readonly<Record<string, number>>;
  /** By `METHOD /route`. */
  readonly by_route: Readonly<Record<string, number>>;
}

/** A key for a person to hold, minted outside the API. */
export interface PersonsKey {
  readonly name: string;
  /** Of the generation that the sandbox speaks. */
  readonly scopes: readonly string[];
  readonly graph_id?: string | null;
  /** Mint it although the plan's key limit is reached. */
  readonly ignore_limit?: boolean;
}

export function inspect(account: Account): Inspection {
  return { plan: account.plan(), generation: account.generation, keys: account.keys.all().map(lifeOf) };
}

export function summarize(account: Account, keyId: string | undefined): RequestSummary {
  const rows = account.usage.counters(keyId);
  return {
    key_id: keyId ?? null,
    total: sum(rows),
    failures: sum(rows.filter((row) => row.status >= 400)),
    by_status: sums(rows, (row) => String(row.status)),
    by_route: sums(rows, (row) => `${row.method} ${row.route}`),
  };
}

/** Mints a key as a person would in the dashboard. Throws a `Refusal` for unknown scopes or a reached limit. */
export function mintForPerson(account: Account, input: unknown): KeyLife & { readonly key: string } {
  const wish = read(newKeySchema.extend({ ignore_limit: z.boolean().default(false) }), input);
  refuseUnknownScopes(account, wish.scopes);
  if (!wish.ignore_limit) refuseWithoutSlot(account);
  const { row, value } = transaction(account.db, () =>
    mintKey(account, { name: wish.name, scopes: wish.scopes, graphId: wish.graph_id ?? null, origin: 'person' }),
  );
  return { ...lifeOf(row), key: value };
}

/** Mounts `/__sandbox/*`: no authentication, so only this machine is answered. */
export function mountInspection(app: FastifyInstance, { account, faults }: Service): void {
  const route = (method: 'GET' | 'POST' | 'DELETE', url: string, answer: (request: Parameters<typeof bodyOf>[0]) => Answer): void => {
    app.route({
      method,
      url: `/__sandbox${url}`,
      handler: (request, reply) => (isLoopback(request.ip) ? respond(reply, () => answer(request)) : reply.code(403).send({ detail: 'The inspection API answers only to its own machine.' })),
    });
  };
  route('GET', '/keys', () => ok(inspect(account)));
  route('POST', '/keys', (request) => ok(mintForPerson(account, bodyOf(request)), 201));
  route('DELETE', '/keys/:id', (request) => revokedByPerson(account, idOf(request.params)));
  route('GET', '/requests', (request) => ok(summarize(account, read(keyQuery, request.query).key_id)));
  route('GET', '/faults', () => ok({ faults: faults.status() }));
  route('POST', '/faults', (request) => {
    faults.set(parseFaults(bodyOf(request), 'the posted rules'));
    return ok({ faults: faults.status() });
  });
  route('POST', '/plan', (request) => {
    account.setPlan(read(planBody, bodyOf(request)).plan);
    return ok({ plan: account.plan() });
  });
}

/** What `GET /__sandbox/faults` answers. */
export interface FaultReport {
  readonly faults: readonly FaultStatus[];
}

const keyQuery = z.object({ key_id: z.string().optional() });
const planBody = z.object({ plan: z.enum(Object.keys(PLANS) as [Plan, ...Plan[]]) });

function respond(reply: FastifyReply, answer: () => Answer): FastifyReply {
  const { status, body } = settled(answer);
  return reply.code(status).send(body);
}

function settled(answer: () => Answer): Answer {
  try {
    return answer();
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    if (error instanceof SandboxError) return { status: 422, body: { detail: error.message } };
    throw error;
  }
}

function bodyOf(request: { readonly body: unknown; readonly params: unknown; readonly query: unknown }): unknown {
  try {
    return JSON.parse(typeof request.body === 'string' ? request.body : '');
  } catch {
    throw new Refusal(badRequest('The body is not valid JSON.'));
  }
}

function idOf(params: unknown): string {
  return z.object({ id: z.string() }).parse(params).id;
}

function revokedByPerson(account: Account, id: string): Answer {
  return transaction(account.db, () => (revokeKey(account, id) ? ok({ id, status: 'revoked' }) : notFound('No active key has this id.')));
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || /^(::ffff:)?127\./.test(ip);
}

function lifeOf(row: KeyRow): KeyLife {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    sha256: row.sha256,
    scopes: row.scopes,
    graph_id: row.graphId,
    origin: row.origin,
    status: row.revokedAt === null ? 'active' : 'revoked',
    created_at: new Date(row.createdAt).toISOString(),
    first_used_at: iso(row.firstUsedAt),
    last_used_at: iso(row.lastUsedAt),
    revoked_at: iso(row.revokedAt),
    requests: row.requests,
    failures: row.failures,
    requests_after_revocation: row.refused,
    last_request_after_revocation_at: iso(row.lastRefusedAt),
  };
}

function sum(rows: readonly CounterRow[]): number {
  return rows.reduce((total, row) => total + row.count, 0);
}

function sums(rows: readonly CounterRow[], label: (row: CounterRow) => string): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(rows, label)].map(([name, group]) => [name, sum(group)]));
}
