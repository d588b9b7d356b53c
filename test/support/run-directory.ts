/** vitest's global set-up: a directory for what the files of one test run share, and the end of what they started. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VARIABLE = 'KEYTURN_TEST_RUN_DIR';
const PID_SUFFIX = '.pid';

/** Made by vitest's main process; a program of its own (bench) gets one for itself. */
export function runDirectory(): string {
  return (process.env[VARIABLE] ??= makeDirectory());
}

/** A process whose pid is in this file is ended with the run. */
export function pidFile(name: string): string {
  return join(runDirectory(), `${name}${PID_SUFFIX}`);
}

function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-test-'));
  chmodSync(directory, 0o755); // PostgreSQL's user walks through it
  return directory;
}

export function setup(): () => void {
  const directory = makeDirectory();
  process.env[VARIABLE] = directory;
  return () => {
    for (const name of readdirSync(directory)) {
      if (name.endsWith(PID_SUFFIX)) end(Number(readFileSync(join(directory, name), 'utf8')));
    }
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It ended by itself.
  }
}
