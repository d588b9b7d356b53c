import type { KeyView } from '../../app/operations.ts';
import { clean } from '../clean.ts';
import type { CommandSpec } from '../command.ts';
import { paintKeyState } from '../states.ts';
import type { Column } from '../table.ts';
import { relative } from '../times.ts';

export const keys: CommandSpec = {
  name: 'keys',
  group: 'Look',
  summary: 'Keys at the issuers, with their use today',
  details: 'Keys that Keyturn did not make are `unmanaged`, and those of a credential that left the configuration `undeclared`: reported, never touched.',
  options: [
    ['--credential <credential>', 'only keys of this credential'],
    ['--issuer <issuer>', 'only keys of this issuer'],
  ],
  async run(cli, given) {
    const { filterOf } = await import('../given.ts');
    const { list } = await import('../table.ts');
    const client = await cli.worker();
    const rows = await client.keys(filterOf(given, ['credential', 'issuer']));
    await list(cli.out, cli.json, rows, COLUMNS, 'No keys.');
    const silent = new Set(rows.filter((row) => !row.issuerAnswered).map((row) => row.issuer));
    for (const issuer of silent) cli.out.note(clean(`warning: ${issuer} did not answer, so its keys are shown as the ledger has them. See \`keyturn doctor\`.`));
    return 0;
  },
};

const known = (value: number | string | null): string => (value === null ? '-' : String(value));
const percent = (share: number | null): string => (share === null ? '-' : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`);

const COLUMNS: readonly Column<KeyView>[] = [
  { head: 'NAME', exact: (row) => row.name },
  { head: 'CREDENTIAL', exact: (row) => known(row.credential), drop: 3 },
  { head: 'ISSUER', exact: (row) => row.issuer, drop: 8 },
  { head: 'ID', exact: (row) => row.issuerKeyId, drop: 7 },
  { head: 'PREFIX', exact: (row) => row.prefix, drop: 4 },
  { head: 'SCOPES', exact: (row) => row.scopes.join(','), shown: (row) => row.scopes.join(', '), drop: 5, wraps: true },
  { head: 'CREATED', exact: (row) => known(row.createdAt), shown: (row) => relative(row.createdAt), drop: 6 },
  { head: 'LAST USED', exact: (row) => known(row.lastUsedAt), shown: (row) => (row.lastUsedAt === null ? (row.issuerAnswered ? 'never' : '?') : relative(row.lastUsedAt)) },
  { head: 'TODAY', exact: (row) => known(row.requestsToday) },
  { head: 'ERRORS', exact: (row) => known(row.errorRate), shown: (row) => percent(row.errorRate), paint: (colors, text, row) => ((row.errorRate ?? 0) >= 0.05 ? colors.red(text) : text) },
  { head: 'STATE', exact: (row) => row.state, paint: (colors, text, row) => paintKeyState(colors, text, row.state) },
];
