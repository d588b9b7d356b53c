/** A chart of replayed series as SVG: values, what was expected, and incidents. Text from outside is escaped. */
import { shownText } from '../../core/usage-fields.ts';
import { cellsOf, type Cell } from './cells.ts';
import type { Incident, Replayed } from './run.ts';

const WIDTH = 1_000;
const PANEL = 230;
const PLOT = { left: 64, right: 16, top: 44, bottom: 34 };
const CELLS = 900;
const MOST_PANELS = 50;
const LONGEST_TEXT = 200;
const INK = { value: '#1f4e8c', expected: '#bcd3ec', incident: '#d9480f', text: '#1f2328', faint: '#6e7781', rule: '#d8dee4', ground: '#ffffff' };

/** One panel a series, below each other; those with most incidents first, `MOST_PANELS` at most. */
export function svgOf(all: readonly Replayed[]): string {
  const shown = [...all].sort((a, b) => b.incidents.length - a.incidents.length).slice(0, MOST_PANELS);
  const height = shown.length * PANEL;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="${INK.ground}"/>`,
    ...shown.map((replayed, n) => `<g transform="translate(0 ${n * PANEL})">${panel(replayed)}</g>`),
    '</svg>', '',
  ].join('\n');
}

interface Scale {
  readonly x: (atMs: number) => number;
  readonly y: (value: number) => number;
  readonly most: number;
}

function panel(replayed: Replayed): string {
  const cells = cellsOf(replayed, CELLS);
  const scale = scaleOf(replayed, cells);
  const { series, incidents } = replayed;
  const title = `${series.name}: ${incidents.length === 0 ? 'nothing unusual' : incidents.length === 1 ? '1 incident' : `${incidents.length} incidents`}`;
  return [
    text(PLOT.left, 24, title, { size: 15, weight: 600 }),
    ...incidents.map((incident) => mark(incident, scale)),
    band(cells, scale), line(cells, scale), axes(replayed, scale),
  ].join('');
}

function scaleOf({ series }: Replayed, cells: readonly Cell[]): Scale {
  const span = series.values.length * series.intervalMs;
  const most = niceAbove(Math.max(...cells.map(({ most, high }) => Math.max(most ?? 0, high ?? 0)), 1e-9));
  const [width, height] = [WIDTH - PLOT.left - PLOT.right, PANEL - PLOT.top - PLOT.bottom];
  return {
    most,
    x: (atMs) => PLOT.left + ((atMs - series.startMs) / span) * width,
    y: (value) => PLOT.top + height - (Math.min(Math.max(value, 0), most) / most) * height,
  };
}

/** 1, 2 or 5 times a power of ten. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function mark({ fromMs, untilMs, score }: Incident, { x }: Scale): string {
  const [left, width] = [x(fromMs), Math.max(3, x(untilMs) - x(fromMs))];
  const height = PANEL - PLOT.top - PLOT.bottom;
  return `<rect x="${at(left - 2)}" y="${PLOT.top}" width="${at(width + 4)}" height="${height}" fill="${INK.incident}" fill-opacity="0.18"/>${text(left + width / 2, PLOT.top - 4, score.toFixed(1), { fill: INK.incident, anchor: 'middle', size: 10 })}`;
}

function band(cells: readonly Cell[], { x, y }: Scale): string {
  const known = cells.filter((cell) => cell.low !== null && cell.high !== null);
  if (known.length < 2) return '';
  const upper = known.map((cell) => `${at(x(cell.fromMs))},${at(y(cell.high ?? 0))}`);
  const lower = known.toReversed().map((cell) => `${at(x(cell.fromMs))},${at(y(cell.low ?? 0))}`);
  return `<polygon points="${[...upper, ...lower].join(' ')}" fill="${INK.expected}" fill-opacity="0.6"/>`;
}

/** Breaks where nothing is known. */
function line(cells: readonly Cell[], { x, y }: Scale): string {
  let pen = 'M';
  const path = cells.map(({ fromMs, most }) => {
    if (most === null) {
      pen = 'M';
      return '';
    }
    const step = `${pen}${at(x(fromMs))} ${at(y(most))}`;
    pen = 'L';
    return step;
  });
  return `<path d="${path.join('')}" fill="none" stroke="${INK.value}" stroke-width="1.1" stroke-linejoin="round"/>`;
}

const TICKS = 6;

function axes({ series }: Replayed, { x, y, most }: Scale): string {
  const span = series.values.length * series.intervalMs;
  const base = PANEL - PLOT.bottom;
  const times = Array.from({ length: TICKS + 1 }, (_, n) => series.startMs + (span * n) / TICKS);
  const anchors = (n: number): string => (n === 0 ? 'start' : n === TICKS ? 'end' : 'middle');
  return [
    `<line x1="${PLOT.left}" y1="${base}" x2="${WIDTH - PLOT.right}" y2="${base}" stroke="${INK.rule}"/>`,
    ...times.map((ms, n) => text(x(ms), base + 18, timeLabel(ms, span), { fill: INK.faint, anchor: anchors(n), size: 11 })),
    ...[0, most / 2, most].map((value) => text(PLOT.left - 8, y(value) + 4, valueLabel(value), { fill: INK.faint, anchor: 'end', size: 11 })),
  ].join('');
}

function timeLabel(ms: number, span: number): string {
  const iso = new Date(ms).toISOString();
  return span > 3 * 86_400_000 ? iso.slice(0, 10) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;
}

function valueLabel(value: number): string {
  if (value >= 1_000_000) return `${+(value / 1_000_000).toPrecision(3)}M`;
  return value >= 1_000 ? `${+(value / 1_000).toPrecision(3)}k` : String(+value.toPrecision(3));
}

interface Look {
  readonly fill?: string;
  readonly anchor?: string;
  readonly size?: number;
  readonly weight?: number;
}

function text(x: number, y: number, content: string, { fill = INK.text, anchor = 'start', size = 12, weight = 400 }: Look): string {
  return `<text x="${at(x)}" y="${at(y)}" fill="${fill}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}">${escaped(content)}</text>`;
}

/** XML takes no control characters, not even escaped. */
function escaped(content: string): string {
  return shownText(content, LONGEST_TEXT).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const at = (value: number): string => value.toFixed(1);
