import type { Carrier } from './carry.ts';

/**
 * The last points: what came, what the baseline said, and what was known of the level right before each. A ring. Counts and
 * rates are kept as running sums, so that any window is one subtraction; `restart` keeps them small, hence exact.
 */
export class Recent {
  readonly size: number;
  /** Sums up to and with each point. */
  readonly counts: Float64Array;
  readonly rates: Float64Array;
  readonly seen: Float32Array;
  /** Of the level before each point: e^log, and the variance of the log. */
  readonly factors: Float32Array;
  readonly variances: Float32Array;
  /** Index of the newest. */
  head = 0;
  /** Points of which windows may consist; one more is kept before them. */
  length = 0;

  constructor(longest: number) {
    this.size = longest + 1;
    this.counts = new Float64Array(this.size);
    this.rates = new Float64Array(this.size);
    this.seen = new Float32Array(this.size);
    this.factors = new Float32Array(this.size);
    this.variances = new Float32Array(this.size);
  }

  push(count: number, rate: number, factor: number, variance: number): void {
    const before = this.head;
    const at = before + 1 === this.size ? 0 : before + 1;
    this.head = at;
    if (this.length + 1 < this.size) this.length += 1;
    this.counts[at] = (this.counts[before] ?? 0) + count;
    this.rates[at] = (this.rates[before] ?? 0) + rate;
    this.seen[at] = (this.seen[before] ?? 0) + 1;
    this.factors[at] = factor;
    this.variances[at] = variance;
  }

  /** A point that is missing. */
  skip(factor: number, variance: number): void {
    this.push(0, 0, factor, variance);
    this.seen[this.head] = (this.seen[this.head] ?? 0) - 1;
  }

  clear(): void {
    this.length = 0;
  }

  /** Index of the first point of the window of so many. */
  start(points: number): number {
    const at = this.head - points + 1;
    return at < 0 ? at + this.size : at;
  }

  /** The baseline is now this many times what it was, and levels above it are lower by as much; sums start anew. */
  rebase(times: number): void {
    const first = this.start(this.size);
    const [count, rate, seen] = [this.counts[first] ?? 0, this.rates[first] ?? 0, this.seen[first] ?? 0];
    for (let at = 0; at < this.size; at += 1) {
      this.counts[at] = (this.counts[at] ?? 0) - count;
      this.rates[at] = ((this.rates[at] ?? 0) - rate) * times;
      this.seen[at] = (this.seen[at] ?? 0) - seen;
      this.factors[at] = (this.factors[at] ?? 0) / times;
    }
  }

  /** What is known of the level becomes less certain, by what happens between the last point and the next. */
  blur(variance: number): void {
    for (let at = 0; at < this.size; at += 1) this.variances[at] = (this.variances[at] ?? 0) + variance;
  }

  carry(carrier: Carrier): void {
    for (const array of [this.counts, this.rates, this.seen, this.factors, this.variances]) carrier.array(array);
    this.head = carrier.number(this.head);
    this.length = carrier.number(this.length);
  }
}
