import { KeyturnError } from '../core/errors.ts';
import type { Given } from './command.ts';

/** The reason, which some changes want. Throws USAGE. */
export function whyOf(given: Given, what: string, example: string): string {
  const why = (given.text('why') ?? '').trim();
  if (why === '') throw new KeyturnError('USAGE', `${what} wants a --why: whoever finds it must know the reason.`, { todo: `For example --why "${example}".` });
  return why;
}
