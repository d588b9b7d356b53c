/** What is wrong with a configuration, as people read it. */
import { closest, distance } from 'fastest-levenshtein';
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import type { Source } from './source.ts';
import { shown, type Path } from './tree.ts';

export interface Problem {
  readonly path: Path;
  /** What is wrong, then in brackets what was expected. Never a value of a field that holds secrets. */
  readonly message: string;
  /** Points at the name of the field instead of its value. */
  readonly atKey?: boolean;
  /** Where in the text, when it is known better than by the path. */
  readonly offset?: number;
}

/** A configuration that cannot be used, with everything that is wrong with it. */
export class ConfigError extends KeyturnError {
  /** `file:line:column: path: what is wrong (expected …)`, in order of the file. */
  readonly problems: readonly string[];

  constructor(file: string, problems: readonly string[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super('CONFIG_INVALID', `The configuration ${file} has ${count} and is not used:\n${problems.map((line) => `  ${line}`).join('\n')}`, { effect: 'none' });
    this.problems = problems;
  }
}

/** One line each, in order of the file, without repetition and without any secret that the file held. */
export function linesOf(source: Source, problems: readonly Problem[]): readonly string[] {
  const placed = problems.map((problem) => ({ problem, ...source.position(problem) }));
  placed.sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = placed.map(({ problem, line, column }) => {
    const path = shown(problem.path);
    return scrub(`${source.file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${problem.message}`);
  });
  return [...new Set(lines)];
}

/** `, did you mean "x"?` when one of the known names is near; else empty. */
export function suggestion(written: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const near = closest(written.toLowerCase(), known);
  return distance(written.toLowerCase(), near.toLowerCase()) <= Math.max(2, Math.floor(written.length / 3)) ? `, did you mean "${near}"?` : '';
}

export function oneOf(known: readonly string[]): string {
  return known.length === 1 ? `(expected ${known[0]})` : `(expected one of: ${known.join(', ')})`;
}
