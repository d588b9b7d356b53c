/** Figures as tables for a terminal or as Markdown, each with its goal and whether it is kept. */
import CliTable from 'cli-table3';
import { isSkip, judge, type Benchmark, type Column, type Figure, type Row, type Skip, type Table } from './benchmark.ts';

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly node: string;
  /** Load averages of a minute, before and after. */
  readonly load: readonly [before: number, after: number];
}

export function printTerminal(benchmark: Benchmark, results: readonly (Row | Skip)[]): string {
  const tables = tablesOf(benchmark, results).map(({ title, head, rows }) => {
    const drawn = new CliTable({ head: [...head], style: { head: [], border: [] } });
    drawn.push(...rows.map((row) => [...row]));
    return `${title}\n${drawn.toString()}`;
  });
  return [`${benchmark.name}: ${benchmark.measures}`, ...tables, ...skips(results)].join('\n');
}

export function printMarkdown(benchmark: Benchmark, results: readonly (Row | Skip)[]): string {
  const tables = tablesOf(benchmark, results).map(({ title, head, rows }) => [`**${title}**`, '', line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n'));
  // A stack would name places of this machine.
  const troubles = skips(results).map((line) => line.split('\n    at ')[0]);
  return [benchmark.measures, '', ...tables, ...troubles].join('\n');
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export function machineLine({ cpus, model, node, load: [before, after] }: Machine): string {
  return `${cpus} × ${model}, Node ${node}, load ${before.toFixed(1)} before and ${after.toFixed(1)} after.`;
}

interface Drawn {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

function tablesOf(benchmark: Benchmark, results: readonly (Row | Skip)[]): readonly Drawn[] {
  const rows = results.filter((result): result is Row => !isSkip(result));
  return benchmark.tables.map((table) => drawn(benchmark, table, rows)).filter((table) => table.rows.length > 0);
}

/** Rows that have nothing to show in this table are left out. */
function drawn({ goals }: Benchmark, { title, columns }: Table, rows: readonly Row[]): Drawn {
  const shown = rows.filter((row) => columns.some(({ figure }) => row.figures[figure] !== undefined));
  return {
    title,
    head: ['runtime', 'case', ...columns.map(headOf)],
    rows: shown.map((row) => [row.runtime ?? '', row.case, ...columns.map((column) => cell(goals, row, column))]),
  };
}

function headOf({ head, unit }: Column): string {
  return unit === '' || unit === '×' ? head : unit === '/s' ? `${head} a second` : `${head}, ${unit}`;
}

/** The figure, its range, and behind it the goal: `1.12× (1.08 to 1.20), goal 1.15: kept`. */
function cell(goals: Benchmark['goals'], row: Row, { figure, unit }: Column): string {
  const value = row.figures[figure];
  if (value === undefined) return '';
  const verdict = judge(goals, row, figure);
  return `${figureText(value, unit)}${verdict === null ? '' : `, goal ≤ ${verdict.goal.atMost}: ${verdict.kept ? 'kept' : 'MISSED'}`}`;
}

function figureText(value: Figure, unit: Column['unit']): string {
  const sign = unit === '×' ? '×' : '';
  if (typeof value === 'number') return `${digits(value)}${sign}`;
  return `${digits(value.median)}${sign} (${digits(value.min)}${sign} to ${digits(value.max)}${sign})`;
}

/** Three that matter, and no fraction from a hundred on. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

function skips(results: readonly (Row | Skip)[]): readonly string[] {
  return results.filter(isSkip).map((skip) => `${skip.failed ? 'FAILED' : 'Skipped'}: ${skip.case}${skip.runtime === null ? '' : ` on ${skip.runtime}`}: ${skip.why}.`);
}
