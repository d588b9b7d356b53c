import type { RotationSummary } from '../../app/operations.ts';
import type { CommandSpec } from '../command.ts';
import type { Column } from '../table.ts';
import { paintState } from '../states.ts';
import { relative } from '../times.ts';

export const rotations: CommandSpec = {
  name: 'rotations',
  group: 'Look',
  summary: 'Rotations, newest first',
  options: [
    ['--credential <credential>', 'only of this credential'],
    ['--open', 'only those that have not ended'],
    ['--limit <number>', 'at most this many (default 50)'],
  ],
  async run(cli, given) {
    const { countOf, filterOf } = await import('../given.ts');
    const { list } = await import('../table.ts');
    const filter = { ...filterOf(given, ['credential']), ...(given.flag('open') ? { open: true } : {}), limit: countOf(given, 'limit', 50, 1_000) };
    const client = await cli.worker();
    await list(cli.out, cli.json, await client.rotations(filter), COLUMNS, given.flag('open') ? 'No rotation is open.' : 'No rotation yet.');
    return 0;
  },
};

const COLUMNS: readonly Column<RotationSummary>[] = [
  { head: 'ID', exact: (row) => row.id },
  { head: 'CREDENTIAL', exact: (row) => row.credential },
  { head: 'KIND', exact: (row) => row.kind, drop: 2 },
  { head: 'STATE', exact: (row) => row.state, paint: (colors, text, row) => paintState(colors, text, row.state) },
  { head: 'REASON', exact: (row) => row.reason, drop: 3 },
  { head: 'STARTED', exact: (row) => row.createdAt, shown: (row) => relative(row.createdAt) },
  { head: 'ENDED', exact: (row) => row.finishedAt ?? '-', shown: (row) => relative(row.finishedAt), drop: 4 },
  { head: 'BY', exact: (row) => row.requestedBy, drop: 5 },
];
