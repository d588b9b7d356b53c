/** What the application's env file serves, as fingerprints: the demo never holds a key longer than it takes to hash it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseEnv } from '../client/env-text.ts';

export interface Served {
  /** SHA-256 in hexadecimal, as the sandbox shows it; null when there is none. */
  readonly current: string | null;
  readonly backup: string | null;
}

export async function readServed(envFile: string): Promise<Served> {
  const values = parseEnv(await readFile(envFile, 'utf8'));
  const print = (name: string): string | null => {
    const value = values.get(name) ?? '';
    return value === '' ? null : createHash('sha256').update(value).digest('hex');
  };
  return { current: print('HYPERMEMORY_API_KEY'), backup: print('HYPERMEMORY_API_KEY_BACKUP') };
}
