/** What every benchmark is: its name, what it measures, its goals as data, and a run that gives rows of figures. */
import type { Runtimes } from './support/runtimes.ts';

export const RUNTIME_NAMES = ['embedded', 'postgres', 'redis'] as const;
export type RuntimeName = (typeof RUNTIME_NAMES)[number];

/** Of several measurements. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type Figure = number | Spread;

/** One case, measured. */
export interface Row {
  readonly case: string;
  /** Null where no ledger and no queue take part. */
  readonly runtime: RuntimeName | null;
  readonly figures: Readonly<Record<string, Figure>>;
}

/** A case without figures: this machine lacks something for it, or it failed. */
export interface Skip {
  readonly case: string;
  readonly runtime: RuntimeName | null;
  /** As in `redis-server is not on this machine`. */
  readonly why: string;
  readonly failed: boolean;
}

export type Unit = 'µs' | 'ms' | 's' | '×' | '/s' | 'MiB' | '';

export interface Column {
  /** A key of the rows' figures. */
  readonly figure: string;
  readonly head: string;
  readonly unit: Unit;
}

/** A view of the rows: those that have any of its figures. */
export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
}

/** Holds for every row that fits; a spread is judged by its median. */
export interface Goal {
  readonly figure: string;
  readonly atMost: number;
  readonly runtimes?: readonly RuntimeName[];
  /** Part of the case's name. */
  readonly cases?: string;
}

export interface BenchOptions {
  /** Measurements of each case; null leaves it to the benchmark. */
  readonly runs: number | null;
  /** Smaller sizes, for a first look: the figures are not comparable with those of a full run. */
  readonly quick: boolean;
  readonly runtimes: Runtimes;
  /** One line about how far it is. */
  readonly say: (line: string) => void;
}

export interface Benchmark {
  readonly name: string;
  /** What it measures and how, in sentences. */
  readonly measures: string;
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  run(options: BenchOptions): Promise<readonly (Row | Skip)[]>;
}

export interface Verdict {
  readonly goal: Goal;
  readonly kept: boolean;
}

/** The goal that a figure of a row must meet, and whether it does; null for none. */
export function judge(goals: readonly Goal[], row: Row, figure: string): Verdict | null {
  const goal = goals.find((one) => one.figure === figure && fits(one, row));
  const value = row.figures[figure];
  return goal === undefined || value === undefined ? null : { goal, kept: middle(value) <= goal.atMost };
}

function fits(goal: Goal, row: Row): boolean {
  const runtime = goal.runtimes === undefined || (row.runtime !== null && goal.runtimes.includes(row.runtime));
  return runtime && (goal.cases === undefined || row.case.includes(goal.cases));
}

/** For a program or a file that is not there. */
export function lacking(label: string, runtime: RuntimeName | null, missing: string): Skip {
  return { case: label, runtime, why: `${missing} is not on this machine`, failed: false };
}

export function isSkip(result: Row | Skip): result is Skip {
  return 'why' in result;
}

export function middle(figure: Figure): number {
  return typeof figure === 'number' ? figure : figure.median;
}
