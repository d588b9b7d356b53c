import type { CommandSpec } from '../command.ts';

export const alertsShow: CommandSpec = {
  name: 'alerts show',
  group: 'Look',
  summary: 'One alert: what was expected and what is, what to do, whom it was told, and what happened to it',
  args: [['<id>', 'its id, or the beginning of it']],
  async run(cli, given) {
    const client = await cli.worker();
    const alert = await client.alert(given.args[0] ?? '');
    if (cli.json) {
      cli.out.json(alert);
      return 0;
    }
    const { printAlert } = await import('../alert-view.ts');
    printAlert(cli.out, alert);
    return 0;
  },
};
