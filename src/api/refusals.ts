/** What a client is told when a request fails: one JSON form, nothing internal, nothing secret. */
import { z } from 'zod';
import { ERROR_CODES, KeyturnError, type ErrorCode } from '../core/errors.ts';

export interface ErrorAnswer {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly todo: string | null };
}

export interface Refusal {
  readonly status: number;
  readonly body: ErrorAnswer;
  /** True when the worker's log must have the whole story, since the client gets none of it. */
  readonly internal: boolean;
}

/** Turns anything thrown into an answer. `requestId` leads from an INTERNAL answer to its line in the log. */
export function refusalOf(thrown: unknown, requestId: string): Refusal {
  if (thrown instanceof KeyturnError && thrown.code !== 'INTERNAL') {
    return refusal(thrown.code, thrown.message, thrown.todo ?? null, ERROR_CODES[thrown.code].http);
  }
  const status = clientFault(thrown);
  if (status !== null) return refusal('USAGE', faultText(thrown, status), TODOS[status] ?? null, status);
  return {
    ...refusal('INTERNAL', 'Keyturn failed in a way that it does not know; this is a defect.', `Look for request ${requestId} in the worker's log, and report it.`, 500),
    internal: true,
  };
}

function refusal(code: ErrorCode, message: string, todo: string | null, status: number): Refusal {
  return { status, body: { error: { code, message, todo } }, internal: false };
}

/** Fastify's own refusals (body too large, not JSON, wrong content type) carry a 4xx `statusCode`. */
function clientFault(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('statusCode' in thrown) || typeof thrown.statusCode !== 'number') return null;
  return thrown.statusCode >= 400 && thrown.statusCode < 500 ? thrown.statusCode : null;
}

const FAULTS: Readonly<Record<number, string>> = {
  413: 'The body of the request is too large.',
  414: 'The address of the request is too long.',
  415: 'The body of the request is not JSON; send it with content-type application/json.',
};

const TODOS: Readonly<Record<number, string>> = { 413: 'Send it in smaller parts: docs/api.md says how large a body may be.' };

function faultText(thrown: unknown, status: number): string {
  return FAULTS[status] ?? `The request cannot be read: ${thrown instanceof Error ? thrown.message : 'malformed'}.`;
}

/** Validates one part of a request. Throws USAGE that names every wrong field at once, and unknown ones. */
export function parsePart(schema: z.ZodType, part: 'path' | 'query' | 'body', value: unknown): unknown {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => issueText(issue, schema));
  throw new KeyturnError('USAGE', `The ${part} of the request is refused: ${problems.join('; ')}.`, { effect: 'none', todo: 'docs/api.md says what each request takes.' });
}

function issueText(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 && schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    const unknown = issue.keys.map((key) => JSON.stringify([where, key].filter((part) => part !== '').join('.'))).join(', ');
    return `unknown field ${unknown}${known.length === 0 ? '' : `, known are ${known.join(', ')}`}`;
  }
  const said = saidOf(issue);
  return where === '' ? said : `${where}: ${said}`;
}

/** What zod says in its own words, in ours; a schema's own message as it is. */
function saidOf(issue: z.core.$ZodIssue): string {
  if (!/^(Invalid|Too)\b/.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type') return issue.message.endsWith('received undefined') ? 'is missing' : `must be ${TYPES[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}${UNITS[issue.origin] ?? ''}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
  return issue.message.replace(/^Invalid input: /, '');
}

const TYPES: Readonly<Record<string, string>> = { string: 'text', number: 'a number', int: 'a whole number', boolean: 'true or false', array: 'a list', object: 'an object' };
const UNITS: Readonly<Record<string, string>> = { string: ' characters long', array: ' long' };
