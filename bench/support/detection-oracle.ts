/**
 * What can be known of a burst at all: scores of detectors that are told the key's law. Both compare, for every start 1 to 15
 * minutes ago and every size of burst, the likelihood of the counts since with and without it, and take the greatest ratio;
 * `knowsDrift` is told the drift of every minute as well. The other follows it by an exact forward filter over 41 values.
 */
import { BURST_MINUTES, BURST_TIMES, DRIFT_MINUTES, DRIFT_STAY, rateAt, type KeyTraffic } from './key-traffic.ts';

const LEAST_BURST_RATE = 0.05;
const VALUES = 41;
/** Standard deviations of drift that the grid spans to each side. */
const SPAN = 4;
/** Only starts so many minutes ago, plus one, for the filtering one: enough, and a third of the work. */
const STARTS = [1, 2, 3, 4, 5, 7, 10, 12, 15] as const;
/** None, and those that come. */
const SIZES = [1, ...BURST_TIMES] as const;

/** Natural logarithms of the likelihood ratio, by minute. */
export interface OracleScores {
  readonly knowsDrift: Float64Array;
  readonly knowsLaw: Float64Array;
}

export function oracleScores(traffic: KeyTraffic): OracleScores {
  return { knowsDrift: withDrift(traffic), knowsLaw: withLaw(traffic) };
}

/** Logarithm of a count's probability but for what does not depend on the mean: gamma-Poisson of this shape. */
function likelihood(count: number, mean: number, shape: number): number {
  return count * Math.log(mean) - (count + shape) * Math.log(mean + shape) + shape * Math.log(shape);
}

/**
 * A burst adds plain Poisson counts. Their convolution with the gamma-Poisson ones is near a gamma-Poisson of the same mean and
 * variance, which is what is used: its shape is `mean² / (usual² / shape)`.
 */
function burstLikelihood(count: number, usual: number, added: number, shape: number): number {
  const mean = usual + added;
  const merged = (shape * mean * mean) / (usual * usual);
  const limit = 1e7; // beyond it, rounding would drown the difference to Poisson
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
function withLaw({ law, counts }: KeyTraffic): Float64Array {
  const { values, moves } = driftGrid(law.drift);
  const scores = new Float64Array(counts.length);
  const priors: Float64Array[] = [];
  const tables: (readonly Float64Array[])[] = [];
  let weights = normalized(values.map((value) => Math.exp(-((value / law.drift) ** 2) / 2)));
  for (let minute = 0; minute < counts.length; minute += 1) {
    if (minute % DRIFT_MINUTES === 0) weights = moved(weights, moves);
    priors[minute % BURST_MINUTES] = weights;
    const table = minuteTable(law, counts[minute] ?? 0, rateAt(law, minute), values);
    tables[minute % BURST_MINUTES] = table;
    scores[minute] = minute < BURST_MINUTES ? 0 : bestRatio(minute, priors, tables, moves);
    const none = table[0] ?? weights;
    weights = normalized(weights.map((weight, value) => weight * (none[value] ?? 0)));
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

function bestRatio(minute: number, priors: readonly Float64Array[], tables: readonly (readonly Float64Array[])[], moves: readonly Float64Array[]): number {
  let best = 0;
  for (const back of STARTS) {
    const from = minute - back + 1;
    const [none, ...sizes] = SIZES.map((_, size) => windowLikelihood(from, minute, size, priors, tables, moves));
    for (const one of sizes) best = Math.max(best, one - (none ?? 0));
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
