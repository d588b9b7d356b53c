import type { CommandSpec } from '../command.ts';
import { requiredReason } from '../reason.ts';

export const alertsAck: CommandSpec = {
  name: 'alerts ack',
  group: 'Change',
  summary: 'Look after an alert: it is not repeated until it gets worse or is over',
  details: 'Counts for its whole incident. Its end is told as usual.',
  args: [['<id>', 'its id, or the beginning of it']],
  options: [['--reason <text>', 'why it may wait, or what you do about it, for the audit log and for whoever else sees it (required)']],
  exits: { 0: 'acknowledged, now or before', 1: 'it is over', 5: 'there is no such alert' },
  async run(cli, given) {
    const reason = requiredReason(given, 'An acknowledgement', 'looking into it with the platform team');
    const client = await cli.worker();
    const { alert, already } = await client.acknowledgeAlert(given.args[0] ?? '', cli.actor(reason));
    if (cli.json) cli.out.json({ alert, already });
    else cli.out.line(already ? `${alert.acknowledged?.by ?? 'Somebody'} looks after it already.` : `You look after alert ${alert.id}: it is not repeated until it gets worse or is over.`);
    return 0;
  },
};
