/** From zod's issues to problems that people understand. */
import type { z } from 'zod';
import { schemaAt } from './json-schema.ts';
import { oneOf, suggestion, type Problem } from './problems.ts';
import { valueAt, type Path } from './tree.ts';

type Issue = z.core.$ZodIssue;

const KINDS: Readonly<Record<string, string>> = {
  object: 'a mapping of keys to values',
  record: 'a mapping of names to values',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** Problems of one issue; unknown keys become one each. */
export function problemsOf(issue: Issue, tree: unknown): readonly Problem[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, path, tree));
  if (issue.code === 'invalid_key') return [{ path, atKey: true, message: issue.issues[0]?.message ?? issue.message }];
  const within = withinBranch(issue);
  if (within !== null) return within.flatMap((inner) => problemsOf(inner, tree));
  const message = messageOf(issue, path, tree);
  if (valueAt(tree, path) !== undefined) return [{ path, message }];
  const expected = /\(expected .*\)$/.exec(message)?.[0] ?? '';
  return [{ path, atKey: true, message: `is missing ${expected}`.trimEnd() }];
}

/** Of a value that has the shape of one branch of a union, what is wrong inside; null where it has the shape of none. */
function withinBranch(issue: Issue): readonly Issue[] | null {
  if (issue.code !== 'invalid_union') return null;
  const branch = issue.errors.find((inner) => inner.length > 0 && inner.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'));
  return branch?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? null;
}

function unknownKey(key: string, path: Path, tree: unknown): Problem {
  const known = Object.keys(schemaAt(path, tree)?.properties ?? {});
  const near = suggestion(key, known);
  return { path: [...path, key], atKey: true, message: `is no known key${near === '' ? ` ${oneOf(known)}` : near}` };
}

function messageOf(issue: Issue, path: Path, tree: unknown): string {
  if (issue.code === 'invalid_union' && 'options' in issue && issue.options !== undefined) return choice(path, tree, issue.options.map(String));
  if (issue.code === 'invalid_value' && !issue.message.includes('(expected')) return choice(path, tree, issue.values.map(String));
  if (issue.code === 'invalid_type' && !issue.message.includes('(expected')) {
    const kind = KINDS[issue.expected] ?? issue.expected;
    return `is not ${kind} (expected ${kind})`;
  }
  return issue.message;
}

function choice(path: Path, tree: unknown, known: readonly string[]): string {
  const written = valueAt(tree, path);
  return typeof written === 'string' ? `"${written}" is not known here${suggestion(written, known)} ${oneOf(known)}` : `is not known here ${oneOf(known)}`;
}
