/** Keeping a record: in the data directory, else where it can be kept. A record that cannot be kept never keeps a key alive. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sealRecord, type BreakGlassRecord } from '../../core/break-glass.ts';
import { describeError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { fileOf, writeDurably, writeInto } from './folder.ts';
import { recordText } from './text.ts';

export interface Keeping {
  readonly dataDir: string;
  /** A directory that was asked for instead of the data directory. */
  readonly recordDir: string | null;
  /** Where it goes when the data directory cannot be written: the current directory. */
  readonly here: string;
  /** Null where it cannot be resolved: then records are not signed. */
  readonly rootKey: Secret | null;
}

export interface Kept {
  /** Null where no place could be written: then `text` is all there is. */
  readonly path: string | null;
  /** True where the worker of this data directory finds it by itself. */
  readonly found: boolean;
  readonly text: string;
  /** Why it is not where it was meant to be; empty when it is. */
  readonly trouble: string;
}

interface Place {
  readonly found: boolean;
  write(file: string, text: string): string;
}

/** Writes a record, over what was written of it before. Never throws. */
export function keep(record: BreakGlassRecord, keeping: Keeping): Kept {
  const text = recordText(sealRecord(record, keeping.rootKey));
  const troubles: string[] = [];
  for (const place of placesOf(keeping)) {
    try {
      return { path: place.write(fileOf(record.id), text), found: place.found, text, trouble: troubles.join('; ') };
    } catch (error) {
      troubles.push(describeError(error));
    }
  }
  return { path: null, found: false, text, trouble: troubles.join('; ') };
}

function placesOf({ dataDir, recordDir, here }: Keeping): readonly Place[] {
  // Not made where it is missing: no worker would ever look there.
  const own: Place = { found: true, write: (file, text) => writeInto(dataDir, file, text) };
  return [...(recordDir === null ? [] : [plainPlace(recordDir)]), own, plainPlace(here)];
}

/** Not Node's recursive one: that never ends where a file system answers ENOENT below a folder that is there, as /proc does. */
function makeFolder(directory: string): void {
  if (existsSync(directory)) return;
  if (dirname(directory) !== directory) makeFolder(dirname(directory));
  mkdirSync(directory, { mode: 0o700 });
}

function plainPlace(directory: string): Place {
  return {
    found: false,
    write(file, text) {
      makeFolder(directory);
      const path = join(directory, `keyturn-break-glass-${file}`);
      writeDurably(path, text);
      return path;
    },
  };
}
