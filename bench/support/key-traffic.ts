/**
 * Synthetic requests a minute of API keys with labelled bursts, of the law that docs/detection.md states: base rate 0.1 to 1,000
 * (log-uniform), a daily sine of amplitude 0 to 0.9, half of the keys quieter by up to 0.3 on the 6th and 7th day, a log-normal
 * drift (AR(1), 0.9 every ten minutes, sd 0.1 to 0.4), gamma noise of shape 10^(0.3 … 1.5) a minute, Poisson counts. After two
 * weeks come bursts of 15 minutes that add 2, 4 and 9 times the undrifted rate at their start, or 0.05 a minute where that is more.
 */
export const MINUTES_A_DAY = 1_440;
export const MINUTES_A_WEEK = 7 * MINUTES_A_DAY;
export const DRIFT_MINUTES = 10;
export const DRIFT_STAY = 0.9;
export const BURST_MINUTES = 15;
export const BURST_TIMES = [3, 5, 10] as const;
const LEAST_BURST_RATE = 0.05;

export interface KeyLaw {
  /** Requests a minute. */
  readonly base: number;
  readonly wave: number;
  /** Radians. */
  readonly phase: number;
  readonly weekend: number;
  /** Of the gamma noise of one minute. */
  readonly shape: number;
  /** Standard deviation of the drift's logarithm. */
  readonly drift: number;
}

export interface Burst {
  /** Minute. */
  readonly start: number;
  readonly times: number;
  /** Requests a minute that it adds. */
  readonly added: number;
}

export interface KeyTraffic {
  readonly law: KeyLaw;
  /** By minute. */
  readonly counts: Float64Array;
  /** By minute: the factor of drift. */
  readonly drifts: Float64Array;
  readonly bursts: readonly Burst[];
}

/** Uniform numbers in [0, 1) that follow from a seed: xorshift128, seeded by a linear congruence. */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    let word = (seed ^ 0x9e3779b9) >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => (word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0));
    for (let n = 0; n < 64; n += 1) this.uniform();
  }

  uniform(): number {
    const [a = 1, b = 0, c = 0, d = 0] = this.#state;
    const mixed = a ^ (a << 11);
    const next = (d ^ (d >>> 19) ^ mixed ^ (mixed >>> 8)) >>> 0;
    this.#state.set([b, c, d, next]);
    return next / 4_294_967_296;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Of this shape, which is at least 1, and scale 1 (Marsaglia and Tsang). */
  gamma(shape: number): number {
    const d = shape - 1 / 3;
    for (;;) {
      const x = this.normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      if (v > 0 && Math.log(1 - this.uniform()) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  poisson(mean: number): number {
    if (mean > 500) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    if (mean > 30) {
      // Waiting times: the n-th of a unit process comes at a gamma of shape n.
      const n = Math.floor(mean * 0.875);
      const at = this.gamma(n);
      return at < mean ? n + this.poisson(mean - at) : this.#binomial(n - 1, mean / at);
    }
    let count = 0;
    for (let left = mean + Math.log(1 - this.uniform()); left > 0; left += Math.log(1 - this.uniform())) count += 1;
    return count;
  }

  #binomial(n: number, share: number): number {
    let count = 0;
    for (let trial = 0; trial < n; trial += 1) if (this.uniform() < share) count += 1;
    return count;
  }
}

/** Requests a minute without drift and noise. */
export function rateAt({ base, wave, phase, weekend }: KeyLaw, minute: number): number {
  const day = Math.floor(minute / MINUTES_A_DAY) % 7;
  return base * (1 + wave * Math.sin((minute / MINUTES_A_DAY) * 2 * Math.PI + phase)) * (day >= 5 ? weekend : 1);
}

export function makeTraffic(random: Random, weeks: number): KeyTraffic {
  const law: KeyLaw = {
    base: 10 ** random.between(-1, 3), wave: random.between(0, 0.9), phase: random.between(0, 2 * Math.PI),
    weekend: random.uniform() < 0.5 ? random.between(0.3, 1) : 1, shape: 10 ** random.between(0.3, 1.5), drift: random.between(0.1, 0.4),
  };
  const minutes = weeks * MINUTES_A_WEEK;
  const [counts, drifts] = [new Float64Array(minutes), new Float64Array(minutes)];
  let slow = 0;
  for (let minute = 0; minute < minutes; minute += 1) {
    if (minute % DRIFT_MINUTES === 0) slow = DRIFT_STAY * slow + law.drift * Math.sqrt(1 - DRIFT_STAY * DRIFT_STAY) * random.normal();
    drifts[minute] = Math.exp(slow);
    counts[minute] = random.poisson((rateAt(law, minute) * Math.exp(slow) * random.gamma(law.shape)) / law.shape);
  }
  return { law, counts, drifts, bursts: BURST_TIMES.map((times) => addBurst(random, law, counts, times, weeks)) };
}

function addBurst(random: Random, law: KeyLaw, counts: Float64Array, times: number, weeks: number): Burst {
  const start = Math.floor(random.between(2.2, weeks - 0.2) * MINUTES_A_WEEK);
  const added = (times - 1) * Math.max(LEAST_BURST_RATE, rateAt(law, start));
  for (let minute = start; minute < start + BURST_MINUTES; minute += 1) counts[minute] = (counts[minute] ?? 0) + random.poisson(added);
  return { start, times, added };
}
