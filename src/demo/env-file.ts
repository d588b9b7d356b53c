/** What the application's env file serves, as fingerprints: the judge never holds a key longer than it takes to hash it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseEnv } from '../client/env-text.ts';

export interface Served {
  /** SHA-256 in hexadecimal, as the sandbox shows it; null when there is none. */
  readonly current: string | null;
  readonly backup: string | null;
}

const CURRENT = 'HYPERMEMORY_API_KEY';

/** The value itself, for those who come by it as they should not. Empty when there is none. */
export async function servedValue(envFile: string): Promise<string> {
  return parseEnv(await readFile(envFile, 'utf8')).get(CURRENT) ?? '';
}

export async function readServed(envFile: string): Promise<Served> {
  const values = parseEnv(await readFile(envFile, 'utf8'));
  const print = (name: string): string | null => {
    const value = values.get(name) ?? '';
    return value === '' ? null : createHash('sha256').update(value).digest('hex');
  };
  return { current: print(CURRENT), backup: print(`${CURRENT}_BACKUP`) };
}
