/** Where records lie: one file each, written whole or not at all, and kept under another name once the ledger has them. */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fchownSync, fsyncSync, lchownSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LONGEST_RECORD } from './text.ts';

const SUFFIX = '.json';
const TAKEN = '.taken';
/** More than anybody revokes by hand; bounds what a full directory costs. */
const MOST = 1_000;

/** Of a data directory. */
export function recordFolder(dataDir: string): string {
  return join(dataDir, 'break-glass');
}

export function fileOf(recordId: string): string {
  return `${recordId}${SUFFIX}`;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes or replaces a file for its owner only, so that it survives a power cut once this returns. `owner` is whose it
 * becomes, where root writes it. Throws what the file system says.
 */
export function writeDurably(path: string, text: string, owner: Owner | null = null): void {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    // `wx` follows no link that somebody else laid there.
    const fd = openSync(draft, 'wx', 0o600);
    try {
      writeSync(fd, text);
      if (owner !== null) fchownSync(fd, owner.uid, owner.gid);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/** Writes a record into a data directory that exists. What root writes is whose the directory is: the worker must be able to read it. */
export function writeInto(dataDir: string, file: string, text: string): string {
  const folder = recordFolder(dataDir);
  const owner = process.getuid?.() === 0 ? statSync(dataDir) : null;
  if (!existsSync(folder)) {
    mkdirSync(folder, { mode: 0o700 });
    if (owner !== null) lchownSync(folder, owner.uid, owner.gid);
  }
  const path = join(folder, file);
  writeDurably(path, text, owner);
  return path;
}

/** Paths of the records that nobody has taken in, oldest first. Throws where the folder cannot be read. */
export function waiting(dataDir: string): readonly string[] {
  const folder = recordFolder(dataDir);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX) && !name.startsWith('.'));
  return names.sort().slice(0, MOST).map((name) => join(folder, name));
}

/** The text of a file, or blanks where it is too long for a record. Throws what the file system says. */
export function readBounded(path: string): string {
  return statSync(path).size > LONGEST_RECORD ? ' '.repeat(LONGEST_RECORD + 1) : readFileSync(path, 'utf8');
}

/** Keeps the file, under a name that is not looked at any more. Another worker may have done it. */
export function setAside(path: string): void {
  try {
    renameSync(path, `${path}${TAKEN}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
