import type { CommandSpec } from '../command.ts';

export const reload: CommandSpec = {
  name: 'reload',
  group: 'Change',
  summary: 'Have the worker read its configuration again, as SIGHUP does',
  details: 'A configuration with mistakes changes nothing: the worker keeps the one it has, and the mistakes are shown.',
  options: [['--reason <text>', 'why, for the audit log']],
  exits: { 2: 'the new configuration has mistakes; the old one stays' },
  async run(cli, given) {
    const client = await cli.worker();
    const result = await client.reload(cli.actor(given.text('reason') ?? ''));
    const { clean } = await import('../clean.ts');
    if (cli.json) cli.out.json(result);
    else if (result.applied) cli.out.line('The new configuration is in force.');
    if (!result.applied && !cli.json) {
      cli.out.note('error: The new configuration has mistakes; the worker keeps the old one.');
      for (const problem of result.problems) cli.out.note(`  ${clean(problem)}`);
    }
    return result.applied ? 0 : 2;
  },
};
