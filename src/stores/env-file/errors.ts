/** What the file system throws, said in Keyturn's words. Paths are no secret; contents never get in here. */
import { KeyturnError, type ErrorCode } from '../../core/errors.ts';

interface Kind {
  readonly code: ErrorCode;
  readonly says: string;
  readonly todo: string;
}

const DENIED: Kind = {
  code: 'STORE_DENIED',
  says: 'the operating system refuses access',
  todo: 'Let the user that Keyturn runs as read the file and write its directory (files are replaced by renaming).',
};
const FULL: Kind = {
  code: 'STORE_UNAVAILABLE',
  says: 'there is no room to write a new copy',
  todo: 'Free space, or raise the quota; the old file is untouched and Keyturn tries again.',
};
const FAULT: Kind = {
  code: 'STORE_UNAVAILABLE',
  says: 'the file system failed',
  todo: 'See the system log for the disk or network share; Keyturn tries again.',
};

const KINDS: Readonly<Record<string, Kind>> = {
  EACCES: DENIED,
  EPERM: DENIED,
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EROFS: {
    code: 'STORE_UNSUITABLE',
    says: 'it lies on a read-only file system',
    todo: 'Mount the directory writable for Keyturn; the application may keep its read-only mount.',
  },
  EBUSY: {
    code: 'STORE_UNSUITABLE',
    says: 'it is a mount point of its own, so it cannot be replaced by renaming',
    todo: 'Mount the directory that contains the file instead of the file.',
  },
  EXDEV: {
    code: 'STORE_UNSUITABLE',
    says: 'it is on another file system than its directory, so it cannot be replaced by renaming',
    todo: 'Mount the directory that contains the file instead of the file.',
  },
  ENOENT: { code: 'STORE_MISSING', says: 'it does not exist', todo: 'Create it, correct `path`, or set `createIfMissing: true` (the directory must exist).' },
  ENOTDIR: { code: 'STORE_MISSING', says: 'a part of its path is no directory', todo: 'Correct `path`.' },
  EISDIR: { code: 'STORE_UNSUITABLE', says: 'it is a directory', todo: 'Correct `path`: name the file.' },
  ELOOP: { code: 'STORE_UNSUITABLE', says: 'a symbolic link stands where none may', todo: 'Remove the link.' },
};

export function errnoOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** Translates whatever was thrown while something was done to `path`. */
export function fromFileSystem(thrown: unknown, path: string, effect: 'none' | 'unknown'): KeyturnError {
  if (thrown instanceof KeyturnError) return thrown;
  const errno = errnoOf(thrown);
  const kind = KINDS[errno] ?? FAULT;
  return new KeyturnError(kind.code, `${path} cannot be used: ${kind.says}${errno === '' ? '' : ` (${errno})`}.`, {
    effect,
    todo: kind.todo,
    cause: new Error(errno === '' ? 'file system error' : errno),
  });
}

export function conflict(path: string): KeyturnError {
  return new KeyturnError('STORE_CONFLICT', `${path} changed since it was read, so it was left as it is.`, {
    effect: 'none',
    todo: 'Nothing: Keyturn reads it again. If it happens often, find out what else writes this file.',
  });
}

export function tooSlow(path: string): KeyturnError {
  return new KeyturnError('STORE_UNAVAILABLE', `${path} was not done with in time: another process holds it, the disk is slow, or Keyturn is stopping.`, {
    todo: 'Nothing: Keyturn tries again. If it happens often, see what else writes this file.',
  });
}
