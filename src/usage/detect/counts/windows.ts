import type { Noise } from './noise.ts';
import type { Recent } from './recent.ts';
import { quickBound, surprise } from './tail.ts';

const WINDOW_MINUTES = [1, 2, 3, 5, 10, 15] as const;
/** Squared z below which a window is of no interest: no tail is computed. */
const QUIET = 9;

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
  const { counts, rates, factors, variances, length, size } = recent;
  found.z = 0;
  let [at, taken, count, rate, seen, least] = [recent.head, 0, 0, 0, 0, QUIET];
  for (const points of windows) {
    if (points > length) return;
    for (; taken < points; taken += 1) {
      if (taken > 0) at = at === 0 ? size - 1 : at - 1;
      const base = rates[at] ?? 0;
      if (base === 0) continue;
      count += counts[at] ?? 0;
      rate += base;
      seen += 1;
    }
    const mean = rate * (factors[at] ?? 0);
    if (count <= mean) continue;
    const dispersion = noise.dispersion / seen;
    const uncertainty = (variances[at] ?? 0) + growth(noise, points);
    if (quickBound(count, mean, dispersion, uncertainty) < least) continue;
    const z = surprise(count, mean, dispersion, uncertainty);
    if (z * z <= least) continue;
    least = z * z;
    found.z = z;
    found.points = points;
  }
}

/** One window, for people to read. */
export function outlook(recent: Recent, points: number, noise: Noise): Outlook {
  let [count, rate, seen] = [0, 0, 0];
  const start = recent.start(points);
  for (let point = 0; point < points; point += 1) {
    const at = (start + point) % recent.size;
    const base = recent.rates[at] ?? 0;
    if (base === 0) continue;
    count += recent.counts[at] ?? 0;
    rate += base;
    seen += 1;
  }
  const uncertainty = (recent.variances[start] ?? 0) + growth(noise, points);
  return { count, mean: rate * (recent.factors[start] ?? 0), dispersion: noise.dispersion / Math.max(1, seen), uncertainty };
}

/** Variance that drift within a window adds to the mean of its points: a third of what it adds by the end. */
function growth(noise: Noise, points: number): number {
  return (noise.step * (points - 1)) / 3;
}
