import { watch, type FSWatcher } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseEnv } from './env-text.ts';
import { readingFrom, type KeyNames } from './names.ts';
import { KeySourceError, type KeyReading, type KeySource } from './source.ts';

const MAX_BYTES = 1024 * 1024;
const SETTLE_MS = 20;

export interface EnvFileOptions extends KeyNames {
  /** How often the file is looked at where the system does not report changes; milliseconds, 1000 unless said. */
  readonly pollMs?: number;
}

interface FileState {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** What was read last: compared with what is there now. Null: nothing could be read, so look again. */
interface LastSeen {
  state: string | null;
}

/** Keys from an env file. A replaced, rewritten or re-linked file is noticed by its directory's events, and by a poll. */
export function envFileSource(path: string, options: EnvFileOptions): KeySource {
  const file = resolve(path);
  const name = `env file ${file}`;
  const seen: LastSeen = { state: null };
  return {
    name,
    read: async () => {
      seen.state = null;
      const { text, state } = await readWhole(file, name);
      const reading = keysIn(text, options, name);
      seen.state = state;
      return reading;
    },
    watch: (changed) => watchFile(file, options.pollMs ?? 1000, seen, changed),
  };
}

function keysIn(text: string, names: KeyNames, source: string): KeyReading {
  if (text.trim() === '') {
    throw new KeySourceError('empty', `The ${source} is empty. Keys read earlier stay in use; write the file whole and rename it into place.`);
  }
  const values = parseEnv(text);
  return readingFrom((variable) => values.get(variable), names, source);
}

async function readWhole(file: string, source: string): Promise<{ text: string; state: string }> {
  try {
    const handle = await open(file, 'r');
    try {
      const found = await handle.stat({ bigint: true });
      if (!found.isFile() || found.size > MAX_BYTES) {
        throw new KeySourceError('unreadable', `The ${source} is no regular file of at most 1 MiB. Name the file that holds the keys.`);
      }
      return { text: await handle.readFile('utf8'), state: stateOf(found) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileProblem(error, source);
  }
}

function fileProblem(error: unknown, source: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new KeySourceError('missing', `The ${source} is not there. Keys read earlier stay in use; put it back, or name the right path.`);
  }
  if (error instanceof KeySourceError || code === undefined) return error;
  return new KeySourceError('unreadable', `The ${source} cannot be read (${code}). Keys read earlier stay in use; let this process read it.`);
}

function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: FileState): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

/** Watches the directory, since a rename puts another file in the place of the one a file watch would hold on to. */
function watchFile(file: string, pollMs: number, seen: LastSeen, changed: () => void): () => void {
  let watcher: FSWatcher | null = null;
  let settling: NodeJS.Timeout | undefined;
  const drop = (): void => {
    watcher?.close();
    watcher = null;
  };
  const look = async (): Promise<void> => {
    const state = await stat(file, { bigint: true }).then(stateOf, () => null);
    if (state === null || state !== seen.state) changed();
  };
  // Any name counts: Kubernetes re-links `..data`, not the file itself. Events come in bursts, so let them settle.
  const noticed = (): void => {
    settling ??= setTimeout(() => {
      settling = undefined;
      void look();
    }, SETTLE_MS).unref();
  };
  const arm = (): void => {
    try {
      watcher ??= watch(dirname(file), { persistent: false }, noticed).on('error', drop);
    } catch {
      // No directory yet, or no watches left: the poll below serves, and tries this again.
      watcher = null;
    }
  };
  arm();
  const poll = setInterval(() => {
    arm();
    void look();
  }, pollMs).unref();
  return () => {
    clearInterval(poll);
    clearTimeout(settling);
    drop();
  };
}
