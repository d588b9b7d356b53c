/**
 * One writer of a file at a time, among Keyturn's own processes, without anything that a crash could leave locked.
 *
 * Every contender first creates a lock file of its own, then looks for others: whoever looks later sees the earlier.
 * If another's owner lives, it takes its own back and tries again. Files of dead owners are removed by name, which
 * is safe as no two contenders ever share a name. A file from another machine or container, where a process id means
 * nothing, counts as dead after `staleMs`, longer than any holder may take.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { open, readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { fromFileSystem, tooSlow } from './errors.ts';

const PRIVATE = 0o600;
const LEAST_WAIT_MS = 3;
const MOST_WAIT_MS = 40;

/** Lock files that this process holds or is trying for; others of its own are leftovers of a failed removal. */
const mine = new Set<string>();

/** Begins the names of a file's lock files. */
export function lockPrefix(path: string): string {
  return `.${basename(path)}.keyturn-lock.`;
}

/** Runs `work` alone. Throws STORE_UNAVAILABLE when the lock was not had before `signal`. */
export async function withLock<T>(path: string, staleMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const directory = dirname(path);
  const name = await acquire(directory, lockPrefix(path), staleMs, signal).catch((thrown: unknown) => {
    throw fromFileSystem(thrown, path, 'none');
  });
  try {
    return await work();
  } finally {
    await release(directory, name);
  }
}

async function acquire(directory: string, prefix: string, staleMs: number, signal: AbortSignal): Promise<string> {
  for (;;) {
    if (signal.aborted) throw tooSlow(join(directory, prefix.slice(1).replace('.keyturn-lock.', '')));
    const name = `${prefix}${here()}.${process.pid}.${startOf(process.pid) ?? '0'}.${randomBytes(6).toString('hex')}`;
    mine.add(name);
    try {
      await (await open(join(directory, name), 'wx', PRIVATE)).close();
      if (!(await contested(directory, prefix, name, staleMs))) return name;
    } catch (thrown) {
      await release(directory, name);
      throw thrown;
    }
    await release(directory, name);
    await wait(LEAST_WAIT_MS + Math.random() * (MOST_WAIT_MS - LEAST_WAIT_MS));
  }
}

async function release(directory: string, name: string): Promise<void> {
  mine.delete(name);
  await unlink(join(directory, name)).catch(() => undefined);
}

/** True when a living process has a lock file too; removes those of dead ones. */
async function contested(directory: string, prefix: string, own: string, staleMs: number): Promise<boolean> {
  let alive = false;
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix) || name === own) continue;
    if (await isHeld(directory, name, own, staleMs)) alive = true;
    else await unlink(join(directory, name)).catch(() => undefined);
  }
  return alive;
}

async function isHeld(directory: string, name: string, own: string, staleMs: number): Promise<boolean> {
  const [where, pid, start] = name.split('.').slice(-4);
  if (where === here()) return Number(pid) === process.pid && start === startOf(process.pid) ? mine.has(name) : isAlive(Number(pid), start ?? '');
  // Both times are the file system's, so that no two clocks are compared.
  const times = await Promise.all([name, own].map((one) => stat(join(directory, one)).catch(() => null)));
  const [theirs, ours] = times;
  if (!theirs) return false;
  return ours ? ours.mtimeMs - theirs.mtimeMs < staleMs : true;
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startOf(pid);
  return now === null || now === start;
}

/** When a process began, in the kernel's ticks: tells a process from a later one of the same id. Null when unknown. */
function startOf(pid: number): string | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : (fields[19] ?? null);
  } catch {
    return null;
  }
}

let place: string | null = null;

/** Within one such place, process ids mean the same: machine, boot, container (and thread, which shares its process's id). */
function here(): string {
  place ??= createHash('sha256')
    .update([hostname(), String(threadId), quietly(() => readlinkSync('/proc/self/ns/pid')), quietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'))].join('\n'))
    .digest('hex')
    .slice(0, 12);
  return place;
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
