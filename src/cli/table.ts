/** Listings: a table that fits the terminal, tab-separated lines for a pipe, one JSON document for programs. */
import { clean } from './clean.ts';
import { wrap, type Colors, type Terminal } from './terminal.ts';

export interface Column<Row> {
  readonly head: string;
  /** The exact value, for pipes: ISO instants, full ids. */
  readonly exact: (row: Row) => string;
  /** What people see instead, for example a relative time. */
  readonly shown?: (row: Row) => string;
  readonly paint?: (colors: Colors, text: string, row: Row) => string;
  /** Left out of a narrow terminal, the highest first. Absent: always shown. */
  readonly drop?: number;
  /** May be broken over lines. */
  readonly wraps?: boolean;
}

const GAP = 2;
/** A wrapping column is worth showing at its longest word, within these bounds. */
const NARROWEST = 10;
const WIDEST_WORD = 20;

/** Prints rows as the output wants them; `empty` is what people see when there are none. */
export async function list<Row>(out: Terminal, asJson: boolean, rows: readonly Row[], columns: readonly Column<Row>[], empty: string): Promise<void> {
  if (asJson) out.json(rows);
  else if (!out.interactive) plain(out, rows, columns);
  else if (rows.length === 0) out.line(out.colors.dim(empty));
  else await table(out, rows, columns);
}

/** Tab-separated, with a header, every column. */
export function plain<Row>(out: Terminal, rows: readonly Row[], columns: readonly Column<Row>[]): void {
  out.line(columns.map((column) => column.head.toLowerCase().replaceAll(' ', '_')).join('\t'));
  for (const row of rows) out.line(columns.map((column) => clean(column.exact(row))).join('\t'));
}

/** Without borders: two spaces between columns, so that a line can be copied. */
export async function table<Row>(out: Terminal, rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
  const { default: Table } = await import('cli-table3');
  const { kept, widths } = fit(columns, rows, out.width);
  const drawn = new Table({
    chars: BARE, head: kept.map((column) => out.colors.dim(column.head)), colWidths: widths, wordWrap: true,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  for (const row of rows) drawn.push(kept.map((column) => cell(out.colors, column, row)));
  for (const line of drawn.toString().split('\n')) out.line(trimEnd(line));
  if (kept.length < columns.length) {
    const hidden = columns.filter((column) => !kept.includes(column)).map((column) => column.head.toLowerCase());
    for (const line of wrap(`(hidden: ${hidden.join(', ')}; widen the terminal, or use --json)`, out.width)) out.line(out.colors.dim(line));
  }
}

const BARE = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' '.repeat(GAP),
};

const shownText = <Row>(column: Column<Row>, row: Row): string => clean((column.shown ?? column.exact)(row));

function cell<Row>(colors: Colors, column: Column<Row>, row: Row): string {
  const text = shownText(column, row);
  return column.paint === undefined ? text : column.paint(colors, text, row);
}

interface Fit<Row> {
  readonly kept: readonly Column<Row>[];
  /** Null lets the column have what it needs. */
  readonly widths: (number | null)[];
}

/** Which columns have room, and how wide the one that wraps may be. */
export function fit<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): Fit<Row> {
  const need = new Map(columns.map((column) => [column, Math.max(column.head.length, ...rows.map((row) => shownText(column, row).length))]));
  const least = (column: Column<Row>): number => (column.wraps === true ? leastOf(column, rows) : (need.get(column) ?? 0));
  const total = (some: readonly Column<Row>[], of: (column: Column<Row>) => number): number =>
    some.reduce((sum, column) => sum + of(column), GAP * (some.length - 1));
  let kept = columns;
  while (total(kept, least) > width) {
    const next = kept.reduce<Column<Row> | null>((worst, column) => ((column.drop ?? 0) > (worst?.drop ?? 0) ? column : worst), null);
    if (next === null) break;
    kept = kept.filter((column) => column !== next);
  }
  let spare = width - total(kept, least);
  const widths = kept.map((column) => {
    if (column.wraps !== true) return null;
    const given = Math.min(need.get(column) ?? 0, least(column) + Math.max(0, spare));
    spare -= given - least(column);
    return given;
  });
  return { kept, widths };
}

function leastOf<Row>(column: Column<Row>, rows: readonly Row[]): number {
  const texts = [column.head, ...rows.map((row) => shownText(column, row))];
  const word = Math.max(...texts.flatMap((text) => text.split(' ').map((part) => part.length)));
  return Math.min(Math.max(...texts.map((text) => text.length)), Math.max(NARROWEST, Math.min(word, WIDEST_WORD)));
}

/** Cells are padded; a coloured last cell hides its padding behind the reset code. */
function trimEnd(line: string): string {
  // oxlint-disable-next-line no-control-regex -- colour codes begin with one
  return line.replace(/ +((?:\u001b\[\d+m)*)$/, '$1');
}
