/** The demo's child processes: started from this clone, their output kept, never outliving the demo. */
import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const KEPT_LINES = 4_000;

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** True from its end on, whatever ended it. */
  readonly ended: boolean;
  /** Null while it runs; `exit code 1` or `SIGKILL` afterwards. */
  readonly end: string | null;
  /** What it wrote, standard output and error alike, oldest first. */
  readonly lines: readonly string[];
  /** The first message over IPC that it sent. */
  readonly message: unknown;
  /** How it ended, once it has. */
  readonly gone: Promise<string>;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, and kills it when it has not after `graceMs`. Gives how it ended. */
  stop(graceMs: number): Promise<string>;
}

export interface ChildOptions {
  readonly name: string;
  readonly module: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Told of each line that it writes. */
  readonly onLine?: (line: string) => void;
}

/** `fork` for its IPC channel: by it a child learns of this process's death. */
export function startChild({ name, module, args, env, cwd, onLine }: ChildOptions): Child {
  const child = fork(module, [...args], { cwd, env, execArgv: ['--import', besides('guard').href], silent: true });
  const lines: string[] = [];
  const state: { end: string | null; message: unknown } = { end: null, message: undefined };
  const ended = new Promise<string>((resolve) => {
    const over = (how: string): void => resolve((state.end ??= how));
    child.once('exit', (code, signal) => over(signal ?? `exit code ${code ?? 'unknown'}`));
    child.once('error', (error) => over(error.message));
  });
  child.once('message', (message) => (state.message = message));
  keepLines(child, lines, onLine);
  return {
    name,
    pid: child.pid ?? 0,
    get ended() { return state.end !== null; },
    get end() { return state.end; },
    lines,
    get message() { return state.message; },
    gone: ended,
    kill: (signal) => void child.kill(signal),
    async stop(graceMs) {
      if (state.end !== null) return state.end;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      return await ended.finally(() => clearTimeout(timer));
    },
  };
}

/** A module beside this one: .ts in a clone, .js where it was built. */
export function besides(module: string): URL {
  return new URL(`./${module}${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
}

function keepLines(child: ChildProcess, lines: string[], onLine: ChildOptions['onLine']): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      const plain = parts.map((line) => stripVTControlCharacters(line));
      lines.push(...plain);
      if (onLine !== undefined) plain.forEach(onLine);
      lines.splice(0, lines.length - KEPT_LINES);
    });
  }
}
