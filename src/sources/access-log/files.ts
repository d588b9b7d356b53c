/** Which files belong to a log, and which of them is which: by inode and by what they begin with. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KeyturnError } from '../../core/errors.ts';

/** Of its first line, at most. */
const HEAD = 4_096;
/** Before the place up to which a file was read. */
const TAIL = 256;
const DIGEST = 12;
const COMPRESSED = /\.(gz|bz2|xz|zst|lz4|zip|Z|br)$/;
/** What rotation puts into a name: `.1`, `-20260501`, `.2026-05-01T00:00`, `.old`. */
const MARK = '(?:[.-]\\d[\\d._:TZ-]*|\\.old)';

/** A log and what rotation made of it. The live one comes first: it tells whether it was truncated, and only then copies count. */
export interface Family {
  readonly live: string;
  readonly names: readonly string[];
}

/** Throws SOURCE_UNAVAILABLE where the directory is not there, SOURCE_REFUSED where it may not be read. */
export async function familiesOf(source: string, path: string): Promise<readonly Family[]> {
  const [directory, wanted] = [dirname(path), basename(path)];
  const names = await readdir(directory).catch((thrown: unknown) => Promise.reject(unreadable(source, directory, thrown)));
  const plain = names.filter((name) => !COMPRESSED.test(name)).sort();
  const live = wanted.includes('*') ? plain.filter((name) => matches(name, wanted)) : [wanted];
  const leaders = live.filter((name) => !live.some((other) => other !== name && rotatedOf(other).test(name)));
  return leaders.map((name) => ({ live: join(directory, name), names: [name, ...plain.filter((other) => other !== name && rotatedOf(name).test(other))].map((one) => join(directory, one)) }));
}

function matches(name: string, wanted: string): boolean {
  return new RegExp(`^${wanted.split('*').map(escaped).join('.*')}$`).test(name);
}

/** `access.log.1`, `access.log-20260501`, `access-20260501.log`, `access.2026-05-01.log`. */
function rotatedOf(live: string): RegExp {
  const [, stem, extension] = /^(.+?)(\.[^.]+)$/.exec(live) ?? [];
  const inside = stem === undefined || extension === undefined ? '' : `|^${escaped(stem)}${MARK}${escaped(extension)}(?:\\.\\d+)?$`;
  return new RegExp(`^${escaped(live)}${MARK}$${inside}`);
}

function escaped(text: string): string {
  return text.replace(/[^\w]/g, '\\$&');
}

/** An open file and what it is known by. */
export interface Opened {
  readonly name: string;
  readonly file: FileHandle;
  readonly inode: string;
  /** Digest of its beginning; null while its first line is not whole. */
  readonly head: string | null;
  readonly size: number;
  readonly changed: number;
}

/** Null for what is not there (any more) and for what is no plain file. Throws SOURCE_REFUSED for one that may not be read. */
export async function openFile(source: string, name: string, changedAfter: number, known: ReadonlySet<string>): Promise<Opened | null> {
  const before = await stat(name, { bigint: true }).catch(() => null);
  if (before !== null && (!before.isFile() || (Number(before.mtimeMs) <= changedAfter && !known.has(String(before.ino))))) return null;
  // Never waits, as it would for the other end of a pipe that took its place.
  const file = await open(name, constants.O_RDONLY | constants.O_NONBLOCK).catch((thrown: unknown) => {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw unreadable(source, name, thrown);
  });
  if (file === null) return null;
  const now = await file.stat({ bigint: true });
  if (now.isFile()) return { name, file, inode: String(now.ino), head: await headOf(file), size: Number(now.size), changed: Number(now.mtimeMs) };
  await file.close();
  return null;
}

async function headOf(file: FileHandle): Promise<string | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
  const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
  if (end === -1 && bytesRead < HEAD) return null;
  return digest(buffer.subarray(0, end === -1 ? HEAD : end + 1));
}

/** Of what stands right before a place: tells whether the file up to there is still the one that was read. */
export async function tailOf(file: FileHandle, offset: number): Promise<string> {
  const length = Math.min(TAIL, offset);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, length, offset - length);
  return digest(buffer.subarray(0, bytesRead));
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, DIGEST);
}

function unreadable(source: string, what: string, thrown: unknown): KeyturnError {
  const code = codeOf(thrown);
  const refused = code === 'EACCES' || code === 'EPERM' || code === 'ENOTDIR';
  const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
  const todo = refused ? 'Let the user that runs Keyturn read it, for example by its group.' : 'It is looked for again by itself; if it lasts, correct the path of this source.';
  return new KeyturnError(refused ? 'SOURCE_REFUSED' : 'SOURCE_UNAVAILABLE', `Usage source ${source} can't be read: ${what} ${why}.`, { todo, effect: 'none' });
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unreadable';
}
