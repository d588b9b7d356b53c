/** Reading and atomically replacing one file. Nothing here knows what the file says. */
import { createHash, randomBytes } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { chmod, link, lstat, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KeyturnError } from '../../core/errors.ts';
import { conflict, errnoOf, fromFileSystem, tooSlow } from './errors.ts';

const PRIVATE = 0o600;
const PERMISSIONS = 0o7777n;
const MAX_BYTES = 1_048_576n;
const READS = 3;

export interface Loaded {
  /** One character a byte (Latin-1), so that every byte survives whatever the file's encoding. */
  readonly text: string;
  readonly stat: BigIntStats;
  /** Digest of identity, times and content: another one means that somebody wrote. */
  readonly version: string;
}

/** Null when there is no such file. Throws STORE_UNSUITABLE for what is no ordinary text file. */
export async function load(path: string): Promise<Loaded | null> {
  try {
    const kind = await stat(path);
    if (!kind.isFile()) throw unsuitable(path, 'is not an ordinary file');
    return await readSteadily(path);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw fromFileSystem(thrown, path, 'none');
  }
}

async function readSteadily(path: string): Promise<Loaded> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    for (let read = 0; read < READS; read += 1) {
      const before = await handle.stat({ bigint: true });
      if (before.size > MAX_BYTES) throw unsuitable(path, 'is larger than any env file');
      const bytes = Buffer.alloc(Number(before.size));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      const after = await handle.stat({ bigint: true });
      if (identity(before) !== identity(after) || bytesRead !== bytes.length) continue;
      if (bytes.includes(0)) throw unsuitable(path, 'is not a text file');
      return { text: bytes.toString('latin1'), stat: after, version: createHash('sha256').update(identity(after)).update(bytes).digest('hex') };
    }
  } finally {
    await handle.close();
  }
  throw conflict(path);
}

function identity({ dev, ino, mtimeNs, size }: BigIntStats): string {
  return `${dev} ${ino} ${mtimeNs} ${size}\n`;
}

/**
 * Puts `text` in the place of what `seen` was (null: no file yet, made with `mode`), keeping mode and owner.
 * Looks again right before: throws STORE_CONFLICT when the file is no longer what was seen. Wants the file's lock.
 */
export async function replace(path: string, text: string, seen: Loaded | null, mode: number, signal: AbortSignal): Promise<void> {
  const temporary = await writeTemporary(path, text, seen?.stat ?? null);
  const prepare = async (): Promise<void> => {
    const now = await load(path);
    if (now?.version !== seen?.version) throw conflict(path);
    if (signal.aborted) throw tooSlow(path);
    // Last of all: until here only the owner can read the new value, however long it took.
    await chmod(temporary, seen === null ? mode : Number(seen.stat.mode & PERMISSIONS));
  };
  await moveIn(temporary, path, prepare, seen === null);
}

/** Writes a file that only its owner may read, whole or not at all. Wants the lock of `lockedFile`. */
export async function writePrivate(path: string, text: string, lockedFile: string, signal: AbortSignal): Promise<void> {
  const temporary = await writeTemporary(lockedFile, text, null);
  const prepare = async (): Promise<void> => {
    if (signal.aborted) throw tooSlow(path);
  };
  await moveIn(temporary, path, prepare, false);
}

/** Removes a file for good; it may be gone already. */
export async function remove(path: string): Promise<void> {
  await unlink(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== 'ENOENT') throw fromFileSystem(thrown, path, 'unknown');
  });
  await syncDirectory(path);
}

/** Begins the names of one target's temporary files; whoever holds its lock may remove them all. */
export function temporaryPrefix(path: string): string {
  return `.${basename(path)}.keyturn-tmp.`;
}

/** Removes what processes left that died while writing. Wants the file's lock. */
export async function removeLeftovers(path: string): Promise<void> {
  for (const name of await namesBeside(path, temporaryPrefix(path))) await unlink(join(dirname(path), name)).catch(() => undefined);
}

/** Names of the files beside `path` that begin with `prefix`; none where even the directory is missing. */
export async function namesBeside(path: string, prefix: string): Promise<readonly string[]> {
  const names = await readdir(dirname(path)).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return [];
    throw fromFileSystem(thrown, path, 'none');
  });
  return names.filter((name) => name.startsWith(prefix));
}

/** Readable by its owner only: by us, or by the owner of the file that it is going to replace. */
async function writeTemporary(target: string, text: string, replaced: BigIntStats | null): Promise<string> {
  const path = join(dirname(target), `${temporaryPrefix(target)}${randomBytes(8).toString('hex')}`);
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
  try {
    const handle = await open(path, flags, PRIVATE);
    try {
      await handle.writeFile(Buffer.from(text, 'latin1'));
      if (replaced !== null) await giveTo(handle, replaced);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    await unlink(path).catch(() => undefined);
    throw fromFileSystem(thrown, target, 'none');
  }
  return path;
}

async function giveTo(handle: FileHandle, { uid, gid }: BigIntStats): Promise<void> {
  const ours = await handle.stat({ bigint: true });
  if (ours.uid === uid && ours.gid === gid) return;
  await handle.chown(Number(uid), Number(gid)).catch((cause: unknown) => {
    throw new KeyturnError('STORE_UNSUITABLE', 'The file belongs to another user or group, and Keyturn may not give a new copy to them.', {
      effect: 'none',
      todo: 'Give the file to the user that Keyturn runs as, or run Keyturn as a user that may (root with CAP_CHOWN).',
      cause: new Error(errnoOf(cause)),
    });
  });
}

/** The one step that changes what is read. A file that must not exist yet is linked, which fails if it does. */
async function moveIn(temporary: string, path: string, prepare: () => Promise<void>, create: boolean): Promise<void> {
  try {
    await prepare();
    if (create) await link(temporary, path);
    else await rename(temporary, path);
  } catch (thrown) {
    await unlink(temporary).catch(() => undefined);
    throw errnoOf(thrown) === 'EEXIST' ? conflict(path) : fromFileSystem(thrown, path, 'none');
  }
  if (create) await unlink(temporary).catch(() => undefined);
  await syncDirectory(path);
}

async function syncDirectory(path: string): Promise<void> {
  try {
    const handle = await open(dirname(path), constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    throw fromFileSystem(thrown, path, 'unknown');
  }
}

/** The mode of a file, symlinks not followed; null when it does not exist. */
export async function modeOf(path: string): Promise<number | null> {
  return lstat(path).then(({ mode }) => mode, () => null);
}

function unsuitable(path: string, what: string): KeyturnError {
  return new KeyturnError('STORE_UNSUITABLE', `${path} ${what}.`, { effect: 'none', todo: 'Correct `path`: name the env file that applications read.' });
}
