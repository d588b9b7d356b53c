/** Times for people; `--json` carries the ISO instants. */

const UNITS: readonly { readonly below: number; readonly unit: number; readonly letter: string }[] = [
  { below: 90_000, unit: 1_000, letter: 's' },
  { below: 90 * 60_000, unit: 60_000, letter: 'm' },
  { below: 48 * 3_600_000, unit: 3_600_000, letter: 'h' },
  { below: Infinity, unit: 86_400_000, letter: 'd' },
];

/** A span of milliseconds in its best unit: `45s`, `12m`, `20h`, `31d`. */
export function span(ms: number): string {
  const { unit, letter } = UNITS.find((row) => Math.abs(ms) < row.below) ?? { unit: 1_000, letter: 's' };
  return `${Math.round(Math.abs(ms) / unit)}${letter}`;
}

/** An instant seen from now: `in 3d`, `2h ago`, `now`; `-` for none. */
export function relative(iso: string | null, now: number = Date.now()): string {
  if (iso === null) return '-';
  const ms = Date.parse(iso) - now;
  if (Number.isNaN(ms)) return '-';
  if (Math.abs(ms) < 1_000) return 'now';
  return ms > 0 ? `in ${span(ms)}` : `${span(ms)} ago`;
}

const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');

/** Seconds since a start, as steps are stamped: `3.2s`, `2m04s`, `1h02m`. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h${two((seconds % 3_600) / 60)}m`;
}
