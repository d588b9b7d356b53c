import type { Carrier } from './carry.ts';

/** Relative variance of a minute beyond Poisson's that a key is believed to have until its own is known. */
const DISPERSION = { prior: 0.15, weight: 60, memory: 10_000, least: 0.002, most: 3 };
/** Drift: its variance, and what of it is left after a block, likewise. */
const DRIFT = { variance: 0.06, stay: 0.9, weight: 60, memory: 1_400, least: 0.004, most: 1, stayLeast: 0.8, stayMost: 0.985 };
/** A residual counts as no more than this many of its variances, so that single outliers teach little. */
const CLIP = 16;
/** Blocks between the two that the longer covariance compares: an hour. */
const LAG = 6;

/**
 * What a key's counts do beside following their baseline: over-dispersion from point to point (a gamma's 1/k), and slow drift,
 * a mean-reverting walk of the logarithm of the rate. The drift's variance and pace come from the covariances of blocks of
 * ten minutes that lie one block and one hour apart: noise of single points is in neither.
 */
export class Noise {
  /** 1/k a point. */
  dispersion = DISPERSION.prior;
  /** Stationary variance of the drift. */
  variance = DRIFT.variance;
  /** What is left of a drift after one point, and the variance that one point adds. */
  stay: number;
  step: number;
  readonly #blockPoints: number;
  #dispersionWeight = DISPERSION.weight;
  #unit = 0;
  readonly #covariance = Float64Array.of(0, 0, 0, 0);
  readonly #ratios = new Float32Array(LAG);
  readonly #weights = new Float32Array(LAG);
  #at = 0;

  constructor(blockPoints: number) {
    this.#blockPoints = blockPoints;
    this.stay = DRIFT.stay ** (1 / blockPoints);
    this.step = this.variance * (1 - this.stay * this.stay);
    // Where the noise of a point is unknown its weight is that of a quiet key's.
    this.#unit = 1 / (DISPERSION.prior * DISPERSION.prior);
    this.#covariance.set([DRIFT.variance * DRIFT.stay, 0, DRIFT.variance * DRIFT.stay ** LAG, 0]);
  }

  /** One point's count beside what was expected right before it, whose logarithm had `uncertainty`. */
  learnPoint(count: number, expected: number, uncertainty: number): void {
    const poisson = 1 / expected;
    const total = poisson + this.dispersion + uncertainty;
    const over = (count - expected) / expected;
    const square = Math.min(over * over, CLIP * total);
    const weight = 1 / (total * total) / this.#unit;
    this.#dispersionWeight = Math.min(DISPERSION.memory, this.#dispersionWeight + weight);
    const moved = this.dispersion + ((square - poisson - uncertainty - this.dispersion) * weight) / this.#dispersionWeight;
    this.dispersion = Math.min(DISPERSION.most, Math.max(DISPERSION.least, moved));
  }

  /** A whole block's count beside its baseline; null for a block of which points are missing or not to be learnt from. */
  learnBlock(count: number | null, baseline: number): void {
    const error = 1 / Math.max(baseline, 1e-6) + this.dispersion / this.#blockPoints;
    const weight = count === null ? 0 : this.variance / (this.variance + error);
    const ratio = count === null ? 0 : Math.min(count / baseline - 1, 4 * Math.sqrt(this.variance + error));
    this.#learnPair(0, (this.#at + LAG - 1) % LAG, ratio, weight);
    this.#learnPair(2, this.#at, ratio, weight);
    this.#ratios[this.#at] = ratio;
    this.#weights[this.#at] = weight;
    this.#at = (this.#at + 1) % LAG;
    if (weight > 0) this.#settle();
  }

  #learnPair(into: 0 | 2, before: number, ratio: number, weight: number): void {
    const pair = weight * (this.#weights[before] ?? 0);
    if (pair === 0) return;
    const known = Math.min(DRIFT.memory, (this.#covariance[into + 1] ?? 0) + pair);
    this.#covariance[into + 1] = known;
    const old = this.#covariance[into] ?? 0;
    this.#covariance[into] = old + ((ratio * (this.#ratios[before] ?? 0) - old) * pair) / (known + DRIFT.weight);
  }

  #settle(): void {
    const near = Math.max(this.#covariance[0] ?? 0, DRIFT.least);
    const far = Math.max(this.#covariance[2] ?? 0, DRIFT.least / 4);
    const stay = clamp((far / near) ** (1 / (LAG - 1)), DRIFT.stayLeast, DRIFT.stayMost);
    // The covariance of rates, e^(V·stay) − 1, not of logarithms.
    this.variance = clamp(Math.log1p(near) / stay, DRIFT.least, DRIFT.most);
    this.stay = stay ** (1 / this.#blockPoints);
    this.step = this.variance * (1 - this.stay * this.stay);
  }

  carry(carrier: Carrier): void {
    this.dispersion = carrier.number(this.dispersion);
    this.variance = carrier.number(this.variance);
    this.stay = carrier.number(this.stay);
    this.step = carrier.number(this.step);
    this.#dispersionWeight = carrier.number(this.#dispersionWeight);
    this.#at = carrier.number(this.#at);
    for (const array of [this.#covariance, this.#ratios, this.#weights]) carrier.array(array);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
