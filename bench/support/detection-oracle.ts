/**
 * What can be known of a burst at all: scores of detectors that are told the key's law. Both compare, for windows of 1 to 15
 * minutes and every size of burst, the likelihood of the counts since with and without it, and take the greatest ratio;
 * `knowsDrift` is told the drift of every minute as well. The other follows it by an exact forward filter over 41 values.
 */
import { BURST_MINUTES, BURST_TIMES, DRIFT_MINUTES, DRIFT_STAY, rateAt, type KeyTraffic } from './key-traffic.ts';

const LEAST_BURST_RATE = 0.05;
const VALUES = 41;
/** Standard deviations of drift that the grid spans to each side. */
const SPAN = 4;
/** Lengths of the windows that the filtering one looks at: enough, and a fourth of the work. */
const STARTS = [1, 2, 3, 5, 8, 15] as const;
/** None, and those that come. */
const SIZES = [1, ...BURST_TIMES] as const;

/** Natural logarithms of the likelihood ratio, by minute. */
export interface OracleScores {
  readonly knowsDrift: Float64Array;
  readonly knowsLaw: Float64Array;
}

/** Minutes before `from` are only filtered: their scores are 0. */
export function oracleScores(traffic: KeyTraffic, from: number): OracleScores {
  return { knowsDrift: withDrift(traffic), knowsLaw: withLaw(traffic, Math.max(from, BURST_MINUTES)) };
}

/** Logarithm of a gamma-Poisson count's probability, but for `−log count!`, which no hypothesis changes. */
function likelihood(count: number, mean: number, shape: number): number {
  return count * Math.log(mean) - (count + shape) * Math.log(mean + shape) + shape * Math.log(shape) + logGamma(count + shape) - logGamma(shape);
}

/** Stirling's series, from 8 up; the recurrence below. Error below 1e-9. */
function logGamma(x: number): number {
  let below = 1;
  let at = x;
  for (; at < 8; at += 1) below *= at;
  const square = at * at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + (1 / 12 - (1 / 360 - 1 / (1260 * square)) / square) / at - Math.log(below);
}

/**
 * A burst adds plain Poisson counts. Their convolution with the gamma-Poisson ones is near a gamma-Poisson of the same mean and
 * variance, which is what is used: its shape is `mean² / (usual² / shape)`.
 */
function burstLikelihood(count: number, usual: number, added: number, shape: number): number {
  const mean = usual + added;
  const merged = (shape * mean * mean) / (usual * usual);
  const limit = 1e6; // beyond it, rounding would drown the difference to Poisson
  return likelihood(count, mean, Math.min(merged, limit));
}

function withDrift({ law, counts, drifts }: KeyTraffic): Float64Array {
  const scores = new Float64Array(counts.length);
  const gains = BURST_TIMES.map(() => new Float64Array(BURST_MINUTES));
  for (let minute = 0; minute < counts.length; minute += 1) {
    const rate = rateAt(law, minute);
    const usual = rate * (drifts[minute] ?? 1);
    const [count, none] = [counts[minute] ?? 0, likelihood(counts[minute] ?? 0, usual, law.shape)];
    let best = 0;
    for (const [index, times] of BURST_TIMES.entries()) {
      const gain = gains[index] ?? new Float64Array(BURST_MINUTES);
      gain[minute % BURST_MINUTES] = burstLikelihood(count, usual, (times - 1) * Math.max(LEAST_BURST_RATE, rate), law.shape) - none;
      for (let back = 0, sum = 0; back < BURST_MINUTES; back += 1) {
        sum += gain[(minute - back + BURST_MINUTES) % BURST_MINUTES] ?? 0;
        best = Math.max(best, sum);
      }
    }
    scores[minute] = best;
  }
  return scores;
}

/** Of the drift: its values, and how likely each comes ten minutes after another. */
function driftGrid(drift: number): { readonly values: Float64Array; readonly moves: readonly Float64Array[] } {
  const values = Float64Array.from({ length: VALUES }, (_, n) => drift * SPAN * ((2 * n) / (VALUES - 1) - 1));
  const spread = drift * Math.sqrt(1 - DRIFT_STAY * DRIFT_STAY);
  const moves = Array.from(values, (from) => normalized(values.map((to) => Math.exp(-(((to - DRIFT_STAY * from) / spread) ** 2) / 2))));
  return { values, moves };
}

function normalized(weights: Float64Array): Float64Array {
  const sum = weights.reduce((total, one) => total + one, 0);
  return weights.map((one) => one / sum);
}

function moved(weights: Float64Array, moves: readonly Float64Array[]): Float64Array {
  const to = new Float64Array(VALUES);
  for (let from = 0; from < VALUES; from += 1) {
    const [weight, row] = [weights[from] ?? 0, moves[from] ?? to];
    for (let value = 0; value < VALUES; value += 1) to[value] = (to[value] ?? 0) + weight * (row[value] ?? 0);
  }
  return to;
}

/**
 * The drift is followed as if no burst had been. A minute's likelihoods are kept for every value and size, so that each start's
 * hypothesis is filtered on from what was known right before it: exactly, drift's steps within the window included.
 */
function withLaw({ law, counts }: KeyTraffic, judgedFrom: number): Float64Array {
  const { values, moves } = driftGrid(law.drift);
  const scores = new Float64Array(counts.length);
  const priors: Float64Array[] = [];
  const tables: (readonly Float64Array[])[] = [];
  const usual = new Float64Array(BURST_MINUTES); // logarithms of each minute's likelihood, given those before it
  let weights = normalized(values.map((value) => Math.exp(-((value / law.drift) ** 2) / 2)));
  for (let minute = 0; minute < counts.length; minute += 1) {
    if (minute % DRIFT_MINUTES === 0) weights = moved(weights, moves);
    priors[minute % BURST_MINUTES] = weights;
    const table = minuteTable(law, counts[minute] ?? 0, rateAt(law, minute), values);
    tables[minute % BURST_MINUTES] = table;
    const none = table[0] ?? weights;
    const joint = weights.map((weight, value) => weight * (none[value] ?? 0));
    usual[minute % BURST_MINUTES] = Math.log(joint.reduce((sum, one) => sum + one, 0));
    weights = normalized(joint);
    if (minute >= judgedFrom) scores[minute] = bestRatio(minute, priors, tables, moves, usual);
  }
  return scores;
}

/** By size, by value of drift: the count's likelihood, all over the greatest without burst. */
function minuteTable(law: KeyTraffic['law'], count: number, rate: number, values: Float64Array): readonly Float64Array[] {
  const usual = values.map((value) => rate * Math.exp(value));
  const none = usual.map((mean) => likelihood(count, mean, law.shape));
  const top = none.reduce((most, one) => Math.max(most, one), -Infinity);
  return SIZES.map((times) => {
    if (times === 1) return none.map((one) => Math.exp(one - top));
    const added = (times - 1) * Math.max(LEAST_BURST_RATE, rate);
    return usual.map((mean) => Math.exp(burstLikelihood(count, mean, added, law.shape) - top));
  });
}

function bestRatio(minute: number, priors: readonly Float64Array[], tables: readonly (readonly Float64Array[])[], moves: readonly Float64Array[], usual: Float64Array): number {
  let best = 0;
  for (const length of STARTS) {
    const from = minute - length + 1;
    let none = 0;
    for (let at = from; at <= minute; at += 1) none += usual[at % BURST_MINUTES] ?? 0;
    for (let size = 1; size < SIZES.length; size += 1) best = Math.max(best, windowLikelihood(from, minute, size, priors, tables, moves) - none);
  }
  return best;
}

function windowLikelihood(from: number, to: number, size: number, priors: readonly Float64Array[], tables: readonly (readonly Float64Array[])[], moves: readonly Float64Array[]): number {
  let weights = Float64Array.from(priors[from % BURST_MINUTES] ?? []);
  let total = 0;
  for (let minute = from; minute <= to; minute += 1) {
    if (minute > from && minute % DRIFT_MINUTES === 0) weights = Float64Array.from(moved(weights, moves));
    const row = tables[minute % BURST_MINUTES]?.[size] ?? weights;
    let sum = 0;
    for (let value = 0; value < VALUES; value += 1) {
      const weight = (weights[value] ?? 0) * (row[value] ?? 0);
      weights[value] = weight;
      sum += weight;
    }
    total += Math.log(Math.max(sum, 1e-300));
    for (let value = 0; value < VALUES; value += 1) weights[value] = (weights[value] ?? 0) / Math.max(sum, 1e-300);
  }
  return total;
}
