import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { scrub } from '../../core/secret.ts';

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Ended {
  /** `ended 0`, `ended 3`, `was killed by SIGSEGV`, `could not be started (ENOENT)`, `did not end within 5 s`, `was stopped`. */
  readonly how: string;
  /** The last of stdout and stderr, scrubbed. */
  readonly output: string;
}

/** Much more than is ever shown, so that a secret cut in two at the edge is far from what is. */
const MAX_OUTPUT = 64 * 1024;
const GRACE_MS = 1_000;
/** A grandchild may hold the pipes open after its parent ended. */
const DRAIN_MS = 200;

/** Runs a program in a process group of its own; at the time-out or when told to stop the group gets SIGTERM, then SIGKILL. Never throws. */
export function runBounded(program: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      shell: false,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const stop = AbortSignal.any([timeout, options.signal]);
    const output = collect(child);
    let killed: NodeJS.Timeout | undefined;

    const kill = (): void => {
      signalGroup(child, 'SIGTERM');
      killed = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS);
    };
    let settled = false;
    const finish = (how: string): void => {
      if (settled) return;
      settled = true;
      clearTimeout(killed);
      stop.removeEventListener('abort', kill);
      if (stop.aborted) signalGroup(child, 'SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ how: stop.aborted ? stopped(timeout, options.timeoutMs) : how, output: scrub(output()).trim() });
    };

    stop.addEventListener('abort', kill, { once: true });
    child.once('error', (error: NodeJS.ErrnoException) => finish(`could not be started (${error.code ?? error.name})`));
    child.once('exit', (code, signal) => {
      const how = signal === null ? `ended ${code}` : `was killed by ${signal}`;
      const drained = setTimeout(() => finish(how), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(drained);
        finish(how);
      });
    });
    if (stop.aborted) kill();
  });
}

function collect(child: ChildProcess): () => string {
  let kept = Buffer.alloc(0);
  const add = (chunk: Buffer): void => {
    kept = Buffer.concat([kept, chunk]).subarray(-MAX_OUTPUT);
  };
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  return () => kept.toString('utf8');
}

function stopped(timeout: AbortSignal, timeoutMs: number): string {
  return timeout.aborted ? `did not end within ${timeoutMs / 1_000} s` : 'was stopped';
}

/** The whole group: a shell script's children too. It may be gone already. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // nobody left to signal
  }
}
