import type { CommandSpec, Given } from '../command.ts';
import { KeyturnError, type ErrorCode } from '../../core/errors.ts';
import type { SandboxCommandOptions } from '../../sandbox/command.ts';

export const sandbox: CommandSpec = {
  name: 'sandbox',
  group: 'Try out',
  summary: 'A HyperMemory-compatible service of your own, for trials and tests',
  details: 'Speaks the documented API and lists at /__sandbox/keys every key it ever minted. Stops on Ctrl-C.',
  options: [
    ['--port <port>', 'where it listens (default: a free port)'],
    ['--host <host>', 'default 127.0.0.1'],
    ['--data-dir <directory>', 'keep state here (default: a temporary directory)'],
    ['--plan <plan>', 'free, developer, pro or enterprise (default developer)'],
    ['--faults <file>', 'YAML or JSON rules that make it fail on purpose'],
    ['--latency <ms>', 'delay each request by this many milliseconds'],
    ['--generation <number>', 'which generation of the API: 1 or 2 (default 1)'],
    ['--environment <environment>', 'live or test: how keys begin (default live)'],
  ],
  async run(_cli, given) {
    const { runSandboxCommand } = await import('../../sandbox/command.ts');
    try {
      await runSandboxCommand(optionsOf(given));
      return 0;
    } catch (error) {
      throw translated(error);
    }
  },
};

/** The sandbox itself refuses what does not fit, so the words are passed on unjudged. */
function optionsOf(given: Given): SandboxCommandOptions {
  const number = (option: string): number | undefined => (given.text(option) === undefined ? undefined : Number(given.text(option)));
  const all = {
    port: number('port'), host: given.text('host'), dataDir: given.text('dataDir'), plan: given.text('plan'), faults: given.text('faults'),
    latencyMs: number('latency'), generation: number('generation'), environment: given.text('environment'),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  PORT_IN_USE: 'ADDRESS_IN_USE', CANNOT_LISTEN: 'ADDRESS_IN_USE', DATA_DIR_IN_USE: 'DATA_DIR_IN_USE',
  DATA_DIR_UNUSABLE: 'CONFIG_INVALID', FAULTS_INVALID: 'CONFIG_INVALID', OPTION_INVALID: 'USAGE',
};

/** The sandbox knows nothing of the rest, so its errors get their exit codes here. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'SandboxError' || !('code' in error)) return error;
  const code = CODES[String(error.code)];
  return code === undefined ? error : new KeyturnError(code, error.message, { cause: error });
}
