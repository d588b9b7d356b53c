import type { PublishResult } from '../../app/operations.ts';
import type { CommandSpec } from '../command.ts';
import type { Column } from '../table.ts';

export const publish: CommandSpec = {
  name: 'publish',
  group: 'Change',
  summary: 'Fill a newly added store with the current key, without a rotation',
  details: 'Writes only where the place is empty or serves an older key of the same credential.',
  args: [['<credential>', 'the credential to publish']],
  options: [['--reason <text>', 'why, for the audit log']],
  exits: { 1: 'a store could not be filled' },
  async run(cli, given) {
    const client = await cli.worker();
    const results = await client.publish(given.args[0] ?? '', cli.actor(given.text('reason') ?? ''));
    const { list } = await import('../table.ts');
    await list(cli.out, cli.json, results, COLUMNS, 'The credential has no stores.');
    return results.some((result) => result.outcome === 'failed') ? 1 : 0;
  },
};

const COLUMNS: readonly Column<PublishResult>[] = [
  { head: 'PLACE', exact: (row) => row.place },
  { head: 'OUTCOME', exact: (row) => row.outcome, paint: (colors, text, row) => (row.outcome === 'failed' ? colors.red(text) : colors.green(text)) },
  { head: 'DETAIL', exact: (row) => row.detail, wraps: true },
];
