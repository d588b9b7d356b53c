/** From a file to a configuration, or to everything that is wrong with it. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkAcross } from './check/index.ts';
import type { Remark } from './check/input.ts';
import type { Env } from './environment.ts';
import { expand } from './expand.ts';
import { problemsOf } from './issues.ts';
import { leakProblems } from './leaks.ts';
import { ConfigError, linesOf, type Problem } from './problems.ts';
import { configSchema, type ParsedConfig } from './schema.ts';
import { readSource, type Source } from './source.ts';
import { entries, type Path } from './tree.ts';

/** A configuration that is right in itself: durations in milliseconds, paths absolute, secrets as references. */
export interface Config extends ParsedConfig {
  readonly worker: ParsedConfig['worker'] & { readonly dataDir: string };
  readonly api: ParsedConfig['api'] & { readonly socket: string };
}

/** What a running worker needs of it: the credentials are in the ledger. */
export type Settings = Omit<Config, 'credentials'>;

export interface LoadedConfig {
  readonly config: Config;
  /** `file:line:column: path: what is odd`. */
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  readonly env?: Env;
}

const DATA_DIR = '.keyturn';
const SOCKET = 'keyturn.sock';

/** Reads, expands and checks a configuration file. Throws ConfigError (CONFIG_INVALID) with all problems at once. */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<LoadedConfig> {
  return parseConfig(path, await contents(path), options);
}

/** The same for text that is at hand; `path` names it in messages, and relative paths begin at its directory. */
export function parseConfig(path: string, text: string, options: LoadOptions = {}): LoadedConfig {
  const env = options.env ?? process.env;
  const source = readSource(path, text);
  const leaks = leakProblems(source);
  if (source.syntax.length > 0) throw refused(source, [...source.syntax, ...leaks]);
  const directory = dirname(resolve(path));
  const expanded = expand(source.tree ?? {}, { env, directory });
  const read = parse(expanded.tree);
  const remarks = read.config === null ? [] : checkAcross({ config: read.config, tree: expanded.tree });
  const problems = [...leaks, ...expanded.problems, ...unlessReported(read.problems, [...leaks, ...expanded.problems]), ...remarks.filter((remark) => remark.warning !== true)];
  if (problems.length > 0 || read.config === null) throw refused(source, problems);
  const warnings = linesOf(source, remarks.filter(isWarning));
  return { config: settled(read.config, directory, env), warnings };
}

function isWarning(remark: Remark): boolean {
  return remark.warning === true;
}

async function contents(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const why = code === 'ENOENT' ? 'the file does not exist (expected a configuration; keyturn init writes one)' : `the file cannot be read: ${code} (expected a readable file)`;
    throw new ConfigError(path, [`${path}:1:1: ${why}`]);
  }
}

/**
 * The configuration and what does not fit. Entries that do not fit are left out of it, so that what is between the
 * others can be checked in the same go; null when too little is left.
 */
function parse(tree: unknown): { readonly config: ParsedConfig | null; readonly problems: readonly Problem[] } {
  const whole = configSchema.safeParse(tree);
  if (whole.success) return { config: whole.data, problems: [] };
  const problems = whole.error.issues.flatMap((issue) => problemsOf(issue, tree));
  const rest = configSchema.safeParse(without(tree, problems.map(({ path }) => path)));
  return { config: rest.success ? rest.data : null, problems };
}

const NAMED = new Set<unknown>(['issuers', 'stores', 'checks', 'hooks', 'channels', 'policies', 'credentials']);

/** The tree without the entries that hold these paths. */
function without(tree: unknown, paths: readonly Path[]): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [section, value] of entries(tree)) {
    const within = paths.filter((path) => path[0] === section);
    const whole = within.some((path) => path.length === 1 || !NAMED.has(section));
    const bad = new Set(within.map((path) => path[1]));
    if (within.length === 0) kept[String(section)] = value;
    else if (!whole) kept[String(section)] = Object.fromEntries(entries(value).filter(([name]) => !bad.has(name)));
  }
  return { ...kept, version: 1 };
}

/** A value that is refused for holding a secret, or did not resolve, is not also refused for its form. */
function unlessReported(problems: readonly Problem[], reported: readonly Problem[]): readonly Problem[] {
  const known = new Set(reported.filter(({ path }) => path.length > 0).map(({ path }) => JSON.stringify(path)));
  return problems.filter((problem) => problem.atKey === true || !known.has(JSON.stringify(problem.path)));
}

function refused(source: Source, problems: readonly Problem[]): ConfigError {
  return new ConfigError(source.file, linesOf(source, problems));
}

function settled(parsed: ParsedConfig, directory: string, env: Env): Config {
  const told = env['KEYTURN_DATA_DIR'];
  const dataDir = told === undefined || told === '' ? (parsed.worker.dataDir ?? join(directory, DATA_DIR)) : resolve(told);
  return { ...parsed, worker: { ...parsed.worker, dataDir }, api: { ...parsed.api, socket: parsed.api.socket ?? join(dataDir, SOCKET) } };
}
