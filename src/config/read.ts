/**
 * Reading a configuration beside the worker's own work. The tree of a file takes a hundred times the file's size in memory,
 * and a heap that has grown hardly shrinks again: so it grows in a process of its own, and goes with that.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { describeError, KeyturnError } from '../core/errors.ts';
import type { PlannedText } from '../core/plan.ts';
import type { Env } from './environment.ts';
import { conceal } from './leaks.ts';
import type { LoadOptions, Settings } from './load.ts';
import { unpacked, type Packs } from './packed.ts';
import { ConfigError } from './problems.ts';

export interface ReadConfig {
  readonly settings: Settings;
  /** `file:line:column: path: what is odd`. */
  readonly warnings: readonly string[];
  /** Of every declared credential, in the order of the file; made anew by each iteration. */
  readonly plans: Iterable<PlannedText>;
}

/** What the reading process says, once: what it read, what is wrong with the file, or why it could not go on. */
export type ReadAnswer = (
  | { readonly read: { readonly settings: Settings; readonly warnings: readonly string[]; readonly packs: Packs } }
  | { readonly problems: readonly string[] }
  | { readonly failure: string }
) & {
  /** Texts of the file that are or may be secrets: this process must not show them either. */
  readonly concealed: readonly string[];
};

/**
 * Reads, checks and plans a configuration in a process of its own. Throws ConfigError (CONFIG_INVALID) with all problems at once,
 * INTERNAL when that process fails or is ended, as where memory is short.
 */
export async function readConfig(path: string, { env = process.env }: LoadOptions = {}): Promise<ReadConfig> {
  const answer = await answerOf(path, begin(path, env));
  answer.concealed.forEach(conceal);
  if ('problems' in answer) throw new ConfigError(path, answer.problems);
  if ('failure' in answer) throw unread(path, answer.failure);
  const { settings, warnings, packs } = answer.read;
  return { settings, warnings, plans: unpacked(packs) };
}

function begin(path: string, env: Env): ChildProcess {
  return fork(processModule(), [path], {
    env: { ...env },
    // Node 22 warns of stripping types in a clone; what it says of running out of memory is worth seeing.
    execArgv: [...process.execArgv, '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
}

function answerOf(path: string, child: ChildProcess): Promise<ReadAnswer> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as ReadAnswer));
    child.once('error', (error) => reject(unread(path, describeError(error))));
    child.once('close', (code, signal) => reject(unread(path, `the process that reads it ended before it was done (${signal ?? `exit code ${code}`})`)));
  });
}

function unread(path: string, why: string): KeyturnError {
  return new KeyturnError('INTERNAL', `The configuration ${path} could not be read: ${why}.`, { effect: 'none', todo: 'Look whether memory is short: while it is read, a configuration takes about 20 KB a credential.' });
}

/** Beside this module: .ts in a clone, .js where it was built. */
function processModule(): URL {
  return new URL(`./reading-process${extname(import.meta.url)}`, import.meta.url);
}
