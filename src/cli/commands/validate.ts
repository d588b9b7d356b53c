import type { CommandSpec } from '../command.ts';

export const validate: CommandSpec = {
  name: 'validate',
  group: 'Set up',
  summary: 'Check the configuration file, every mistake at once, with its line',
  details: 'Touches nothing outside and resolves no secret; `keyturn doctor` does.',
  exits: { 2: 'the configuration has mistakes' },
  async run(cli) {
    const { loadConfig } = await import('../../config/index.ts');
    const config = await loadConfig(cli.configPath);
    return config === undefined ? 1 : 0;
  },
};
