/** A series as so many cells side by side, each with what matters of its slots. */
import type { Replayed } from './run.ts';

export interface Cell {
  readonly fromMs: number;
  /** Highest and mean value; null where nothing is known. */
  readonly most: number | null;
  readonly mean: number | null;
  /** Mean of what was expected. */
  readonly low: number | null;
  readonly high: number | null;
  readonly incident: boolean;
}

export function cellsOf({ series, seen, incidents }: Replayed, most: number): readonly Cell[] {
  const count = Math.max(1, Math.min(most, series.values.length));
  return Array.from({ length: count }, (_, n) => {
    const [from, until] = [Math.floor((n * series.values.length) / count), Math.floor(((n + 1) * series.values.length) / count)];
    const [fromMs, untilMs] = [series.startMs + from * series.intervalMs, series.startMs + until * series.intervalMs];
    const values = series.values.slice(from, until).filter((value) => value !== null);
    const said = seen.slice(from, until).filter((one) => one !== null);
    return {
      fromMs,
      most: values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b)),
      mean: meanOf(values),
      low: meanOf(said.flatMap(({ low }) => (low === null ? [] : [low]))),
      high: meanOf(said.flatMap(({ high }) => (high === null ? [] : [high]))),
      incident: incidents.some((one) => one.fromMs < untilMs && one.untilMs > fromMs),
    };
  });
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
}
