import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runDirectory } from './run-directory.ts';

/** Longer than the pull of an image may take. */
const WAIT_MS = 120_000;

/** Lets the first test file of a run that asks make something, and gives all of them what it made (as JSON). */
export async function onceARun<T>(name: string, make: () => Promise<T>): Promise<T> {
  const result = join(runDirectory(), `${name}.json`);
  if (!existsSync(result) && claim(join(runDirectory(), `${name}.claimed`))) {
    const made = await make().then((value) => ({ value }), (error: unknown) => ({ error: String(error) }));
    writeFileSync(`${result}.part`, JSON.stringify(made));
    renameSync(`${result}.part`, result);
  }
  const deadline = Date.now() + WAIT_MS;
  while (!existsSync(result)) {
    if (Date.now() > deadline) throw new Error(`another test file did not finish making ${name}`);
    await sleep(50);
  }
  const made = JSON.parse(readFileSync(result, 'utf8')) as { value: T } | { error: string };
  if ('error' in made) throw new Error(`${name}: ${made.error}`);
  return made.value;
}

function claim(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}
