import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from './start.ts';
import { DEFAULTS } from './options.ts';
import type { SandboxOptions } from './options.ts';

export interface SandboxCommandOptions extends Omit<SandboxOptions, 'faults' | 'adminKey' | 'now'> {
  /** Path of a YAML or JSON file of fault rules. */
  readonly faults?: string;
  /** Where the plain lines go; default standard output. */
  readonly print?: (line: string) => void;
  /** Stops the sandbox, besides SIGTERM and SIGINT. */
  readonly signal?: AbortSignal;
}

/**
 * `keyturn sandbox`: runs until SIGTERM or SIGINT. Without a data directory it takes a temporary one and removes it
 * in the end. Throws a `SandboxError` when it cannot start.
 */
export async function runSandboxCommand({ print = printLine, signal, ...options }: SandboxCommandOptions = {}): Promise<void> {
  const temporary = options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'keyturn-sandbox-')) : undefined;
  const listening = new AbortController();
  try {
    // Signals that come during the start wait for its end: nothing is left half open.
    const stopped = stopRequest(listening.signal, signal);
    const sandbox = await startSandbox({ ...options, dataDir: options.dataDir ?? temporary ?? '' });
    print(`HyperMemory sandbox: ${sandbox.url} (plan ${options.plan ?? DEFAULTS.plan})`);
    print(`Admin key: in ${sandbox.adminKeyFile ?? ''}`);
    print(`Inspection: ${sandbox.url}/__sandbox/keys`);
    if (temporary !== undefined) print('State: temporary, gone when this stops (--data-dir keeps it)');
    await stopped;
    await sandbox.close();
    print('HyperMemory sandbox: stopped');
  } finally {
    listening.abort();
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
}

/** Resolves at the first request to stop; `listening` ends the watch. */
function stopRequest(listening: AbortSignal, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      const stop = (): void => resolve();
      process.once(name, stop);
      listening.addEventListener('abort', () => process.off(name, stop));
    }
    if (signal?.aborted === true) resolve();
    signal?.addEventListener('abort', () => resolve(), { signal: listening });
  });
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
