import { graphOf } from './account.ts';
import type { Account, Birth } from './account.ts';
import { badRequest, forbidden, quotaExceeded, rateLimited, Refusal, unauthorized, wrongGraph } from './answer.ts';
import type { Answer } from './answer.ts';
import { prefixOf, sha256 } from './key-forms.ts';
import { GENERATIONS, grants } from './plans.ts';
import type { Right } from './plans.ts';
import { transaction } from './tables/database.ts';
import type { KeyRow } from './tables/keys.ts';

/** One HTTP request, before anybody looked at it. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  /** The pattern that it matched, `/v1/api-keys/:id`. */
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** The body as it came; JSON is expected. */
  readonly text: string;
  readonly authorization: string | undefined;
  readonly graphHeader: string | undefined;
  readonly ip: string;
  readonly userAgent: string | null;
  readonly birth: Birth;
}

/** A request of an authenticated key. */
export interface Call extends Incoming {
  readonly account: Account;
  readonly key: KeyRow;
  readonly graph: string;
  /** The parsed body; `{}` when it was empty. */
  readonly body: unknown;
  readonly now: number;
}

/** One operation of the API: the right it needs, and what it does. It changes nothing when it refuses. */
export interface Operation {
  /** Null: any valid key. */
  readonly needs: Right | null;
  /** A memory call, which may count against the monthly quota. */
  readonly memory?: boolean;
  run(call: Call): Answer;
}

/** An operation, or how to tell from the call which one it is (MCP names it in the body). */
export type AnyOperation = Operation | ((call: Call) => Operation);

interface Identity {
  /** The key whose value was shown, whether or not it works. */
  readonly key: KeyRow | undefined;
  readonly works: boolean;
  readonly prefix: string | null;
}

/** Answers one request as one transaction: who is it, may it, the effect, the audit event and the counters. */
export function execute(account: Account, operation: AnyOperation, incoming: Incoming): Answer {
  return transaction(account.db, () => {
    const identity = identify(account, incoming.authorization);
    if (!identity.works || !identity.key) return recorded(account, incoming, identity, unauthorized(), 0);
    const { key } = identity;
    const { requestsPerWindow, windowMs } = account.limits();
    const rate = account.rates.count(key.id, account.now(), requestsPerWindow, windowMs);
    const outcome = rate.allowed ? attempt(account, operation, incoming, key) : { answer: rateLimited(rate.retryAfterSeconds), queries: 0 };
    const answer = { ...outcome.answer, headers: { ...rate.headers, ...outcome.answer.headers } };
    return recorded(account, incoming, identity, answer, outcome.queries);
  });
}

/** Records a request that a fault answered in the service's place. */
export function recordFault(account: Account, incoming: Incoming, answer: Answer): Answer {
  return transaction(account.db, () => recorded(account, incoming, identify(account, incoming.authorization), answer, 0));
}

/** Finds the key of an `Authorization: Bearer <key>` header: exact case, one space. */
export function identify(account: Account, authorization: string | undefined): Identity {
  const value = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
  if (value === undefined) return { key: undefined, works: false, prefix: null };
  const key = account.keys.bySha256(sha256(value));
  const works = key !== undefined && key.revokedAt === null && key.activeAt <= account.now();
  return { key, works, prefix: prefixOf(value) };
}

function attempt(account: Account, operation: AnyOperation, incoming: Incoming, key: KeyRow): { answer: Answer; queries: number } {
  try {
    const graph = graphOf(key, incoming.graphHeader);
    if (graph === undefined) return { answer: wrongGraph(incoming.graphHeader ?? '', key.scopes), queries: 0 };
    const call = { ...incoming, account, key, graph, body: parsedBody(incoming.text), now: account.now() };
    const actual = typeof operation === 'function' ? operation(call) : operation;
    const { needs } = actual;
    if (needs !== null && !grants(account.generation, key.scopes, needs)) {
      return { answer: forbidden(GENERATIONS[account.generation].requiredScope[needs], key.scopes), queries: 0 };
    }
    const queries = actual.memory === true ? costOf(account, needs) : 0;
    if (queries > 0) refuseBeyondQuota(account, call.now);
    return { answer: actual.run(call), queries };
  } catch (error) {
    if (error instanceof Refusal) return { answer: error.answer, queries: 0 };
    throw error;
  }
}

function refuseBeyondQuota(account: Account, now: number): void {
  const limit = account.limits().queries;
  if (limit === null) return;
  const period = billingPeriod(now);
  const current = account.usage.queriesSince(period.start);
  if (current >= limit) throw new Refusal(quotaExceeded(account.plan(), 'queries a month', limit, current, new Date(period.end).toISOString()));
}

function costOf(account: Account, right: Right | null): number {
  return right !== null && GENERATIONS[account.generation].countsAgainstQuota.includes(right) ? 1 : 0;
}

/** The calendar month (UTC) around `now`, epoch milliseconds; `end` is the first instant after it. */
export function billingPeriod(now: number): { readonly start: number; readonly end: number } {
  const date = new Date(now);
  const month = (offset: number): number => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1);
  return { start: month(0), end: month(1) };
}

function parsedBody(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message quotes the body, which may hold a value.
    throw new Refusal(badRequest('The body is not valid JSON.'));
  }
}

const LONGEST_USER_AGENT = 200;

function recorded(account: Account, incoming: Incoming, identity: Identity, answer: Answer, queries: number): Answer {
  const { key, works, prefix } = identity;
  const at = account.now();
  const failed = answer.status >= 400;
  const { method, path, route, ip } = incoming;
  account.events.add({
    type: !works && answer.status === 401 ? 'auth.failed' : failed ? 'request.failed' : 'request.succeeded',
    keyId: key?.id ?? null,
    keyPrefix: prefix,
    at,
    ip,
    userAgent: incoming.userAgent?.slice(0, LONGEST_USER_AGENT) ?? null,
    method,
    path,
    status: answer.status,
  });
  account.usage.count({ keyId: key?.id ?? '', method, route, status: answer.status });
  account.usage.addToHour(at, queries, account.nodes.countAll());
  if (key && works) account.keys.used(key.id, at, failed);
  if (key && key.revokedAt !== null) account.keys.refusedAfterRevocation(key.id, at);
  return answer;
}
