import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { KeyturnError } from '../../core/errors.ts';

export interface EnvFileOptions {
  readonly name: string;
  readonly path: string;
  /** The variable that applications read, e.g. `HYPERMEMORY_API_KEY`. */
  readonly variable: string;
  /** The variable for the displaced key while it still lives; `<variable>_BACKUP` unless said, null for none. */
  readonly backupVariable?: string | null;
  /** Create the file when it does not exist. Off unless said; its directory must exist. */
  readonly createIfMissing?: boolean;
  /** Mode of a file that Keyturn creates; 0o600 unless said. Existing files keep theirs. */
  readonly mode?: number;
  /** The longest that one call may take, waiting for the lock included; milliseconds, 10000 unless said. */
  readonly callTimeoutMs?: number;
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CREATED_MODE = 0o600;
const MAX_LINKS = 16;

/** What the parts of the store need to know, worked out once. */
export interface Place {
  readonly path: string;
  readonly variable: string;
  readonly backupVariable: string | null;
  readonly createIfMissing: boolean;
  readonly mode: number;
}

/** Throws CONFIG_INVALID for names that no shell would take. */
export function placeOf(options: EnvFileOptions): Place {
  const { variable, backupVariable = `${variable}_BACKUP` } = options;
  for (const name of [variable, ...(backupVariable === null ? [] : [backupVariable])]) {
    if (!VARIABLE.test(name)) {
      throw new KeyturnError('CONFIG_INVALID', `"${name}" is no name for an environment variable.`, { todo: 'Use letters, digits and underscores, not beginning with a digit.' });
    }
  }
  if (variable === backupVariable) {
    throw new KeyturnError('CONFIG_INVALID', `Key and backup cannot share the variable ${variable}.`, { todo: 'Name another `backupVariable`, or null for none.' });
  }
  return {
    path: resolve(options.path),
    variable,
    backupVariable,
    createIfMissing: options.createIfMissing ?? false,
    mode: options.mode ?? CREATED_MODE,
  };
}

/** Where the bytes are: symlinks are followed, also to a file that does not exist yet. */
export function targetOf(path: string): string {
  let at = path;
  for (let link = 0; link < MAX_LINKS; link += 1) {
    const directory = real(dirname(at));
    at = join(directory, basename(at));
    if (!isLink(at)) return at;
    at = resolve(directory, readlinkSync(at));
  }
  throw new KeyturnError('STORE_UNSUITABLE', `${path} is a symbolic link that leads nowhere.`, { effect: 'none', todo: 'Repair the link, or name the file itself.' });
}

function real(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
