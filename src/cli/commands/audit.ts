import type { AuditView } from '../../app/operations.ts';
import type { CommandSpec } from '../command.ts';
import type { Column } from '../table.ts';
import { relative } from '../times.ts';

export const audit: CommandSpec = {
  name: 'audit',
  group: 'Look',
  summary: 'Who did what, and why; newest first',
  options: [
    ['--credential <credential>', 'only about this credential'],
    ['--limit <number>', 'at most this many (default 50)'],
  ],
  async run(cli, given) {
    const { countOf, filterOf } = await import('../given.ts');
    const { list } = await import('../table.ts');
    const client = await cli.worker();
    const events = await client.audit({ ...filterOf(given, ['credential']), limit: countOf(given, 'limit', 50, 10_000) });
    await list(cli.out, cli.json, events, COLUMNS, 'No events.');
    return 0;
  },
};

const detailOf = (row: AuditView): string => (Object.keys(row.detail).length === 0 ? '' : JSON.stringify(row.detail));

const COLUMNS: readonly Column<AuditView>[] = [
  { head: 'SEQ', exact: (row) => String(row.seq) },
  { head: 'AT', exact: (row) => row.at, shown: (row) => relative(row.at) },
  { head: 'EVENT', exact: (row) => row.type },
  { head: 'CREDENTIAL', exact: (row) => row.credential ?? '-' },
  { head: 'WHO', exact: (row) => row.who, drop: 1 },
  { head: 'KEY', exact: (row) => row.keyId ?? '-', drop: 4 },
  { head: 'ROTATION', exact: (row) => row.rotationId ?? '-', drop: 5 },
  { head: 'WHY', exact: (row) => row.why, drop: 2, wraps: true },
  { head: 'DETAIL', exact: detailOf, drop: 6, wraps: true },
];
