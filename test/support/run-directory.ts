/** vitest's global set-up: a directory for what the files of one test run share, and the end of what they started. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const VARIABLE = 'KEYTURN_TEST_RUN_DIR';
const PID_SUFFIX = '.pid';
const CONTAINER_SUFFIX = '.container';

/** Made by vitest's main process; a program of its own (bench) gets one for itself. */
export function runDirectory(): string {
  return (process.env[VARIABLE] ??= makeDirectory());
}

/** A process whose pid is in this file is ended with the run. */
export function pidFile(name: string): string {
  return join(runDirectory(), `${name}${PID_SUFFIX}`);
}

/** The container that this file is named after is removed with the run. */
export function containerFile(id: string): string {
  return join(runDirectory(), `${id}${CONTAINER_SUFFIX}`);
}

function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-test-'));
  chmodSync(directory, 0o755); // PostgreSQL's user walks through it
  return directory;
}

export function setup(): () => Promise<void> {
  const directory = makeDirectory();
  process.env[VARIABLE] = directory;
  return async () => {
    const names = readdirSync(directory);
    for (const name of names) {
      if (name.endsWith(PID_SUFFIX)) end(Number(readFileSync(join(directory, name), 'utf8')));
    }
    await removeContainers(names.filter((name) => name.endsWith(CONTAINER_SUFFIX)).map((name) => basename(name, CONTAINER_SUFFIX)));
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
}

async function removeContainers(ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const { getContainerRuntimeClient } = await import('testcontainers');
  const { container } = await getContainerRuntimeClient();
  await Promise.allSettled(ids.map(async (id) => {
    const found = container.getById(id);
    await container.stop(found, { timeout: 0 });
    await container.remove(found, { removeVolumes: true });
  }));
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It ended by itself.
  }
}
