const BARS = '▁▂▃▄▅▆▇█';

/** A line of bars as high as the values, from 0 to the greatest; a dot for 0, a space for what is not known. */
export function bars(values: readonly (number | null)[]): string {
  const most = values.reduce((a: number, b) => Math.max(a, b ?? 0), 0);
  return values.map((value) => (value === null ? ' ' : value <= 0 ? '·' : (BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))] ?? ''))).join('');
}
