/** Series and windows of the Numenta Anomaly Benchmark as its repository keeps them: `data/<family>/<name>.csv` and a JSON file of windows. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface NabSeries {
  /** `<family>/<name>.csv` */
  readonly path: string;
  readonly stamps: readonly string[];
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly windows: readonly (readonly [first: number, last: number])[];
}

/** Every series `windows.json` names. */
export function readNab(folder: string): readonly NabSeries[] {
  const labels = JSON.parse(readFileSync(join(folder, 'windows.json'), 'utf8')) as Readonly<Record<string, readonly (readonly [string, string])[]>>;
  return Object.entries(labels).map(([path, windows]) => seriesOf(path, readFileSync(join(folder, 'data', path), 'utf8'), windows));
}

function seriesOf(path: string, text: string, windows: readonly (readonly [string, string])[]): NabSeries {
  const rows = text.split(/\r?\n/).slice(1).filter((line) => line !== '').map((line) => line.split(','));
  const stamps = rows.map(([stamp]) => secondsOf(stamp ?? ''));
  return {
    path, stamps,
    times: Float64Array.from(stamps, (stamp) => Date.parse(`${stamp.replace(' ', 'T')}Z`)),
    values: Float64Array.from(rows, ([, value]) => Number(value)),
    windows: windows.map(([first, last]) => [stamps.indexOf(secondsOf(first)), stamps.indexOf(secondsOf(last))] as const),
  };
}

/** The windows have fractions of seconds, the series none. */
function secondsOf(stamp: string): string {
  return stamp.split('.')[0] ?? '';
}

/** The median of the first distances: some series have gaps. */
export function intervalOf(times: Float64Array): number {
  const distances = times.slice(1, 400).map((time, n) => time - times[n]!).sort();
  return (distances[distances.length >> 1] ?? 300_000) / 1_000;
}

/** In the benchmark's layout of results: `<out>/<family>/<detector>_<name>.csv`. */
export function writeResult(out: string, detector: string, series: NabSeries, scores: Float64Array): void {
  mkdirSync(join(out, dirname(series.path)), { recursive: true });
  const lines = series.stamps.map((stamp, n) => `${stamp},${series.values[n]},${scores[n]}`);
  writeFileSync(join(out, dirname(series.path), `${detector}_${basename(series.path)}`), `timestamp,value,anomaly_score\n${lines.join('\n')}\n`);
}
