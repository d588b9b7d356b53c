/** The command line's way in: parse, run one command, say what went wrong, set the exit code. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { CommanderError } from 'commander';
import { readEnvironment, type Env } from '../config/environment.ts';
import { EXIT, KeyturnError } from '../core/errors.ts';
import type { Cli, CommandSpec, Given } from './command.ts';
import { fail } from './failing.ts';
import { buildProgram, type Globals } from './program.ts';
import { errorColors, openTerminal, quietOnClosedPipe, type TerminalChoice } from './terminal.ts';

export interface Invocation {
  /** What follows the program's name. */
  readonly argv: readonly string[];
  readonly env: Env;
  /** Keyturn's version. */
  readonly version: string;
}

/** Runs one command line and gives its exit code; never throws. */
export async function main(invocation: Invocation): Promise<number> {
  quietOnClosedPipe();
  let [exit, globals]: [number, Globals] = [EXIT.ok, { color: true }];
  const program = buildProgram(invocation.version, async (spec: CommandSpec, given: Given) => {
    globals = program.opts<Globals & Record<string, unknown>>();
    exit = await spec.run(surroundings(invocation, globals), given).catch((error: unknown) => { throw hinted(error, spec); });
  });
  try {
    await program.parseAsync([...invocation.argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (isCommanders(error)) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return fail(error, globals.json === true, errorColors(choiceOf(invocation, globals)));
  }
}

function hinted(error: unknown, { hints = {} }: CommandSpec): unknown {
  const hint = error instanceof KeyturnError ? hints[error.code] : undefined;
  if (hint === undefined || !(error instanceof KeyturnError)) return error;
  const { code, message, todo, effect } = error;
  return new KeyturnError(code, message, { cause: error, effect, todo: todo === undefined ? hint : `${todo} ${hint}` });
}

/** Commander has printed its message already; asking for help is no mistake, giving no command is. */
function isCommanders(error: unknown): error is CommanderError {
  return error instanceof Error && error.name === 'CommanderError';
}

function choiceOf({ env }: Invocation, globals: Globals): TerminalChoice {
  return { color: globals.color, noColor: readEnvironment(env).noColor, term: env['TERM'] };
}

function surroundings(invocation: Invocation, globals: Globals): Cli {
  const { env } = invocation;
  const environment = readEnvironment(env);
  const configPath = resolve(globals.config ?? environment.configPath ?? 'keyturn.yaml');
  // What is typed outweighs the environment, also where the two name different kinds of place.
  const typed = globals.socket !== undefined || globals.url !== undefined;
  const socket = globals.socket ?? (typed ? null : environment.apiSocket);
  const url = globals.url ?? (typed ? null : environment.apiUrl);
  return {
    out: openTerminal(choiceOf(invocation, globals)),
    json: globals.json === true,
    env,
    configPath,
    pointed: socket !== null || url !== null,
    worker: async (options) => {
      const [{ locate }, { connect }] = await Promise.all([import('./locate.ts'), import('../api/client.ts')]);
      return connect(await locate({ configPath, socket, url, tokenEnv: globals.tokenEnv ?? 'KEYTURN_TOKEN', env }), options);
    },
    actor: (why) => ({ who: `cli:${environment.user}@${hostname()}`, why }),
  };
}
