/** How responses to findings look. */
import type { BreakerView, ResponseView } from '../app/response-operations.ts';
import type { ResponseState } from '../core/response.ts';
import { clean } from './clean.ts';
import type { Column } from './table.ts';
import type { Colors, Terminal } from './terminal.ts';
import { relative } from './times.ts';

const PAINT: Readonly<Record<ResponseState, 'red' | 'yellow' | 'green' | 'dim'>> = {
  waiting: 'yellow', accepted: 'yellow', done: 'green', moot: 'dim', declined: 'dim', expired: 'red', tripped: 'red', withheld: 'red',
};

const paintState = (colors: Colors, text: string, { state }: ResponseView): string => colors[PAINT[state]](text);

export const RESPONSE_COLUMNS: readonly Column<ResponseView>[] = [
  { head: 'OPENED', exact: (row) => row.openedAt, shown: (row) => relative(row.openedAt) },
  { head: 'STATE', exact: (row) => row.state, paint: paintState },
  { head: 'CREDENTIAL', exact: (row) => row.credential },
  { head: 'KEY', exact: (row) => row.issuerKeyId ?? '-', drop: 2 },
  { head: 'RULE', exact: (row) => row.rule, drop: 1 },
  { head: 'UNTIL', exact: (row) => (row.state === 'waiting' ? (row.expiresAt ?? '-') : '-'), shown: (row) => (row.state === 'waiting' ? relative(row.expiresAt) : '-') },
  { head: 'DECIDED BY', exact: (row) => row.decidedBy?.who ?? '-', wraps: true, drop: 4 },
  { head: 'SAYS', exact: (row) => row.lastError ?? row.message ?? row.title, wraps: true, drop: 5 },
  { head: 'ID', exact: (row) => row.id },
];

export function printBreaker(out: Terminal, { hour, maxPerHour, byIssuer, maxPerIssuerPerHour }: BreakerView): void {
  const issuers = Object.entries(byIssuer).map(([issuer, count]) => `${count} of ${maxPerIssuerPerHour} on ${issuer}`);
  const text = `Circuit breaker: ${hour} of ${maxPerHour} responses began within the last hour${issuers.length === 0 ? '' : `, ${issuers.join(', ')}`}.`;
  out.line(out.interactive ? out.colors.dim(clean(text)) : `# ${clean(text)}`);
}
