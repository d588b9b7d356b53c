import { KeyturnError } from '../core/errors.ts';
import type { Given } from './command.ts';

/** The --reason, which some changes want. `what` is the change, as in `A pause`. Throws USAGE without one. */
export function requiredReason(given: Given, what: string, example: string): string {
  const reason = (given.text('reason') ?? '').trim();
  if (reason === '') throw new KeyturnError('USAGE', `${what} wants a --reason: whoever finds it must know why.`, { todo: `For example --reason "${example}".` });
  return reason;
}
