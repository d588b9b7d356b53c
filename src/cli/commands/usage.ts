import type { CommandSpec } from '../command.ts';

export const usage: CommandSpec = {
  name: 'usage',
  group: 'Look',
  summary: 'How the keys of a credential are used, and who calls with them',
  details: 'Figures come from the usage sources of the configuration; two that see the same requests are shown apart, never added up.',
  args: [['<credential>', 'whose keys']],
  options: [['--since <duration>', 'how far back, for example `90m`, `24h` or `30d`; a day unless given']],
  async run(cli, given) {
    const { durationOf } = await import('../given.ts');
    const { printUsage } = await import('../usage-view.ts');
    const sinceMs = durationOf(given, 'since', { least: '1m', most: '400d' });
    const client = await cli.worker();
    const view = await client.usage({ credential: given.args[0] ?? '', ...(sinceMs === undefined ? {} : { sinceMs }) });
    if (cli.json) cli.out.json(view);
    else await printUsage(cli.out, view);
    return 0;
  },
};
