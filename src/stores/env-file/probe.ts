/** What would stop Keyturn from replacing the file, found without changing anything. A used-up quota shows only on writing. */
import { constants, type BigIntStats } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StoreProblem } from '../../ports/store.ts';
import { readContents, type Contents } from './contents.ts';
import { countVariable } from './env-text.ts';
import { fromFileSystem } from './errors.ts';
import { modeOf } from './files.ts';
import { isMountPoint } from './mounts.ts';
import { targetOf, type Place } from './options.ts';
import { siblingPath } from './sibling.ts';

const FILES_WRITTEN = 2;
const STICKY = 0o1000n;
const OTHERS = 0o007n;
const GROUP_AND_OTHERS = 0o077;
const CAP_CHOWN = 1n;

/** Problems with their remedies. Throws only STORE_UNAVAILABLE. */
export async function probeFile(place: Place): Promise<readonly StoreProblem[]> {
  try {
    const target = targetOf(place.path);
    // First, since it explains whatever else is wrong, and its remedy is another.
    if (await isMountPoint(target)) return [mountedAlone(target)];
    const directory = await directoryProblems(target);
    if (directory.length > 0) return directory;
    const contents = await readContents(target, place);
    return [...(await fileProblems(contents, place)), ...(await roomProblems(contents)), ...textProblems(contents, place)];
  } catch (thrown) {
    const error = fromFileSystem(thrown, place.path, 'none');
    if (error.code === 'STORE_UNAVAILABLE') throw error;
    return [fatal(error.sentence)];
  }
}

function mountedAlone(target: string): StoreProblem {
  return fatal(`${target} is mounted as a single file, so it cannot be replaced in one step, and a container that mounts it so would keep the old one. Mount the directory that contains it instead of the file.`);
}

async function directoryProblems(target: string): Promise<readonly StoreProblem[]> {
  const directory = dirname(target);
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    return [fatal(fromFileSystem(thrown, directory, 'none').sentence)];
  }
  return [];
}

async function fileProblems({ target, loaded }: Contents, place: Place): Promise<readonly StoreProblem[]> {
  if (loaded === null) {
    const missing = `There is no ${target}. Create it, correct \`path\`, or set \`createIfMissing: true\`.`;
    return place.createIfMissing ? [] : [fatal(missing)];
  }
  const problems: StoreProblem[] = [];
  const giveBack = await canGive(loaded.stat);
  if (!giveBack) {
    problems.push(fatal(`${target} belongs to user ${loaded.stat.uid} and group ${loaded.stat.gid}, and Keyturn (user ${process.geteuid?.()}) may not give a new copy to them. Give the file to Keyturn's user, or run Keyturn as a user that may (root with CAP_CHOWN).`));
  }
  if (await isSticky(dirname(target), loaded.stat)) {
    problems.push(fatal(`${dirname(target)} lets only owners replace files (sticky bit), and ${target} is not Keyturn's. Give the file to Keyturn's user, or move it to a directory of its own.`));
  }
  const sibling = siblingPath(target, place.variable);
  const siblingMode = await modeOf(sibling);
  if (siblingMode !== null && (siblingMode & GROUP_AND_OTHERS) !== 0) problems.push(warning(`${sibling} holds pending keys and others may read it. Run: chmod 600 ${sibling}`));
  return [...problems, ...looseness(target, loaded.stat)];
}

/** Staging writes a sibling and promoting a copy, each a file of its own. File systems that count nothing are believed to have room. */
async function roomProblems({ target, loaded }: Contents): Promise<readonly StoreProblem[]> {
  const directory = dirname(target);
  const { blocks, bfree, bavail, bsize, files, ffree } = await statfs(directory);
  const needed = FILES_WRITTEN * (Math.ceil(Buffer.byteLength(loaded?.text ?? '') / bsize) + 1);
  const free = process.geteuid?.() === 0 ? bfree : bavail;
  const full = (blocks > 0 && free < needed) || (files > 0 && ffree < FILES_WRITTEN);
  return full ? [fatal(`${directory} has no room for a new copy of the file. Free space there; the file is untouched.`)] : [];
}

function looseness(target: string, { nlink, mode }: BigIntStats): readonly StoreProblem[] {
  const problems: StoreProblem[] = [];
  if (nlink > 1n) problems.push(warning(`${target} has ${nlink} hard links; the other names will keep the old content. Use a symbolic link instead.`));
  if ((mode & OTHERS) !== 0n) problems.push(warning(`${target} may be read by every user of the machine. Run: chmod o-rwx ${target}`));
  return problems;
}

function textProblems({ target, loaded }: Contents, { variable, backupVariable }: Place): readonly StoreProblem[] {
  const text = loaded?.text ?? '';
  return [variable, ...(backupVariable === null ? [] : [backupVariable])]
    .filter((name) => countVariable(text, name) > 1)
    .map((name) => warning(`${target} sets ${name} more than once; the last line counts, and Keyturn writes only that one. Remove the others.`));
}

async function canGive({ uid, gid }: BigIntStats): Promise<boolean> {
  const euid = process.geteuid?.() ?? -1;
  const groups = [process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])];
  if (Number(uid) === euid && groups.includes(Number(gid))) return true;
  return mayChown(euid);
}

async function mayChown(euid: number): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'latin1').catch(() => '');
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1];
  return effective === undefined ? euid === 0 : (BigInt(`0x${effective}`) & CAP_CHOWN) !== 0n;
}

async function isSticky(directory: string, file: BigIntStats): Promise<boolean> {
  const euid = process.geteuid?.() ?? -1;
  const { mode, uid } = await stat(directory, { bigint: true });
  return (mode & STICKY) !== 0n && euid !== 0 && Number(uid) !== euid && Number(file.uid) !== euid;
}

function fatal(message: string): StoreProblem {
  return { fatal: true, message };
}

function warning(message: string): StoreProblem {
  return { fatal: false, message };
}
