/** What Linux tells of processes: processor time and memory. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const TICKS_A_SECOND = 100;
const KIB_A_MIB = 1024;

/** Elsewhere figures of processes cannot be had. */
export const HAS_PROC = existsSync('/proc/self/stat');

/** Processor seconds of a process and all below it, those that have ended included; NaN where Linux does not tell. */
export function cpuSeconds(root: number): number {
  if (!HAS_PROC) return Number.NaN;
  const all = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).map((entry) => statOf(Number(entry))).filter((stat) => stat !== null);
  const below = (pid: number): number[] => [pid, ...all.filter((stat) => stat.parent === pid).flatMap((stat) => below(stat.pid))];
  const family = new Set(below(root));
  return all.filter((stat) => family.has(stat.pid)).reduce((sum, stat) => sum + stat.ticks, 0) / TICKS_A_SECOND;
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Its own, and of its children that were waited for. */
  readonly ticks: number;
}

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = rest.slice(9, 13).reduce((sum, field) => sum + Number(field), 0);
    return { pid, parent: Number(parent), ticks };
  } catch {
    return null; // it ended meanwhile
  }
}

/** Resident memory now and at its highest, MiB. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / KIB_A_MIB;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
