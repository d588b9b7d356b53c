import type { CommandSpec } from '../command.ts';

export const deliveriesRetry: CommandSpec = {
  name: 'deliveries retry',
  group: 'Change',
  summary: 'Try messages that got stuck again, of one channel or of all',
  args: [['[channel]', 'only this channel']],
  options: [['--reason <text>', 'why, for the audit log']],
  async run(cli, given) {
    const client = await cli.worker();
    const { retried } = await client.retryDeliveries(given.args[0] ?? null, cli.actor(given.text('reason') ?? ''));
    if (cli.json) cli.out.json({ retried });
    else cli.out.line(retried === 0 ? 'No message is stuck.' : `${retried} message${retried === 1 ? ' is' : 's are'} tried again.`);
    return 0;
  },
};
