import type { CommandSpec } from '../command.ts';

export const up: CommandSpec = {
  name: 'up',
  group: 'Set up',
  summary: 'Run the worker: rotates on policy, and serves the control API',
  details: 'SIGTERM or Ctrl-C finishes or hands over what runs, SIGHUP reads the configuration again.',
  exits: { 2: 'the configuration has mistakes', 3: 'the ledger, queue, data directory, port or socket cannot be had' },
  async run(cli) {
    const { runWorker } = await import('../run-worker.ts');
    await runWorker({ configPath: cli.configPath });
    return 0;
  },
};
