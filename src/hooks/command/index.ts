/**
 * A reload hook that runs a command: an argument array, no shell, no value anywhere. The command sees a minimal
 * environment, never the worker's own. It may run twice for one event (KEYTURN_DELIVERY tells), so it has to bear that.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KeyturnError } from '../../core/errors.ts';
import { carriesSecret } from '../../net/endpoint.ts';
import type { HookEvent, ReloadHook } from '../../ports/check.ts';
import { runBounded } from './run.ts';

export interface CommandHookOptions {
  readonly name: string;
  /** Program and arguments; given to the system as they are. */
  readonly command: readonly string[];
  /** Milliseconds; 30,000 by default. Then the whole process group is killed. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  /** Added to PATH, HOME and KEYTURN_*. */
  readonly env?: Readonly<Record<string, string>>;
  /** PATH of the command; the system's usual directories by default. */
  readonly path?: string;
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SHOWN_OUTPUT = 1_000;

/** Throws CONFIG_INVALID when the command is empty or carries a secret. */
export function createCommandHook(options: CommandHookOptions): ReloadHook {
  const [program, ...args] = options.command;
  if (program === undefined || program === '') {
    throw new KeyturnError('CONFIG_INVALID', `Hook ${options.name} has no command.`, { todo: 'Give a list: program, then arguments.', effect: 'none' });
  }
  const base = { PATH: options.path ?? SYSTEM_PATH, HOME: homedir(), ...options.env };
  refuseSecrets(options);

  return {
    name: options.name,
    type: 'command',
    async run(event, signal) {
      signal.throwIfAborted();
      refuseSecrets(options);
      const ended = await runBounded(program, args, {
        env: { ...base, ...eventEnvironment(event) },
        timeoutMs: options.timeoutMs ?? 30_000,
        signal,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
      signal.throwIfAborted();
      if (ended.how === 'ended 0') return;
      const output = ended.output === '' ? '' : ` It said: ${ended.output.slice(-SHOWN_OUTPUT)}`;
      throw new KeyturnError('HOOK_FAILED', `Hook ${options.name} failed: ${program} ${ended.how}, so the application may not have read its new key yet.${output}`, {
        todo: 'Run the command by hand, as the user of the worker.',
      });
    },
    async probe(signal) {
      const began = performance.now();
      signal.throwIfAborted();
      const found = await executable(program, base.PATH, options.cwd);
      const detail = found === null ? `${program} is not found or may not be executed` : `${found} may be executed`;
      return { ok: found !== null, detail, tookMs: Math.round(performance.now() - began) };
    },
  };
}

function eventEnvironment(event: HookEvent): Record<string, string> {
  return {
    KEYTURN_EVENT: event.event,
    KEYTURN_CREDENTIAL: event.credential,
    KEYTURN_ROTATION: event.rotationId ?? '',
    KEYTURN_DELIVERY: event.id,
  };
}

/** Arguments and environment of a process can be read by others on the machine. */
function refuseSecrets(options: CommandHookOptions): void {
  if (![...options.command, ...Object.values(options.env ?? {})].some(carriesSecret)) return;
  throw new KeyturnError('CONFIG_INVALID', `The command or environment of hook ${options.name} carries a secret value.`, {
    todo: 'Let the command read it from its store.',
    effect: 'none',
  });
}

async function executable(program: string, path: string, cwd: string | undefined): Promise<string | null> {
  const candidates = program.includes('/') ? [join(program.startsWith('/') ? '' : (cwd ?? ''), program)] : path.split(delimiter).map((folder) => join(folder, program));
  for (const candidate of candidates) {
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return candidate;
  }
  return null;
}
