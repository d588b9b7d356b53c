/** What `usage` shows: each key with its figures and a sparkline, who calls, and sources that need somebody. */
import type { CallerView, KeyUsageView, ScopeView, SourceView, UsageView } from '../app/operations.ts';
import { bars } from './bars.ts';
import { printConcerns } from './concerns.ts';
import { paintKeyState } from './states.ts';
import { list, type Column } from './table.ts';
import type { Terminal } from './terminal.ts';
import { relative, span } from './times.ts';

export async function printUsage(out: Terminal, view: UsageView): Promise<void> {
  const keys = view.keys.length === 0 ? `No key of ${view.credential} is alive or was used.` : '';
  await list(out, false, view.keys, KEYS, keys);
  await below(out, view.callers, CALLERS);
  await below(out, view.scopes, SCOPES);
  printConcerns(out, concernsOf(view));
}

async function below<Row>(out: Terminal, rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
  if (rows.length === 0) return;
  if (out.interactive) out.line('');
  await list(out, false, rows, columns, '');
}

function concernsOf({ sources, keys }: UsageView): readonly string[] {
  if (sources.length === 0) return ['No usage source has been read yet, so nothing is known of the use of keys: name some under `usage.sources`.'];
  const unseen = keys.length > 0 && keys.every(({ source }) => source === null);
  return [...sources.flatMap(concernsOfSource), ...(unseen ? ['No source saw any of these keys. Does it name keys as configured (`key.by`)?'] : [])];
}

function concernsOfSource({ source, failingSince, lastError, unknown, unknownExample, malformed, malformedExample }: SourceView): readonly string[] {
  return [
    ...(failingSince === null ? [] : [`${source} has not been read for ${span(Date.now() - Date.parse(failingSince))}, so newer usage is missing: ${lastError ?? 'no reason is known'}`]),
    ...(unknown === 0 ? [] : [`${source} told of ${unknown} requests with keys that Keyturn does not know${unknownExample === null ? '' : `, such as ${unknownExample}`}.`]),
    ...(malformed === 0 ? [] : [`${source} had ${malformed} records that could not be used${malformedExample === null ? '' : `: ${malformedExample}`}.`]),
  ];
}

const share = (part: number, whole: number): string => (whole === 0 ? '-' : `${((part / whole) * 100).toFixed(part > 0 && part / whole < 0.1 ? 1 : 0)}%`);
const attention = (part: number, whole: number): boolean => whole > 0 && part / whole >= 0.05;

const KEYS: readonly Column<KeyUsageView>[] = [
  { head: 'KEY', exact: (row) => row.issuerKeyId },
  { head: 'NAME', exact: (row) => row.name, drop: 6 },
  { head: 'STATE', exact: (row) => row.state, paint: (colors, text, row) => paintKeyState(colors, text, row.state) },
  { head: 'SOURCE', exact: (row) => row.source ?? '-', drop: 4 },
  { head: 'TODAY', exact: (row) => String(row.today.requests) },
  { head: 'REQUESTS', exact: (row) => String(row.span.requests), drop: 1 },
  { head: 'ERRORS', exact: (row) => share(row.span.failed, row.span.requests), paint: (colors, text, row) => (attention(row.span.failed, row.span.requests) ? colors.red(text) : text) },
  { head: 'DENIED', exact: (row) => String(row.span.denied), paint: (colors, text, row) => (row.span.denied > 0 ? colors.red(text) : text), drop: 2 },
  { head: 'LAST USED', exact: (row) => row.lastUsedAt ?? '-', shown: (row) => (row.lastUsedAt === null ? 'never seen' : relative(row.lastUsedAt)) },
  { head: 'ADDRESSES', exact: (row) => String(row.mostAddresses), drop: 5 },
  { head: 'USE', exact: (row) => row.cells.join(','), shown: (row) => bars(row.cells), drop: 3 },
];

const CALLERS: readonly Column<CallerView>[] = [
  { head: 'ADDRESS', exact: (row) => (row.address === '' ? '-' : row.address) },
  { head: 'USER AGENT', exact: (row) => (row.agent === '' ? '-' : row.agent), wraps: true },
  { head: 'KEY', exact: (row) => row.issuerKeyId, drop: 2 },
  { head: 'KEY STATE', exact: (row) => row.keyState, paint: (colors, text, row) => paintKeyState(colors, text, row.keyState), drop: 3 },
  { head: 'REQUESTS', exact: (row) => String(row.requests) },
  { head: 'DENIED', exact: (row) => String(row.denied), drop: 4 },
  { head: 'FIRST SEEN', exact: (row) => row.firstSeenAt, shown: (row) => relative(row.firstSeenAt), drop: 5 },
  { head: 'LAST SEEN', exact: (row) => row.lastSeenAt, shown: (row) => relative(row.lastSeenAt) },
];

const SCOPES: readonly Column<ScopeView>[] = [
  { head: 'SCOPE ASKED FOR', exact: (row) => row.scope ?? '-', shown: (row) => row.scope ?? 'not known' },
  { head: 'SOURCE', exact: (row) => row.source, drop: 3 },
  { head: 'REQUESTS', exact: (row) => String(row.requests) },
  { head: 'REFUSED', exact: (row) => String(row.refused), paint: (colors, text, row) => (row.refused > 0 ? colors.red(text) : text), drop: 2 },
  { head: 'FIRST SEEN', exact: (row) => row.firstSeenAt, shown: (row) => relative(row.firstSeenAt), drop: 1 },
  { head: 'LAST SEEN', exact: (row) => row.lastSeenAt, shown: (row) => relative(row.lastSeenAt) },
];
