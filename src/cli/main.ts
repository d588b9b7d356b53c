/** The command line's way in: parse, run one command, say what went wrong, set the exit code. */
import { resolve } from 'node:path';
import type { CommanderError } from 'commander';
import { EXIT } from '../core/errors.ts';
import type { Cli, CommandSpec, Given } from './command.ts';
import { fail } from './failing.ts';
import { buildProgram, type Globals } from './program.ts';
import { typist } from './who.ts';
import { errorColors, openTerminal, quietOnClosedPipe, type TerminalChoice } from './terminal.ts';

export interface Invocation {
  /** What follows the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Keyturn's version. */
  readonly version: string;
}

/** Runs one command line and gives its exit code; never throws. */
export async function main(invocation: Invocation): Promise<number> {
  quietOnClosedPipe();
  let [exit, globals]: [number, Globals] = [EXIT.ok, { color: true }];
  const program = buildProgram(invocation.version, async (spec: CommandSpec, given: Given) => {
    globals = program.opts<Globals & Record<string, unknown>>();
    exit = await spec.run(surroundings(invocation, globals), given);
  });
  try {
    await program.parseAsync([...invocation.argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (isCommanders(error)) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return fail(error, globals.json === true, errorColors(choiceOf(invocation, globals)));
  }
}

/** Commander has printed its message already; asking for help is no mistake, giving no command is. */
function isCommanders(error: unknown): error is CommanderError {
  return error instanceof Error && error.name === 'CommanderError';
}

function choiceOf({ env }: Invocation, globals: Globals): TerminalChoice {
  return { color: globals.color, noColor: env['NO_COLOR'], term: env['TERM'] };
}

function surroundings(invocation: Invocation, globals: Globals): Cli {
  const { env } = invocation;
  const configPath = resolve(globals.config ?? nonEmpty(env['KEYTURN_CONFIG']) ?? 'keyturn.yaml');
  const typed = globals.socket !== undefined || globals.url !== undefined;
  const socket = globals.socket ?? (typed ? undefined : nonEmpty(env['KEYTURN_SOCKET']));
  const url = globals.url ?? (typed ? undefined : nonEmpty(env['KEYTURN_URL']));
  return {
    out: openTerminal(choiceOf(invocation, globals)),
    json: globals.json === true,
    configPath,
    pointed: socket !== undefined || url !== undefined,
    worker: async (options) => {
      const [{ locate }, { connect }] = await Promise.all([import('./locate.ts'), import('../api/client.ts')]);
      return connect(await locate({ configPath, socket, url, tokenEnv: globals.tokenEnv ?? 'KEYTURN_TOKEN', env }), options);
    },
    actor: (why) => ({ who: typist(), why }),
  };
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
