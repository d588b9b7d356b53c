import { KeyturnError } from '../../core/errors.ts';
import type { Severity } from '../../core/vocabulary.ts';
import type { CommandSpec } from '../command.ts';

const SEVERITIES: readonly string[] = ['info', 'warning', 'critical'] satisfies readonly Severity[];

export const alertsRoute: CommandSpec = {
  name: 'alerts route',
  group: 'Look',
  summary: 'Which channels an alert would go to, by which route, and what mutes it',
  details: 'Sends nothing. Owner and labels are those of the credential, the severity that of the rule, unless given.',
  options: [
    ['--dry-run', 'say that nothing is to be sent (nothing ever is)'],
    ['--rule <rule>', 'an alert of this rule'],
    ['--credential <credential>', 'about this credential'],
    ['--severity <severity>', '`info`, `warning` or `critical`'],
    ['--owner <owner>', 'of this owner'],
  ],
  async run(cli, given) {
    const { filterOf } = await import('../given.ts');
    const severity = given.text('severity');
    if (severity !== undefined && !SEVERITIES.includes(severity)) throw new KeyturnError('USAGE', '--severity takes info, warning or critical.');
    const client = await cli.worker();
    const route = await client.alertRoute({ ...filterOf(given, ['rule', 'credential', 'owner']), ...(severity === undefined ? {} : { severity: severity as Severity }) });
    if (cli.json) {
      cli.out.json(route);
      return 0;
    }
    const { printRoute } = await import('../alert-view.ts');
    await printRoute(cli.out, route);
    return 0;
  },
};
