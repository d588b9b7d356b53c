/**
 * The disk that Keyturn writes to: its data directory and the applications' env files. It can be filled for real: a small
 * tmpfs where mounting is permitted, else a limit on the size of files (RLIMIT_FSIZE) on each worker, whose writes then fail.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface Disk {
  readonly directory: string;
  /** How it is filled, for the summary. */
  readonly how: 'tmpfs filled' | 'RLIMIT_FSIZE 0';
  /** From now on nothing more can be written. `pids` are the workers. */
  fill(pids: readonly number[]): void;
  /** Whatever has been freed meanwhile is taken too, and workers that came since are held as well. */
  keepFull(pids: readonly number[]): void;
  free(pids: readonly number[]): void;
  /** Copies everything to a place that stays. */
  keep(to: string): void;
  remove(): void;
}

const SIZE_MIB = 384;
const PIECE = Buffer.alloc(64 * 1024);

export function makeDisk(directory: string): Disk {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=0755`, 'keyturn-kills', directory], { stdio: 'ignore' }).status === 0;
  const disk = mounted ? smallDisk(directory) : limitedFiles(directory);
  for (const folder of ['env', 'data']) mkdirSync(join(directory, folder), { mode: 0o700 });
  return disk;
}

function smallDisk(directory: string): Disk {
  const ballast = join(directory, 'ballast');
  const unmount = (): void => void spawnSync('umount', ['-l', directory], { stdio: 'ignore' });
  process.once('exit', unmount);
  const fill = (): void => {
    const fd = openSync(ballast, 'a');
    try {
      for (let piece = PIECE; piece.length > 0; ) {
        if (!wrote(fd, piece)) piece = piece.subarray(0, Math.floor(piece.length / 2));
      }
    } finally {
      closeSync(fd);
    }
  };
  return {
    directory, how: 'tmpfs filled', fill, keepFull: fill,
    free: () => rmSync(ballast, { force: true }),
    keep: (to) => cpSync(directory, to, { recursive: true, filter: (from) => from !== ballast && !from.endsWith('.sock') }),
    remove: () => {
      unmount();
      process.removeListener('exit', unmount);
    },
  };
}

/** False when the disk took none of it. */
function wrote(fd: number, piece: Buffer): boolean {
  try {
    return writeSync(fd, piece) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

/** Node ignores the signal that comes with it, so that writes fail with EFBIG. */
function limitFiles(pids: readonly number[], soft: '0' | 'unlimited'): void {
  for (const pid of pids) spawnSync('prlimit', ['--pid', String(pid), `--fsize=${soft}:`], { stdio: 'ignore' });
}

function limitedFiles(directory: string): Disk {
  return {
    directory, how: 'RLIMIT_FSIZE 0',
    fill: (pids) => limitFiles(pids, '0'), keepFull: (pids) => limitFiles(pids, '0'), free: (pids) => limitFiles(pids, 'unlimited'),
    keep: (to) => cpSync(directory, to, { recursive: true, filter: (from) => !from.endsWith('.sock') }),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
