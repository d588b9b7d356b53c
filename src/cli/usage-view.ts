/** What `usage` shows: each key with its figures and a sparkline, who calls, and sources that need somebody. */
import type { CallerView, KeyUsageView, ScopeView, SourceView, UsageView } from '../app/operations.ts';
import { bars } from './bars.ts';
import { printConcerns } from './concerns.ts';
import { plural } from '../core/phrases.ts';
import { paintKeyState } from './states.ts';
import { fit, list, type Column } from './table.ts';
import type { Terminal } from './terminal.ts';
import { relative, span } from './times.ts';

export async function printUsage(out: Terminal, view: UsageView): Promise<void> {
  const keys = view.keys.length === 0 ? `No key of ${view.credential} is alive or was used.` : '';
  // Where the bars have no room beside the figures, they stand below them.
  const beside = !out.interactive || fit(KEYS, view.keys, out.width).kept.includes(USE);
  await list(out, false, view.keys, beside ? KEYS : KEYS.filter((column) => column !== USE), keys);
  if (!beside) await below(out, view.keys, barsWithin(view.keys, out.width));
  await below(out, view.callers, CALLERS);
  await below(out, view.scopes, SCOPES);
  printConcerns(out, concernsOf(view));
}

async function below<Row>(out: Terminal, rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
  if (rows.length === 0) return;
  if (out.interactive) out.line('');
  await list(out, false, rows, columns, '');
}

/** Key and source, which a row is known by, and as many bars as have room. */
function barsWithin(rows: readonly KeyUsageView[], width: number): readonly Column<KeyUsageView>[] {
  const taken = [KEY, SOURCE].reduce((sum, column) => sum + Math.max(column.head.length, ...rows.map((row) => column.exact(row).length)) + 2, 0);
  const room = Math.max(8, width - taken);
  return [KEY, { ...SOURCE, drop: 1 }, { head: 'USE', exact: USE.exact, shown: (row) => bars(merged(row.cells, room)) }];
}

function merged(cells: readonly number[], most: number): readonly number[] {
  const each = Math.max(1, Math.ceil(cells.length / most));
  return Array.from({ length: Math.ceil(cells.length / each) }, (_, n) => cells.slice(n * each, (n + 1) * each).reduce((sum, cell) => sum + cell, 0));
}

function concernsOf({ sources, keys }: UsageView): readonly string[] {
  if (sources.length === 0) return ['No usage source has been read yet, so nothing is known of the use of keys: name some under `usage.sources`.'];
  const unseen = keys.length > 0 && keys.every(({ source }) => source === null);
  return [...sources.flatMap(concernsOfSource), ...(unseen ? ['No source saw any of these keys. Does it name keys as configured (`key.by`)?'] : [])];
}

function concernsOfSource({ source, failingSince, lastError, unknown, unknownExample, malformed, malformedExample }: SourceView): readonly string[] {
  return [
    ...(failingSince === null ? [] : [`${source} has not been read for ${span(Date.now() - Date.parse(failingSince))}, so newer usage is missing: ${lastError ?? 'no reason is known'}`]),
    ...(unknown === 0 ? [] : [`${source} told of ${plural(unknown, 'request')} with keys that Keyturn does not know${unknownExample === null ? '' : `, such as ${unknownExample}`}.`]),
    ...(malformed === 0 ? [] : [`${source} had ${plural(malformed, 'record')} that could not be used${malformedExample === null ? '' : `: ${malformedExample}`}.`]),
  ];
}

const share = (part: number, whole: number): string => (whole === 0 ? '-' : `${((part / whole) * 100).toFixed(part > 0 && part / whole < 0.1 ? 1 : 0)}%`);
const attention = (part: number, whole: number): boolean => whole > 0 && part / whole >= 0.05;

const KEY: Column<KeyUsageView> = { head: 'KEY', exact: (row) => row.issuerKeyId };
const SOURCE: Column<KeyUsageView> = { head: 'SOURCE', exact: (row) => row.source ?? '-', drop: 1 };
const USE: Column<KeyUsageView> = { head: 'USE', exact: (row) => row.cells.join(','), shown: (row) => bars(row.cells), drop: 4 };

const KEYS: readonly Column<KeyUsageView>[] = [
  KEY,
  { head: 'NAME', exact: (row) => row.name, drop: 6 },
  { head: 'STATE', exact: (row) => row.state, paint: (colors, text, row) => paintKeyState(colors, text, row.state) },
  SOURCE,
  { head: 'TODAY', exact: (row) => String(row.today.requests) },
  { head: 'REQUESTS', exact: (row) => String(row.span.requests), drop: 2 },
  { head: 'ERRORS', exact: (row) => share(row.span.failed, row.span.requests), paint: (colors, text, row) => (attention(row.span.failed, row.span.requests) ? colors.red(text) : text) },
  { head: 'DENIED', exact: (row) => String(row.span.denied), paint: (colors, text, row) => (row.span.denied > 0 ? colors.red(text) : text), drop: 3 },
  { head: 'LAST USED', exact: (row) => row.lastUsedAt ?? '-', shown: (row) => (row.lastUsedAt === null ? 'never seen' : relative(row.lastUsedAt)) },
  { head: 'ADDRESSES', exact: (row) => String(row.mostAddresses), drop: 5 },
  USE,
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
