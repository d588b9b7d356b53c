/** What an answer is measured against. */
import { KeyturnError } from '../../core/errors.ts';

export interface StatusExpectation {
  readonly said: string;
  matches(status: number): boolean;
}

export function statusExpectation(expected: number | readonly number[] | undefined): StatusExpectation {
  if (expected === undefined) return { said: '200 to 299', matches: (status) => status >= 200 && status <= 299 };
  const list = typeof expected === 'number' ? [expected] : expected;
  return { said: list.join(' or '), matches: (status) => list.includes(status) };
}

export type BodyExpectation = { readonly part: string } | { readonly pattern: RegExp };

/** Text between slashes, with optional flags, is a regular expression; anything else a part of the body. Throws CONFIG_INVALID. */
export function bodyExpectation(expected: string, check: string): BodyExpectation {
  const found = /^\/(.+)\/([a-z]*)$/s.exec(expected);
  if (found === null) return { part: expected };
  try {
    return { pattern: new RegExp(found[1] ?? '', (found[2] ?? '').replaceAll(/[gy]/g, '')) };
  } catch (error) {
    throw new KeyturnError('CONFIG_INVALID', `expectBody of check ${check} is no regular expression.`, { cause: error, todo: 'Mend it, or give plain text without slashes around it.', effect: 'none' });
  }
}

export function holds(expectation: BodyExpectation, body: string): boolean {
  return 'part' in expectation ? body.includes(expectation.part) : expectation.pattern.test(body);
}
