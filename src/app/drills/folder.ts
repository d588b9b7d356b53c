/** The folder of the data directory in which drills keep their file, each in a folder of its own that goes with it. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Settings } from '../../config/index.ts';

/** As drills name theirs: nothing else is ever removed. */
const DRILL_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

export function drillsFolder({ worker }: Pick<Settings, 'worker'>): string {
  return resolve(worker.dataDir, 'drills');
}

export function prepare(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
}

/** Ids of drills of which something lies there. */
export function leftIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => DRILL_ID.test(name));
  } catch {
    return [];
  }
}

export function clear(folder: string, drill: string): void {
  rmSync(join(folder, drill), { recursive: true, force: true });
}
