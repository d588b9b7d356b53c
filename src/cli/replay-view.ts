/** What a replay shows: each series as a line of bars with marks under its incidents, and the incidents. */
import { cellsOf, type Incident, type Recording, type Replayed } from '../app/replay.ts';
import { plural } from '../core/phrases.ts';
import { bars } from './bars.ts';
import { clean } from './clean.ts';
import type { Terminal } from './terminal.ts';
import { span } from './times.ts';

const MOST_SERIES = 20;
const MOST_INCIDENTS = 20;
const INDENT = '  ';

export function printReplay(out: Terminal, { malformed, example }: Recording, replayed: readonly Replayed[], svg: string | null): void {
  const sorted = [...replayed].sort((a, b) => b.incidents.length - a.incidents.length);
  const shown = sorted.slice(0, MOST_SERIES);
  for (const one of shown) printSeries(out, one);
  const incidents = replayed.reduce((sum, one) => sum + one.incidents.length, 0);
  const hidden = sorted.length - shown.length;
  out.line(`${replayed.length} series, ${incidents} ${incidents === 1 ? 'incident' : 'incidents'}.${hidden > 0 ? ` ${hidden} series more are not drawn here; --json has them all.` : ''}`);
  if (svg !== null) out.line(`The chart is in ${clean(svg)}.`);
  if (malformed > 0) out.note(clean(`warning: ${plural(malformed, 'line')} of the recording could not be used: ${example ?? ''}.`));
}

function printSeries(out: Terminal, replayed: Replayed): void {
  const { series, incidents } = replayed;
  const cells = cellsOf(replayed, Math.max(10, out.width - INDENT.length));
  const until = series.startMs + series.values.length * series.intervalMs;
  out.line(`${out.colors.bold(clean(series.name))}  ${day(series.startMs)} to ${day(until)}, ${span(until - series.startMs)}`);
  out.line(INDENT + bars(cells.map(({ most }) => most)));
  if (incidents.length > 0) out.line(INDENT + out.colors.red(cells.map(({ incident }) => (incident ? '▲' : ' ')).join('').trimEnd()));
  for (const incident of incidents.slice(0, MOST_INCIDENTS)) out.line(INDENT + told(incident));
  if (incidents.length > MOST_INCIDENTS) out.line(`${INDENT}and ${incidents.length - MOST_INCIDENTS} more`);
  if (incidents.length === 0) out.line(out.colors.dim(`${INDENT}nothing unusual`));
  out.line('');
}

function told({ fromMs, untilMs, score, actual, low, high }: Incident): string {
  const expected = low === null || high === null ? '' : `, where ${number(low)} to ${number(high)} was expected`;
  return `${minute(fromMs)} for ${span(untilMs - fromMs)}: ${number(actual)}${expected} (score ${score.toFixed(1)})`;
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const minute = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const number = (value: number): string => (Number.isInteger(value) ? String(value) : String(+value.toPrecision(3)));
