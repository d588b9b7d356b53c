import type { Outlook } from './windows.ts';

/** What one point's score is about, for people to read. */
export interface CountsExplanation {
  /** Length of the window that stood out most, up to the newest point; one point when none stood out. */
  readonly windowSeconds: number;
  /** Requests in it. */
  readonly actual: number;
  /** Requests that were to be expected in it, from what was known before it began. */
  readonly expected: number;
  /** Between these, whole requests, are 99 of 100 such windows. */
  readonly low: number;
  readonly high: number;
}

/** Two-sided 99%. */
const Z = 2.576;

/** The range of a log-normal with the window's variance, which is wide enough for counts as well. */
export function explainWindow({ count, mean, dispersion, uncertainty }: Outlook, windowSeconds: number): CountsExplanation {
  const spread = Math.sqrt(Math.log1p(dispersion + 1 / Math.max(mean, 1e-9)) + uncertainty);
  const low = Math.max(0, Math.floor(mean * Math.exp(-Z * spread)));
  const high = mean <= 0 ? 0 : Math.ceil(Math.max(mean * Math.exp(Z * spread - (spread * spread) / 2), mean + Z * Math.sqrt(mean)));
  return { windowSeconds, actual: count, expected: mean, low, high };
}
