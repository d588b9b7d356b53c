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

/** What is known about the window that was the least likely; one object a detector, overwritten at each point. */
export interface Finding {
  /** Standard deviations; 0 when nothing is remarkable. */
  z: number;
  /** Points, up to the newest. */
  points: number;
  count: number;
  mean: number;
  dispersion: number;
  uncertainty: number;
}

/** How much higher than the estimate a rate may be without being of interest, as a factor. */
export const MARGIN = 1;

/** Looks at every window that ends at the newest point, each with what was known right before it began. */
export function scan(recent: Recent, windows: readonly number[], noise: Noise, found: Finding): void {
  found.z = 0;
  let [at, count, rate, next, seen] = [recent.head, 0, 0, 0, 0];
  for (let points = 1; points <= recent.length; points += 1) {
    const base = recent.rates[at] ?? 0;
    if (base > 0) {
      count += recent.counts[at] ?? 0;
      rate += base;
      seen += 1;
    }
    if (points === windows[next]) {
      next += 1;
      if (seen > 0) look(recent, at, points, seen, count, rate, noise, found);
      if (next === windows.length) return;
    }
    at = at === 0 ? recent.size - 1 : at - 1;
  }
}

function look(recent: Recent, at: number, points: number, seen: number, count: number, rate: number, noise: Noise, found: Finding): void {
  const mean = rate * Math.exp(recent.logs[at] ?? 0) * MARGIN;
  const dispersion = noise.dispersion / seen;
  const uncertainty = (recent.variances[at] ?? 0) + (noise.step * (points - 1)) / 3;
  const bound = quickBound(count, mean, dispersion, uncertainty);
  if (bound < QUIET || bound < found.z * found.z) return;
  const z = surprise(count, mean, dispersion, uncertainty);
  if (z <= found.z) return;
  found.z = z;
  found.points = points;
  found.count = count;
  found.mean = mean;
  found.dispersion = dispersion;
  found.uncertainty = uncertainty;
}
