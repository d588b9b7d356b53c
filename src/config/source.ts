/** A YAML file: its tree, its syntax errors, and where in the text each path is. */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node, type Pair, type YAMLError, type YAMLMap } from 'yaml';
import type { Problem } from './problems.ts';
import type { Path } from './tree.ts';

export interface Source {
  readonly file: string;
  readonly text: string;
  /** What the file says, with aliases and merge keys resolved; null when it cannot be read. */
  readonly tree: unknown;
  readonly syntax: readonly Problem[];
  position(problem: Pick<Problem, 'path' | 'atKey' | 'offset'>): { readonly line: number; readonly column: number };
  /** The path of the value that covers this offset; empty when it is in none (a comment). */
  pathAt(offset: number): Path;
}

export function readSource(file: string, text: string): Source {
  const lines = new LineCounter();
  // The parser's own look for keys that stand twice compares each with all before it: minutes for a hundred thousand credentials.
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, uniqueKeys: false });
  const repeated = repeatedKeys(document);
  const faults = [...syntaxProblems([...document.errors, ...document.warnings], text, lines), ...repeated];
  const { tree, problems } = repeated.length > 0 ? NOTHING : plain(document);
  return {
    file,
    text,
    tree,
    syntax: [...faults, ...problems],
    position(problem) {
      const offset = problem.offset ?? offsetOf(document, problem.path, problem.atKey === true);
      const { line, col } = lines.linePos(offset);
      return { line: Math.max(1, line), column: Math.max(1, col) };
    },
    pathAt: (offset) => pathAt(document, offset),
  };
}

/** One a line, and not each further word that the parser finds unexpected after an error: only the first tells anything. */
function syntaxProblems(errors: readonly YAMLError[], text: string, lines: LineCounter): readonly Problem[] {
  const told = new Set<number>();
  const telling = errors.filter(({ message, pos: [offset] }, n) => {
    const { line } = lines.linePos(offset);
    const repeated = told.has(line) || (n > 0 && UNEXPECTED.test(message));
    told.add(line);
    return !repeated;
  });
  return telling.map(({ message, pos: [offset] }) => ({ path: [], offset, message: `${syntaxMessage(message)}${hint(text, offset)}` }));
}

const UNEXPECTED = /token in YAML stream/;

/** Without the text that the parser quotes: it may be a secret. */
function syntaxMessage(message: string): string {
  return `YAML: ${message.replace(/: ".*$/s, '')}`;
}

const NOTHING = { tree: null, problems: [] } as const;

function repeatedKeys(document: Document): readonly Problem[] {
  const found: Problem[] = [];
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) found.push({ path: [], offset: key.range?.[0] ?? 0, message: 'this key is written twice (expected each key once)' });
        seen.add(key.value);
      }
    },
  });
  return found;
}

/** What people trip over: `{` begins a mapping within braces. */
function hint(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const line = text.slice(start, text.indexOf('\n', start) === -1 ? undefined : text.indexOf('\n', start));
  return /[{[].*[:,[]\s*\$\{/.test(line) ? ' (expected "${…}" in quotes within braces or brackets)' : '';
}

function plain(document: Document): { tree: unknown; problems: readonly Problem[] } {
  if (document.errors.length > 0) return { tree: null, problems: [] };
  const loose = looseAliases(document);
  if (loose.length > 0) return { tree: null, problems: loose };
  try {
    return { tree: document.toJS() as unknown, problems: [] };
  } catch (error) {
    return { tree: null, problems: [{ path: [], message: `YAML: ${error instanceof Error ? error.message : String(error)}` }] };
  }
}

function looseAliases(document: Document): readonly Problem[] {
  const found: Problem[] = [];
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) !== undefined) return;
      found.push({ path: [], offset: node.range?.[0] ?? 0, message: `YAML: no anchor &${node.source} stands before this alias (expected one)` });
    },
  });
  return found;
}

interface Found {
  readonly key: Node | null;
  readonly value: Node | null;
}

/** Where a path is, or as much of it as there is. */
function offsetOf(document: Document, path: Path, atKey: boolean): number {
  let here: Found = { key: null, value: isNode(document.contents) ? document.contents : null };
  for (const step of path) {
    const next = stepInto(document, here.value, step);
    if (next === null) return here.key?.range?.[0] ?? here.value?.range?.[0] ?? 0;
    here = next;
  }
  const node = atKey ? (here.key ?? here.value) : (here.value ?? here.key);
  return node?.range?.[0] ?? 0;
}

function stepInto(document: Document, within: Node | null, step: string | number): Found | null {
  const node = resolved(document, within);
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return isNode(item) ? { key: null, value: item } : null;
  }
  return isMap(node) ? inMap(document, node, step) : null;
}

function inMap(document: Document, map: YAMLMap, step: string | number): Found | null {
  const own = pairsOf(map).get(String(step));
  if (own !== undefined) return foundIn(own);
  for (const pair of map.items.filter((item) => isScalar(item.key) && String(item.key.source ?? item.key.value) === '<<')) {
    const merged = resolved(document, isNode(pair.value) ? pair.value : null);
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const found = isNode(source) ? stepInto(document, source, step) : null;
      if (found !== null) return found;
    }
  }
  return null;
}

const indexed = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

/** By key, the first of each: a file of many credentials may hold as many mistakes, each looked up by its path. */
function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = indexed.get(map);
  if (known !== undefined) return known;
  const pairs = map.items.flatMap((pair): [string, Pair][] => (isScalar(pair.key) ? [[String(pair.key.value), pair]] : []));
  const made = new Map(pairs.toReversed());
  indexed.set(map, made);
  return made;
}

function foundIn(pair: Pair): Found {
  return { key: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null };
}

function resolved(document: Document, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

function pathAt(document: Document, offset: number): Path {
  let found: Path = [];
  visit(document, {
    Scalar(index, node, ancestors) {
      const [start = 0, end = 0] = node.range ?? [];
      if (index === 'key' || offset < start || offset >= end) return;
      found = ancestors.flatMap((ancestor, n): (string | number)[] => {
        const next = ancestors[n + 1] ?? node;
        if (isSeq(ancestor)) return [ancestor.items.indexOf(next)];
        const pair = isMap(ancestor) ? next : null;
        return pair !== null && 'key' in pair && isScalar(pair.key) ? [String(pair.key.value)] : [];
      });
      return visit.BREAK;
    },
  });
  return found;
}
