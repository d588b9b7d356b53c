import type { Plan } from './plans.ts';

/** An HTTP answer as data. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by an operation that answers with an error; nothing has been changed by then. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`Refused with ${answer.status}: ${JSON.stringify(answer.body)}`);
    this.answer = answer;
  }
}

export function ok(body: unknown, status = 200): Answer {
  return { status, body };
}

/** An error in the documented shape: `error.code` for programs, `detail` for the public SDK. */
function problem(status: number, code: string, message: string, more: { error?: object; top?: object; headers?: Record<string, string> } = {}): Answer {
  const body = { error: { code, message, ...more.error }, detail: message, ...more.top };
  return { status, body, ...(more.headers && { headers: more.headers }) };
}

export function unauthorized(): Answer {
  return problem(401, 'UNAUTHORIZED', 'Invalid or missing API key.', { headers: { 'www-authenticate': 'Bearer' } });
}

export function forbidden(requiredScope: string, keyScopes: readonly string[]): Answer {
  return problem(403, 'FORBIDDEN', `This needs the scope ${requiredScope}.`, { error: { required_scope: requiredScope, key_scopes: keyScopes } });
}

export function wrongGraph(graph: string, keyScopes: readonly string[]): Answer {
  return problem(403, 'FORBIDDEN', `This key is bound to another graph than ${graph}.`, { error: { required_scope: `graph:${graph}`, key_scopes: keyScopes } });
}

export function keyLimitReached(plan: Plan, limit: number, current: number): Answer {
  const message = `The ${plan} plan allows ${limit} active API key(s). Revoke one, or upgrade in Settings → Billing → Upgrade Plan.`;
  return problem(403, 'KEY_LIMIT_REACHED', message, { error: { limit, current }, top: { plan } });
}

export function quotaExceeded(plan: Plan, what: string, limit: number, current: number, resetsAt: string | null): Answer {
  return problem(403, 'QUOTA_EXCEEDED', `The ${plan} plan's quota of ${limit} ${what} is used up.`, { error: { limit, current, resets_at: resetsAt }, top: { plan } });
}

export function rateLimited(retryAfterSeconds: number): Answer {
  const message = `Rate limit exceeded. Try again in ${retryAfterSeconds} s.`;
  return problem(429, 'RATE_LIMITED', message, { top: { retry_after: retryAfterSeconds }, headers: { 'retry-after': String(retryAfterSeconds) } });
}

export function badRequest(detail: string): Answer {
  return problem(400, 'BAD_REQUEST', detail);
}

export function invalid(detail: string): Answer {
  return problem(422, 'VALIDATION_ERROR', detail);
}

export function notFound(detail: string): Answer {
  return problem(404, 'NOT_FOUND', detail);
}

export function methodNotAllowed(allow: string): Answer {
  return problem(405, 'METHOD_NOT_ALLOWED', `Only ${allow} is answered here.`, { headers: { allow } });
}
