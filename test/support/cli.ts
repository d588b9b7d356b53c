/** Runs the real command line as a process of its own, plain or on a terminal. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
export const LAUNCHER = join(ROOT, 'bin', 'keyturn.js');

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the process once it runs, and on each piece of output. */
  readonly onOutput?: (output: string, child: ChildProcess) => void;
}

const TIME_LIMIT_MS = 60_000;

export function keyturn(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return run(process.execPath, [LAUNCHER, ...args], options);
}

/** The same in a pseudo-terminal of `columns`; what both streams said is in `stdout`. */
export function keyturnOnTerminal(args: readonly string[], columns: number, options: CliOptions = {}): Promise<CliResult> {
  const quoted = [process.execPath, LAUNCHER, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return run('script', ['-qefc', `stty cols ${columns} rows 50 -echo; ${quoted}`, '/dev/null'], options);
}

/** Whether `script` of util-linux is there to make a terminal. */
export function canMakeTerminal(): boolean {
  return spawnSync('script', ['-qefc', 'true', '/dev/null']).status === 0;
}

function run(command: string, args: readonly string[], options: CliOptions): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? ROOT, timeout: TIME_LIMIT_MS, stdio: 'pipe',
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm', USER: 'alice', ...options.env },
    });
    let [stdout, stderr] = ['', ''];
    const heard = (): void => options.onOutput?.(stdout + stderr, child);
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); heard(); });
    child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); heard(); });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
