import type { CommandSpec } from '../command.ts';

export const silencesEnd: CommandSpec = {
  name: 'silences end',
  group: 'Change',
  summary: 'End a silence before its time',
  args: [['<id>', 'its id, or the beginning of it']],
  options: [['--reason <text>', 'why, for the audit log']],
  async run(cli, given) {
    const client = await cli.worker();
    const ended = await client.endSilence(given.args[0] ?? '', cli.actor(given.text('reason') ?? ''));
    if (cli.json) cli.out.json(ended);
    else cli.out.line(ended.ended ? `Ended silence ${ended.id}: what is still true of its alerts is told with the next scan.` : `Silence ${ended.id} had ended already.`);
    return 0;
  },
};
