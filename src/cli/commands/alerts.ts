import type { CommandSpec } from '../command.ts';

export const alerts: CommandSpec = {
  name: 'alerts',
  group: 'Look',
  summary: 'What is unusual, and what was; open alerts first',
  details: 'An alert is pending, firing or recovering while it is open, and then resolved or expired. STANDING says who looks after it, or why nobody is told of it.',
  options: [
    ['--open', 'only those that are not over'],
    ['--credential <credential>', 'only about this credential'],
    ['--rule <rule>', 'only of this rule'],
    ['--limit <number>', 'at most this many (default 50)'],
  ],
  async run(cli, given) {
    const { countOf, filterOf } = await import('../given.ts');
    const { ALERT_COLUMNS } = await import('../alert-view.ts');
    const { list } = await import('../table.ts');
    const filter = { ...filterOf(given, ['credential', 'rule']), ...(given.flag('open') ? { open: true } : {}), limit: countOf(given, 'limit', 50, 1_000) };
    const client = await cli.worker();
    await list(cli.out, cli.json, await client.alerts(filter), ALERT_COLUMNS, given.flag('open') ? 'No alert is open.' : 'No alert yet.');
    return 0;
  },
};
