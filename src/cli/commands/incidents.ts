import type { IncidentView } from '../../app/incident-operations.ts';
import type { CommandSpec } from '../command.ts';
import type { Column } from '../table.ts';
import { paintState } from '../states.ts';
import { relative } from '../times.ts';

export const incidents: CommandSpec = {
  name: 'incidents',
  group: 'Look',
  summary: 'Emergency revocations, newest first',
  details: 'Each has a report of what its keys did while they were exposed: `keyturn incidents show <id>`. Alerts that belong together are another thing: `keyturn alerts`.',
  options: [
    ['--credential <credential>', 'only of this credential'],
    ['--limit <number>', 'at most this many (default 50)'],
  ],
  async run(cli, given) {
    const { countOf, filterOf } = await import('../given.ts');
    const { list } = await import('../table.ts');
    const filter = { ...filterOf(given, ['credential']), limit: countOf(given, 'limit', 50, 1_000) };
    const client = await cli.worker();
    await list(cli.out, cli.json, await client.incidents(filter), COLUMNS, 'No key was revoked in an emergency yet.');
    return 0;
  },
};

const COLUMNS: readonly Column<IncidentView>[] = [
  { head: 'ID', exact: (row) => row.id },
  { head: 'CREDENTIAL', exact: (row) => row.credential },
  { head: 'STATE', exact: (row) => row.state, paint: (colors, text, row) => paintState(colors, text, row.state) },
  { head: 'ASKED', exact: (row) => row.at, shown: (row) => relative(row.at) },
  { head: 'ENDED', exact: (row) => row.finishedAt ?? '-', shown: (row) => relative(row.finishedAt), drop: 4 },
  { head: 'REPORTS', exact: (row) => String(row.reports), drop: 3 },
  { head: 'REPORTED', exact: (row) => row.reportedAt ?? '-', shown: (row) => relative(row.reportedAt), drop: 2 },
  { head: 'BY', exact: (row) => row.requestedBy, drop: 5 },
  { head: 'WHY', exact: (row) => row.why || '-', drop: 1, wraps: true },
];
