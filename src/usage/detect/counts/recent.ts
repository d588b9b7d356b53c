import type { Carrier } from './carry.ts';

/** The last points: what came, what the baseline said, and what was known of the level right before each. A ring. */
export class Recent {
  readonly size: number;
  readonly counts: Float64Array;
  readonly rates: Float32Array;
  /** Of the level: e^log. */
  readonly factors: Float32Array;
  readonly variances: Float32Array;
  /** Index of the newest. */
  head = 0;
  /** How many are filled. */
  length = 0;

  constructor(size: number) {
    this.size = size;
    this.counts = new Float64Array(size);
    this.rates = new Float32Array(size);
    this.factors = new Float32Array(size);
    this.variances = new Float32Array(size);
  }

  /** A rate of 0 means a point that is not to be counted. */
  push(count: number, rate: number, factor: number, variance: number): void {
    this.head = this.head + 1 === this.size ? 0 : this.head + 1;
    if (this.length < this.size) this.length += 1;
    this.counts[this.head] = count;
    this.rates[this.head] = rate;
    this.factors[this.head] = factor;
    this.variances[this.head] = variance;
  }

  clear(): void {
    this.length = 0;
  }

  /** The baseline is now this many times what it was, and levels above it are lower by as much. */
  rebase(times: number): void {
    for (let at = 0; at < this.size; at += 1) {
      this.rates[at] = (this.rates[at] ?? 0) * times;
      this.factors[at] = (this.factors[at] ?? 0) / times;
    }
  }

  /** What is known of the level becomes less certain, by what happens between the last point and the next. */
  blur(variance: number): void {
    for (let at = 0; at < this.size; at += 1) this.variances[at] = (this.variances[at] ?? 0) + variance;
  }

  /** Where the window of so many points begins. */
  start(points: number): number {
    return (this.head - points + 1 + this.size) % this.size;
  }

  carry(carrier: Carrier): void {
    for (const array of [this.counts, this.rates, this.factors, this.variances]) carrier.array(array);
    this.head = carrier.number(this.head);
    this.length = carrier.number(this.length);
  }
}
