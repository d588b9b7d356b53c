import type { Noise } from './noise.ts';
import type { Recent } from './recent.ts';
import { mayExceed, surprise } from './tail.ts';

const WINDOW_MINUTES = [1, 2, 3, 5, 10, 15] as const;
/** z below which a window is of no interest: no tail is computed. */
const QUIET = 3;

/** Lengths of the windows in points, ascending: of one to fifteen minutes, or of one point where those are longer. */
export function windowPoints(intervalSeconds: number): readonly number[] {
  return [...new Set(WINDOW_MINUTES.map((minutes) => Math.max(1, Math.round((minutes * 60) / intervalSeconds))))];
}

/** The window that was the least likely; one object a detector, overwritten at each point. */
export interface Finding {
  /** Standard deviations; 0 when nothing is remarkable. */
  z: number;
  /** Points, up to the newest. */
  points: number;
}

/** What a window held, and what was to be expected of it right before it began. */
export interface Outlook {
  count: number;
  /** 0 when every point of it was missing. */
  mean: number;
  dispersion: number;
  uncertainty: number;
}

/**
 * Looks at every window that ends at the newest point, each with what was known right before it began: what comes within a
 * window never moves what is expected of it.
 */
export function scan(recent: Recent, windows: readonly number[], noise: Noise, found: Finding): void {
  const { counts, rates, seen, factors, variances, head, length, size } = recent;
  const [lastCount, lastRate] = [counts[head] ?? 0, rates[head] ?? 0];
  found.z = 0;
  for (let window = 0; window < windows.length; window += 1) {
    const points = windows[window] ?? 1;
    if (points > length) return;
    const before = head < points ? head - points + size : head - points;
    const start = before + 1 === size ? 0 : before + 1;
    const count = lastCount - (counts[before] ?? 0);
    const mean = (lastRate - (rates[before] ?? 0)) * (factors[start] ?? 0);
    if (count <= mean || mean <= 0) continue;
    const dispersion = noise.dispersion / ((seen[head] ?? 0) - (seen[before] ?? 0));
    const uncertainty = (variances[start] ?? 0) + growth(noise, points);
    if (!mayExceed(Math.max(QUIET, found.z), count, mean, dispersion, uncertainty)) continue;
    const z = surprise(count, mean, dispersion, uncertainty);
    if (z <= Math.max(QUIET, found.z)) continue;
    found.z = z;
    found.points = points;
  }
}

/** One window, for people to read. */
export function outlook(recent: Recent, points: number, noise: Noise): Outlook {
  const { counts, rates, seen, factors, variances, head, size } = recent;
  const start = recent.start(points);
  const before = start === 0 ? size - 1 : start - 1;
  const within = (sums: Float64Array | Float32Array) => (sums[head] ?? 0) - (sums[before] ?? 0);
  const dispersion = noise.dispersion / Math.max(1, within(seen));
  return { count: within(counts), mean: within(rates) * (factors[start] ?? 0), dispersion, uncertainty: (variances[start] ?? 0) + growth(noise, points) };
}

/** Variance that drift within a window adds to the mean of its points: a third of what it adds by the end. */
function growth(noise: Noise, points: number): number {
  return (noise.step * (points - 1)) / 3;
}
