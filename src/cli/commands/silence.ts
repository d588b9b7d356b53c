import { KeyturnError } from '../../core/errors.ts';
import type { CommandSpec } from '../command.ts';
import { requiredReason } from '../reason.ts';

export const silence: CommandSpec = {
  name: 'silence',
  group: 'Change',
  summary: 'Tell nobody of some alerts for a while',
  details: 'A matcher is `rule=…`, `credential=…`, `issuer=…`, `owner=…`, `severity=…` or `label.<name>=…`, and `*` stands for anything; of several all must hold. Alerts live on meanwhile: what is still true when the silence ends is told then.',
  args: [['<matcher...>', 'which alerts, such as credential=prod-* rule=error_rate']],
  options: [
    ['--for <duration>', 'how long, such as 90m, 2h or 3d (required)'],
    ['--reason <text>', 'why, for the audit log and for whoever wonders (required)'],
  ],
  async run(cli, given) {
    const { durationOf } = await import('../given.ts');
    const { parseMatcher } = await import('../../core/matcher.ts');
    given.args.forEach(parseMatcher);
    const forMs = durationOf(given, 'for', { least: '1m' });
    if (forMs === undefined) throw new KeyturnError('USAGE', 'A silence wants an end.', { todo: 'For example --for 2h.' });
    const reason = requiredReason(given, 'A silence', 'load test until noon');
    const client = await cli.worker();
    const made = await client.silence({ matchers: given.args, forMs }, cli.actor(reason));
    if (cli.json) cli.out.json(made);
    else cli.out.line(`Silenced until ${made.endsAt}; ${made.mutes === 0 ? 'no alert is open that it fits' : `of open alerts it fits ${made.mutes}`}. End it with \`keyturn silences end ${made.id}\`.`);
    return 0;
  },
};
