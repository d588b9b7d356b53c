/** `node bench/detection/nab.ts --nab DIR [--out DIR]`: the metric detector on the Numenta Anomaly Benchmark, one configuration, one threshold. */
import { parseArgs } from 'node:util';
import { createMetricDetector } from '../../src/usage/detect/metric/index.ts';
import { intervalOf, readNab, writeResult, type NabSeries } from '../support/nab-data.ts';
import { PROFILES, nabScore } from '../support/nab-score.ts';

const DETECTOR = 'keyturn';

const { values } = parseArgs({ options: { nab: { type: 'string' }, out: { type: 'string' } } });
if (values.nab === undefined) {
  console.error('Usage: node bench/detection/nab.ts --nab DIR [--out DIR], where DIR has data/<family>/<name>.csv and windows.json of github.com/numenta/NAB');
  process.exitCode = 2;
} else main(values.nab, values.out ?? null);

function main(folder: string, out: string | null): void {
  const all = readNab(folder);
  const cpu = process.cpuUsage();
  const scored = all.map(scoresOf);
  const { user, system } = process.cpuUsage(cpu);
  const points = all.reduce((sum, { values }) => sum + values.length, 0);
  if (out !== null) for (const [n, series] of all.entries()) writeResult(out, DETECTOR, series, scored[n]!.scores);
  console.log(`${all.length} series, ${points} points, ${((user + system) / points).toFixed(1)} µs of processor time a point, ${Math.max(...scored.map(({ stateBytes }) => stateBytes))} bytes of state`);
  for (const profile of PROFILES) {
    const { score, threshold, found, falseRows } = nabScore(all.map(({ windows }, n) => ({ windows, scores: scored[n]!.scores })), profile);
    console.log(`${profile.name.padEnd(20)} ${score.toFixed(2).padStart(6)}  threshold ${threshold.toFixed(3)}, ${found} windows found, ${falseRows} false rows`);
  }
}

interface Scored {
  readonly scores: Float64Array;
  /** Serialised, after the last point. */
  readonly stateBytes: number;
}

function scoresOf({ values, times }: NabSeries): Scored {
  const detector = createMetricDetector({ intervalSeconds: intervalOf(times), length: values.length });
  const scores = values.map((value, n) => detector.next(value, times[n]!));
  return { scores, stateBytes: JSON.stringify(detector.save()).length };
}
