/** The package as it is published, built once a run: compiled code behaves unlike a clone, which strips types as it goes. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Runtime } from './runtimes.ts';
import { end } from './services.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const UP_WITHIN_MS = 900_000;

let built: Promise<string> | null = null;

/** Directory of the built package; gone when this process ends. */
export function builtPackage(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-built-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const modules = realpathSync(join(ROOT, 'node_modules'));
  await promisify(execFile)(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', join(directory, 'dist')], { cwd: ROOT });
  for (const part of ['bin', 'package.json']) cpSync(join(ROOT, part), join(directory, part), { recursive: true });
  symlinkSync(modules, join(directory, 'node_modules'));
  return directory;
}

/** The path of the built command line. */
export async function launcher(): Promise<string> {
  return join(await builtPackage(), 'bin', 'keyturn.js');
}

export interface UpWorker {
  readonly pid: number;
  /** From the start of the process to its line that says `up`, milliseconds. */
  readonly upAfterMs: number;
  stop(): Promise<void>;
}

/** `keyturn up` of the built package. Throws, with its last words, when it ends before it is up. */
export async function startUp(configPath: string, { databaseUrl, redisUrl }: Pick<Runtime, 'databaseUrl' | 'redisUrl'>): Promise<UpWorker> {
  const services = { ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }), ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }) };
  const child = spawn(process.execPath, [await launcher(), 'up', '--config', configPath], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...services }, stdio: ['ignore', 'pipe', 'pipe'] });
  const from = performance.now();
  const words: string[] = [];
  const gone = once(child, 'exit').then(() => { throw new Error(`\`keyturn up\` ended before it was up: ${words.join('\n')}`); });
  gone.catch(() => undefined);
  child.stderr.on('data', (chunk: Buffer) => words.push(chunk.toString()));
  const up = Promise.withResolvers<void>();
  createInterface(child.stdout).on('line', (line) => {
    if (line.includes('"msg":"up"')) up.resolve();
  });
  const timer = setTimeout(() => up.reject(new Error('`keyturn up` does not come up')), UP_WITHIN_MS);
  try {
    await Promise.race([up.promise, gone]);
  } catch (error) {
    await end(child);
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { pid: child.pid ?? 0, upAfterMs: performance.now() - from, stop: () => end(child) };
}
