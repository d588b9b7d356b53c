/** Errors as plain data for a log line. */
import { describeError, KeyturnError } from '../core/errors.ts';

const MAX_DEPTH = 6;

interface LoggedError {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  /** Only of defects: errors thrown on purpose say all in their sentence. */
  readonly stack?: string;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** Name, code, sentence and causes; a stack only where somebody has to mend code. */
export function loggedError(error: Error, depth = 0): LoggedError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const expected = error instanceof KeyturnError && error.code !== 'INTERNAL';
  const stack = expected || depth > 0 ? undefined : error.stack;
  return {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    message: describeError(error),
    ...(stack === undefined ? {} : { stack }),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: error.errors.slice(0, 5).map((inner: unknown) => plain(inner, depth + 1)) } : {}),
  };
}

/** The fields of a log line with every error in them made plain, wherever it sits. */
export function loggable(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value, 0)]));
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return loggedError(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item, depth + 1));
  if (value instanceof Map) return plain(Object.fromEntries(value), depth);
  if (value instanceof Set) return plain([...value], depth);
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner, depth + 1)]));
}
