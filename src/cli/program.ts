/** The command line, built from the list of commands. */
import { Command, Option } from 'commander';
import type { CommandSpec, Given } from './command.ts';
import { GROUPS } from './command.ts';
import { COMMANDS } from './commands/index.ts';

/** Options of every command. */
export const GLOBAL_OPTIONS: readonly (readonly [form: string, about: string])[] = [
  ['--config <file>', 'configuration file (default keyturn.yaml, or $KEYTURN_CONFIG)'],
  ['--socket <path>', 'the worker\'s Unix socket (default from the configuration, or $KEYTURN_SOCKET)'],
  ['--url <url>', 'the worker\'s address over TCP (or $KEYTURN_URL)'],
  ['--token-env <name>', 'variable that holds the token for --url (default KEYTURN_TOKEN)'],
  ['--json', 'print one JSON document'],
  ['--no-color', 'no colours (also $NO_COLOR)'],
];

export interface Globals {
  readonly config?: string;
  readonly socket?: string;
  readonly url?: string;
  readonly tokenEnv?: string;
  readonly json?: boolean;
  readonly color: boolean;
}

export type Runner = (spec: CommandSpec, given: Given) => Promise<void>;

export function buildProgram(version: string, run: Runner): Command {
  const program = new Command('keyturn')
    .description('Keeps API keys fresh without anyone noticing.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'explain a command')
    .showHelpAfterError('(keyturn --help explains)')
    .configureHelp({ sortSubcommands: false, subcommandTerm: termOf })
    .exitOverride();
  for (const [form, about] of GLOBAL_OPTIONS) program.addOption(new Option(form, about));
  for (const group of GROUPS) {
    for (const spec of COMMANDS.filter((spec) => spec.group === group)) addCommand(program, spec, run);
  }
  return program;
}

function addCommand(program: Command, spec: CommandSpec, run: Runner): void {
  const words = spec.name.split(' ');
  const parent = words.length === 1 ? program : groupOf(program, words[0] ?? '', spec);
  const command = parent.command(words.at(-1) ?? '').summary(spec.summary).description(spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`);
  if (parent === program) command.helpGroup(`${spec.group}:`);
  for (const [form, about] of spec.args ?? []) command.argument(form, about);
  for (const [form, about] of spec.options ?? []) command.addOption(new Option(form, about));
  command.action(() => run(spec, givenOf(command)));
}

/** `rotations` lists and has `rotations show`; `deliveries` only holds its commands together. */
function groupOf(program: Command, name: string, spec: CommandSpec): Command {
  return program.commands.find((command) => command.name() === name) ?? program.command(name).summary(spec.summary).helpGroup(`${spec.group}:`);
}

function givenOf(command: Command): Given {
  // With the outer command's: `alerts` reads a `--rule` that stands after `alerts route`, before `route` can.
  const options = command.optsWithGlobals<Record<string, unknown>>();
  return {
    args: command.args,
    text: (name) => (typeof options[name] === 'string' ? options[name] : undefined),
    list: (name) => (Array.isArray(options[name]) ? options[name].map(String) : []),
    flag: (name) => options[name] === true,
    off: (name) => options[name] === false,
  };
}

/** `audit [verify]`, `rotate [credential...]`: what follows the name, without the options that `--help` lists. */
function termOf(command: Command): string {
  const inner = command.commands.map((sub) => sub.name()).filter((name) => name !== 'help').join('|');
  const args = command.registeredArguments.map((argument) => `${argument.required ? '<' : '['}${argument.name()}${argument.variadic ? '...' : ''}${argument.required ? '>' : ']'}`);
  return [command.name(), ...(inner === '' ? [] : [`[${inner}]`]), ...args].join(' ');
}
