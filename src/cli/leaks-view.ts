/** How reported leaks look. */
import type { LeakSourceView, LeakView } from '../app/leak-views.ts';
import { plural } from '../core/phrases.ts';
import { clean } from './clean.ts';
import type { Column } from './table.ts';
import type { Colors, Terminal } from './terminal.ts';
import { relative } from './times.ts';

const PAINT: Readonly<Record<string, 'red' | 'yellow' | 'green' | 'dim'>> = {
  emergency: 'yellow', older_key: 'yellow', already_condemned: 'green', already_revoked: 'green', told: 'red', unmanaged: 'red', unreadable: 'red', unknown: 'dim',
};

const paintOutcome = (colors: Colors, text: string, { outcome }: LeakView): string => colors[PAINT[outcome ?? ''] ?? 'yellow'](text);

export const LEAK_COLUMNS: readonly Column<LeakView>[] = [
  { head: 'REPORTED', exact: (row) => row.reportedAt, shown: (row) => relative(row.reportedAt) },
  { head: 'OUTCOME', exact: (row) => row.outcome ?? 'waiting', paint: paintOutcome },
  { head: 'CREDENTIAL', exact: (row) => row.credential ?? row.looksLike ?? '-' },
  { head: 'KEY', exact: (row) => row.issuerKeyId ?? '-', drop: 2 },
  { head: 'SOURCE', exact: (row) => row.source, drop: 1 },
  { head: 'WHERE', exact: (row) => row.url ?? '-', wraps: true },
  { head: 'SAYS', exact: (row) => row.message ?? row.lastError ?? '-', wraps: true, drop: 3 },
  { head: 'ROTATION', exact: (row) => row.rotationId ?? '-', drop: 4 },
  { head: 'ID', exact: (row) => row.id, drop: 5 },
];

/** What is only counted. */
export function printSources(out: Terminal, sources: readonly LeakSourceView[]): void {
  for (const { source, deliveries, leaks, foreign, malformed, lastAt } of sources) {
    const text = `${source}: ${plural(deliveries, 'report')} in 90 days, the last ${out.interactive ? relative(lastAt) : `at ${lastAt}`}; ${plural(leaks, 'leaked secret')}, ${foreign} of them none of ours${malformed === 0 ? '' : `; not understood: ${malformed}`}.`;
    out.line(out.interactive ? out.colors.dim(clean(text)) : `# ${clean(text)}`);
  }
}
