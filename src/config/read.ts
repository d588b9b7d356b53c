/**
 * Reading a configuration beside the worker's own work. The tree of a file takes a hundred times the file's size in memory,
 * and a heap that has grown hardly shrinks again: so it grows in a thread, which gives all of it back when it ends.
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PlannedCredential } from '../core/plan.ts';
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
  readonly plans: Iterable<PlannedCredential>;
}

export interface ReadOrder {
  readonly path: string;
  readonly env: Env;
}

export interface ReadAnswer {
  readonly read: { readonly settings: Settings; readonly warnings: readonly string[]; readonly packs: Packs } | null;
  /** Why it is not used; empty when it was read. */
  readonly problems: readonly string[];
  /** Texts of the file that are or may be secrets: this thread must not show them either. */
  readonly concealed: readonly string[];
}

/** Reads, checks and plans a configuration in a thread. Throws ConfigError (CONFIG_INVALID) with all problems at once. */
export async function readConfig(path: string, { env = process.env }: LoadOptions = {}): Promise<ReadConfig> {
  const order: ReadOrder = { path, env: { ...env } };
  const { read, problems, concealed } = await answerOf(new Worker(threadModule(), { workerData: order }));
  concealed.forEach(conceal);
  if (read === null) throw new ConfigError(path, problems);
  return { settings: read.settings, warnings: read.warnings, plans: unpacked(read.packs) };
}

/** Throws what the thread threw, or that it ran out of memory. */
async function answerOf(thread: Worker): Promise<ReadAnswer> {
  const ended = once(thread, 'exit');
  let answer: ReadAnswer | undefined;
  thread.once('message', (message: ReadAnswer) => (answer = message));
  await ended;
  if (answer === undefined) throw new Error('the thread that reads the configuration ended without an answer');
  return answer;
}

/** Beside this module: .ts in a clone, .js where it was built. */
function threadModule(): URL {
  return new URL(`./reading-thread${extname(import.meta.url)}`, import.meta.url);
}
