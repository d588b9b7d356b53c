/** How alerts, silences and routes look. */
import type { AlertDetail, AlertRoute, AlertView, MuteView, SilenceView } from '../app/alert-operations.ts';
import { clean } from './clean.ts';
import { list, plain, type Column } from './table.ts';
import { wrap, type Colors, type Terminal } from './terminal.ts';
import { relative, span } from './times.ts';

const STATE_PAINT: Readonly<Record<string, 'red' | 'yellow' | 'green' | 'dim'>> = { firing: 'red', recovering: 'yellow', pending: 'yellow', resolved: 'green', expired: 'dim' };
const SEVERITY_PAINT: Readonly<Record<string, 'red' | 'yellow' | 'cyan'>> = { critical: 'red', warning: 'yellow', info: 'cyan' };

const paintState = (colors: Colors, text: string, { state }: AlertView): string => colors[STATE_PAINT[state] ?? 'dim'](text);
const paintSeverity = (colors: Colors, text: string, { severity }: AlertView): string => colors[SEVERITY_PAINT[severity] ?? 'cyan'](text);

/** Who looks after it, or why nobody hears of it. */
function standing({ acknowledged, muted }: AlertView): string {
  if (muted !== null) return mutedText(muted);
  return acknowledged === null ? '-' : `${acknowledged.by} looks after it`;
}

function mutedText({ by, id, until, why }: MuteView): string {
  return `${why} (${by} ${id}${until === null ? '' : `, until ${until}`})`;
}

export const ALERT_COLUMNS: readonly Column<AlertView>[] = [
  { head: 'ID', exact: (row) => row.id },
  { head: 'STATE', exact: (row) => row.state, paint: paintState },
  { head: 'SEVERITY', exact: (row) => row.severity, paint: paintSeverity, drop: 1 },
  { head: 'WHAT', exact: (row) => row.title, wraps: true },
  { head: 'ACTUAL', exact: (row) => row.actual, drop: 3, wraps: true },
  { head: 'RULE', exact: (row) => row.rule, drop: 4 },
  { head: 'CREDENTIAL', exact: (row) => row.credential ?? '-', drop: 5 },
  { head: 'SINCE', exact: (row) => row.firedAt ?? '-', shown: (row) => relative(row.firedAt) },
  { head: 'ENDED', exact: (row) => row.endedAt ?? '-', shown: (row) => relative(row.endedAt), drop: 6 },
  { head: 'STANDING', exact: standing, drop: 2, wraps: true },
];

export const SILENCE_COLUMNS: readonly Column<SilenceView>[] = [
  { head: 'ID', exact: (row) => row.id },
  { head: 'ALERTS', exact: (row) => row.matchers.join(' '), wraps: true },
  { head: 'ENDS', exact: (row) => row.endsAt, shown: (row) => (row.active ? relative(row.endsAt) : `ended ${relative(row.endsAt)}`) },
  { head: 'BY', exact: (row) => row.by, drop: 1 },
  { head: 'WHY', exact: (row) => row.why, wraps: true },
  { head: 'ENDED BY', exact: (row) => row.endedBy ?? '-', drop: 2 },
];

const LABEL_WIDTH = 12;

export function printAlert(out: Terminal, alert: AlertDetail): void {
  for (const [label, text] of factsOf(out, alert)) field(out, label, text);
  out.line('');
  if (!out.interactive) return plain(out, alert.events, EVENT_COLUMNS);
  for (const { at, what, detail } of alert.events) {
    const [first = '', ...more] = wrap(clean(detail), Math.max(20, out.width - 2 * (LABEL_WIDTH + 1)));
    out.line(`${out.colors.dim(relative(at).padEnd(LABEL_WIDTH))} ${what.padEnd(LABEL_WIDTH)} ${first}`);
    for (const line of more) out.line(`${' '.repeat(2 * LABEL_WIDTH + 1)} ${line}`);
  }
}

const EVENT_COLUMNS: readonly Column<AlertDetail['events'][number]>[] = [
  { head: 'AT', exact: (row) => row.at },
  { head: 'WHAT', exact: (row) => row.what },
  { head: 'DETAIL', exact: (row) => row.detail },
];

function factsOf(out: Terminal, alert: AlertDetail): readonly (readonly [label: string, text: string])[] {
  const when = (iso: string | null): string => (iso === null || !out.interactive ? (iso ?? '-') : `${relative(iso)} (${iso})`);
  const { acknowledged, muted, others } = alert;
  return [
    ['alert', `${alert.id}${alert.incident === alert.id ? '' : ` of incident ${alert.incident}`}`],
    ['what', alert.title],
    ['state', `${alert.state}, ${alert.severity}`],
    ['rule', `${alert.rule} on ${alert.subject}`],
    ['expected', alert.expected],
    ['actual', `${alert.actual} (fires at ${alert.fireAt}, clears at ${alert.clearAt}, farthest ${alert.peak})`],
    ['since', when(alert.firedAt ?? alert.firstSeenAt)],
    alert.endedAt === null ? ['last seen', when(alert.lastSeenAt)] : ['ended', when(alert.endedAt)],
    ['happened', alert.happened],
    ['means', alert.means],
    ...(muted === null ? [] : [['muted', mutedText(muted)] as const]),
    ...(acknowledged === null ? [] : [['looked after', `by ${acknowledged.by}, ${when(acknowledged.at)}: ${acknowledged.why}`] as const]),
    ['told', alert.timesTold === 0 ? 'nobody yet' : `${alert.timesTold === 1 ? 'once' : `${alert.timesTold} times`}, in ${alert.channels.join(', ') || 'no channel'}; over once it is clear for ${span(alert.holdMs)}`],
    ...Object.entries(alert.facts).map(([label, text]) => ['fact', `${label}: ${text}`] as const),
    ...others.map((other) => ['with it', `${other.title} (${other.id}, ${other.state})`] as const),
    ...(alert.endedAt === null ? alert.todo.map((text) => ['todo', text] as const) : []),
  ];
}

function field(out: Terminal, label: string, text: string): void {
  if (!out.interactive) return out.line(`# ${label}: ${clean(text)}`);
  const lines = wrap(clean(text), Math.max(20, out.width - LABEL_WIDTH - 1));
  lines.forEach((line, n) => out.line(`${out.colors.dim((n === 0 ? label : '').padEnd(LABEL_WIDTH))} ${line}`));
}

const LINE_COLUMNS: readonly Column<AlertRoute['lines'][number]>[] = [
  { head: 'ROUTE', exact: (row) => String(row.line) },
  { head: 'CHANNELS', exact: (row) => row.channels.join(', '), wraps: true },
  { head: 'TAKES IT', exact: (row) => (row.takes ? 'yes' : 'no'), paint: (colors, text, row) => (row.takes ? colors.green(text) : colors.dim(text)) },
  { head: 'BECAUSE', exact: (row) => row.because ?? '-', wraps: true },
];

const BY: Readonly<Record<string, string>> = {
  notify: 'by `notify` of the credential, which comes before routes', routes: 'by the routes below', everything: 'every channel, since no route says otherwise',
};

export async function printRoute(out: Terminal, route: AlertRoute): Promise<void> {
  const { rule, credential, owner, severity, channels, by, muted, lines } = route;
  const note = (text: string): void => out.line(out.interactive ? clean(text) : `# ${clean(text)}`);
  note(`An alert of rule ${rule ?? '(any)'}, severity ${severity}, ${credential === null ? 'about no credential' : `about ${credential}`}${owner === null ? '' : ` of ${owner}`}`);
  note(channels.length === 0 ? 'goes nowhere: no route takes it.' : `goes to ${channels.join(', ')}: ${BY[by] ?? by}.`);
  if (muted !== null) note(`Nobody is told of it now: ${mutedText(muted)}.`);
  if (rule === null) note('Name a --rule to see what mutes it.');
  if (lines.length > 0) await list(out, false, lines, LINE_COLUMNS, '');
}
