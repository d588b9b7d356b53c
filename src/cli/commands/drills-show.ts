import type { CommandSpec } from '../command.ts';

export const drillsShow: CommandSpec = {
  name: 'drills show',
  group: 'Look',
  summary: 'One drill: its figures, what it does now or why it did not pass, and its rotations',
  args: [['<id>', 'its id, or the beginning of it']],
  async run(cli, given) {
    const drill = await (await cli.worker()).drill(given.args[0] ?? '');
    if (cli.json) cli.out.json(drill);
    else (await import('../drill-view.ts')).printDrill(cli.out, drill);
    return 0;
  },
};
