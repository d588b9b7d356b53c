import type { CommandSpec } from '../command.ts';

export const silences: CommandSpec = {
  name: 'silences',
  group: 'Look',
  summary: 'Silences in force: which alerts nobody is told of, by whom and why',
  options: [['--all', 'also those that have ended']],
  async run(cli, given) {
    const { SILENCE_COLUMNS } = await import('../alert-view.ts');
    const { list } = await import('../table.ts');
    const client = await cli.worker();
    await list(cli.out, cli.json, await client.silences(given.flag('all') ? {} : { active: true }), SILENCE_COLUMNS, 'Nothing is silenced.');
    return 0;
  },
};
