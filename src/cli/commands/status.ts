import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

const EVERY_MS = 2_000;

export const status: CommandSpec = {
  name: 'status',
  group: 'Look',
  summary: 'Every credential: its key, when it is due, and what needs a person',
  options: [['--watch', `show it anew every ${EVERY_MS / 1_000} seconds, until Ctrl-C`]],
  async run(cli, given) {
    const watched = given.flag('watch');
    if (watched && (!cli.out.interactive || cli.json)) throw new KeyturnError('USAGE', '--watch needs a terminal.', { todo: 'Leave it out, and ask as often as you like.' });
    const { printStatus } = await import('../status-view.ts');
    const client = await cli.worker();
    for (;;) {
      const view = await client.status();
      if (watched) process.stdout.write('\u001b[H\u001b[2J\u001b[3J');
      if (cli.json) cli.out.json(view);
      else await printStatus(cli.out, view);
      if (!watched) return 0;
      await new Promise((resolve) => { setTimeout(resolve, EVERY_MS); });
    }
  },
};
