/**
 * `node bench/detection/counts.ts [--seed 1] [--keys 40] [--weeks 4] [--budget 0.01]`: bursts that the counts detector finds on synthetic
 * traffic, beside what detectors could that are told each key's law. All three are held to the same false incidents a key and
 * week; the detector is also shown at the threshold that it promises them for. Stand-alone: it needs no runtime.
 */
import { parseArgs } from 'node:util';
import { createCountsDetector, thresholdFor } from '../../src/usage/detect/counts/index.ts';
import { oracleScores } from '../support/detection-oracle.ts';
import { BURST_TIMES, MINUTES_A_WEEK, makeTraffic, Random, type Burst, type KeyTraffic } from '../support/key-traffic.ts';
import { median } from '../support/statistics.ts';

const MINUTE_MS = 60_000;
/** A Monday, so that the 6th and 7th day are a weekend. */
const FROM_MS = Date.UTC(2026, 0, 5);
const LEARNING_WEEKS = 2;
/** Minutes after its start within which a burst must be found. */
const FOUND_WITHIN = 30;
/** Alerts closer than these minutes are one incident. */
const ONE_INCIDENT = 60;
const BANDS = [[1, 'below 1/min'], [10, '1 to 10/min'], [100, '10 to 100/min'], [Infinity, 'above 100/min']] as const;

interface Scored {
  readonly base: number;
  readonly scores: Float64Array;
  readonly bursts: readonly Burst[];
}

interface Outcome {
  readonly falseIncidents: number;
  /** Minutes until each burst was found, null for those that were not. */
  readonly found: readonly { readonly base: number; readonly times: number; readonly minutes: number | null }[];
}

const { values } = parseArgs({ options: {
  seed: { type: 'string', default: '1' }, keys: { type: 'string', default: '40' }, weeks: { type: 'string', default: '4' }, budget: { type: 'string', default: '0.01' },
} });
main(Number(values.seed), Number(values.keys), Number(values.weeks), Number(values.budget));

function main(seed: number, keys: number, weeks: number, budget: number): void {
  if (!(keys >= 1 && weeks >= 3 && budget > 0)) throw new RangeError('--keys from 1, --weeks from 3 and --budget above 0 are needed');
  const random = new Random(seed);
  const [detector, law, drift]: [Scored[], Scored[], Scored[]] = [[], [], []];
  for (let key = 0; key < keys; key += 1) {
    const traffic = makeTraffic(random, weeks);
    const { knowsLaw, knowsDrift } = oracleScores(traffic, LEARNING_WEEKS * MINUTES_A_WEEK);
    const of = (scores: Float64Array): Scored => ({ base: traffic.law.base, scores, bursts: traffic.bursts });
    detector.push(of(detect(traffic)));
    law.push(of(knowsLaw));
    drift.push(of(knowsDrift));
  }
  const keyWeeks = keys * (weeks - LEARNING_WEEKS);
  const promised = thresholdFor(budget, MINUTE_MS / 1_000);
  console.log(`Seed ${seed}, ${keys} keys, ${keyWeeks} key-weeks judged, at most ${budget} false incidents a key-week.`);
  print(`detector at its ${promised.toFixed(2)}`, judge(detector, promised), keyWeeks);
  for (const [name, all] of [['detector, best threshold', detector], ['knows the law', law], ['knows the drift too', drift]] as const) {
    print(name, judge(all, lowestThreshold(all, budget * keyWeeks)), keyWeeks);
  }
}

function detect({ counts }: KeyTraffic): Float64Array {
  const detector = createCountsDetector();
  return counts.map((count, minute) => detector.next(count, FROM_MS + minute * MINUTE_MS));
}

function judge(all: readonly Scored[], threshold: number): Outcome {
  let falseIncidents = 0;
  const found: Outcome['found'][number][] = [];
  for (const { base, scores, bursts } of all) {
    let last = -Infinity;
    const first = new Map<Burst, number>();
    for (let minute = LEARNING_WEEKS * MINUTES_A_WEEK; minute < scores.length; minute += 1) {
      if (!((scores[minute] ?? 0) >= threshold)) continue;
      const burst = bursts.find(({ start }) => minute >= start && minute < start + FOUND_WITHIN);
      if (burst === undefined && minute - last > ONE_INCIDENT) falseIncidents += 1;
      if (burst !== undefined && !first.has(burst)) first.set(burst, minute - burst.start + 1);
      last = minute;
    }
    for (const burst of bursts) found.push({ base, times: burst.times, minutes: first.get(burst) ?? null });
  }
  return { falseIncidents, found };
}

/** Bisects: incidents are nearly monotonous in the threshold. */
function lowestThreshold(all: readonly Scored[], allowed: number): number {
  let [low, high] = [0, 60];
  for (let step = 0; step < 14; step += 1) {
    const middle = (low + high) / 2;
    if (judge(all, middle).falseIncidents > allowed) low = middle;
    else high = middle;
  }
  return high;
}

function print(name: string, { falseIncidents, found }: Outcome, keyWeeks: number): void {
  console.log(`\n${name}: ${(falseIncidents / keyWeeks).toFixed(4)} false incidents a key-week`);
  for (const [index, [below, band]] of BANDS.entries()) {
    const inBand = found.filter(({ base }) => base < below && base >= (BANDS[index - 1]?.[0] ?? 0));
    if (inBand.length > 0) console.log(`  ${band.padEnd(14)} ${BURST_TIMES.map((times) => cell(inBand.filter((one) => one.times === times), times)).join('   ')}`);
  }
}

function cell(bursts: Outcome['found'], times: number): string {
  const minutes = bursts.flatMap(({ minutes }) => (minutes === null ? [] : [minutes]));
  const share = `${Math.round((100 * minutes.length) / bursts.length)}%`;
  return `×${times} ${share.padStart(4)} of ${bursts.length}${minutes.length > 0 ? `, ${median(minutes)} min` : ''}`;
}
