/** Before the schema sees it: `${…}` in plain text becomes its value, paths become absolute, secrets stay references. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fieldsMarked } from './json-schema.ts';
import { conceal, leakMessage, leaksIn } from './leaks.ts';
import type { Problem } from './problems.ts';
import { parseReference } from './schema/leaves.ts';
import { entries, fits, type Path } from './tree.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Directory of the configuration file. */
  readonly directory: string;
}

export interface Expanded {
  readonly tree: unknown;
  readonly problems: readonly Problem[];
}

const DEEPEST = 30;
const IGNORED = /^x-/;
const ANY_REFERENCE = /\$?\$\{([^}]*)\}/g;

/** Expands the tree of a file. Problems name what did not resolve; the value is then left as it was. */
export function expand(tree: unknown, around: Surroundings): Expanded {
  const problems: Problem[] = [];
  const marks = { only: fieldsMarked('x-reference', 'only'), whole: fieldsMarked('x-reference', 'whole'), paths: fieldsMarked('x-path', true) };

  function visit(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return expandText(value, path);
    if (typeof value !== 'object' || value === null) return value;
    if (path.length > DEEPEST) {
      problems.push({ path: path.slice(0, 3), message: 'is nested too deeply (expected no anchor that contains itself)' });
      return null;
    }
    const inner = entries(value).filter(([key]) => path.length > 0 || !IGNORED.test(String(key)));
    const visited = inner.map(([key, item]) => [key, visit(item, [...path, key])] as const);
    return Array.isArray(value) ? visited.map(([, item]) => item) : Object.fromEntries(visited);
  }

  function expandText(text: string, path: Path): string {
    if (is(path, marks.only) || is(path, marks.whole)) return kept(text, is(path, marks.only), around.directory);
    const expanded = text.replaceAll(ANY_REFERENCE, (whole) => {
      if (whole.startsWith('$$')) return whole.slice(1);
      const looked = lookUp(whole, around);
      if ('value' in looked) return looked.value;
      problems.push({ path, message: looked.problem });
      return whole;
    });
    if (expanded !== text) problems.push(...leaksIn(expanded).map(({ what }) => ({ path, message: leakMessage(what) })));
    return is(path, marks.paths) && expanded !== '' ? resolve(around.directory, expanded) : expanded;
  }

  return { tree: visit(tree, []), problems };
}

function is(path: Path, patterns: readonly Path[]): boolean {
  return patterns.some((pattern) => fits(path, pattern));
}

/** A reference with its file made absolute. What ought to be one and is not may be a secret: no message may show it. */
function kept(text: string, only: boolean, directory: string): string {
  const ref = parseReference(text);
  if (ref === null && only && text !== '') conceal(text);
  return ref?.from === 'file' ? `\${file:${resolve(directory, ref.name)}}` : text;
}

function lookUp(written: string, around: Surroundings): { readonly value: string } | { readonly problem: string } {
  const ref = parseReference(written);
  if (ref === null) return { problem: `${written} is no reference (expected \${env:NAME} or \${file:/path}; write $\${ for a plain \${)` };
  if (ref.from === 'file') return readPlain(resolve(around.directory, ref.name));
  const value = around.env[ref.name];
  return value === undefined || value === '' ? { problem: `the environment variable ${ref.name} is not set (expected it in the environment of Keyturn)` } : { value };
}

function readPlain(file: string): { readonly value: string } | { readonly problem: string } {
  try {
    return { value: readFileSync(file, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return { problem: `the file ${file} cannot be read: ${code} (expected it readable by Keyturn)` };
  }
}
