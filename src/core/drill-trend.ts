/** Figures of several drills. Pure. */

export interface Spread {
  readonly medianMs: number;
  readonly slowestMs: number;
  readonly lastMs: number;
}

/** Newest first, milliseconds; null without any. */
export function spreadOf(figures: readonly (number | null)[]): Spread | null {
  const known = figures.filter((ms) => ms !== null);
  const [last] = known;
  if (last === undefined) return null;
  const sorted = known.toSorted((a, b) => a - b);
  const middle = Math.floor((sorted.length - 1) / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : ((sorted[middle] ?? last) + (sorted[middle + 1] ?? last)) / 2;
  return { medianMs: median ?? last, slowestMs: sorted.at(-1) ?? last, lastMs: last };
}
