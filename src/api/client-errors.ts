/** What the client says when a worker refuses, answers nonsense, or does not answer. */
import { ERROR_CODES, KeyturnError, type ErrorCode } from '../core/errors.ts';
import type { Place } from './client.ts';

/** The place for people; an address never carries its token. */
export function shownPlace(place: Place): string {
  return 'url' in place ? place.url : place.socketPath;
}

/** The JSON of a good answer. Throws the KeyturnError that the worker answered, or WORKER_UNREACHABLE for what is no worker. */
export function answerOf(place: Place, status: number, text: string): unknown {
  const parsed = parse(text);
  if (isGood(status) && parsed !== undefined) return parsed;
  throw refusalIn(place, status, parsed);
}

/** A good answer that is a text. Throws like `answerOf`. */
export function textAnswerOf(place: Place, status: number, text: string): string {
  if (isGood(status)) return text;
  throw refusalIn(place, status, parse(text));
}

const isGood = (status: number): boolean => status >= 200 && status < 300;

function refusalIn(place: Place, status: number, parsed: unknown): KeyturnError {
  const told = errorIn(parsed);
  if (told !== null) return new KeyturnError(told.code, told.message, { ...(told.todo === null ? {} : { todo: told.todo }), effect: 'none' });
  return new KeyturnError('WORKER_UNREACHABLE', `What answers at ${shownPlace(place)} is no Keyturn worker (HTTP ${status}).`, { todo: 'Check the address, and any proxy in between.' });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorIn(parsed: unknown): { readonly code: ErrorCode; readonly message: string; readonly todo: string | null } | null {
  if (typeof parsed !== 'object' || parsed === null || !('error' in parsed)) return null;
  const error: unknown = parsed.error;
  if (typeof error !== 'object' || error === null || !('message' in error) || typeof error.message !== 'string') return null;
  const code = 'code' in error && typeof error.code === 'string' && Object.hasOwn(ERROR_CODES, error.code) ? (error.code as ErrorCode) : 'INTERNAL';
  return { code, message: error.message, todo: 'todo' in error && typeof error.todo === 'string' ? error.todo : null };
}

const NOBODY = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK']);

/** Why no answer came. A change whose answer was lost may have happened: say so, rather than inviting a blind retry. */
export function unreachable(place: Place, error: unknown, signal: AbortSignal): KeyturnError {
  const where = shownPlace(place);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
  if (NOBODY.has(code)) {
    return new KeyturnError('WORKER_UNREACHABLE', `No worker answers at ${where}.`, { todo: 'Start one with `keyturn up`, or say where it listens with --socket or --url.', cause: error, effect: 'none' });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new KeyturnError('WORKER_UNREACHABLE', `This user may not talk to the worker at ${where}.`, { todo: 'Run the command as the user the worker runs as.', cause: error, effect: 'none' });
  }
  const timedOut = signal.aborted && signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return new KeyturnError('WORKER_UNREACHABLE', `The worker at ${where} gave no answer (${timedOut ? 'timeout' : code}); what was asked may or may not have happened.`, { todo: 'See `keyturn status` before asking again.', cause: error });
}
