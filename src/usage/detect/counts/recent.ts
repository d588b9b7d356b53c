import type { Carrier } from './carry.ts';

/** The last points: what came, what the baseline said, and the level's estimate right before each. A ring. */
export class Recent {
  readonly size: number;
  readonly counts: Float64Array;
  readonly rates: Float32Array;
  readonly logs: Float32Array;
  readonly variances: Float32Array;
  /** Index of the newest. */
  head = 0;
  /** How many are filled. */
  length = 0;

  constructor(size: number) {
    this.size = size;
    this.counts = new Float64Array(size);
    this.rates = new Float32Array(size);
    this.logs = new Float32Array(size);
    this.variances = new Float32Array(size);
  }

  /** A rate of 0 means a point that is not to be counted. */
  push(count: number, rate: number, log: number, variance: number): void {
    this.head = this.head + 1 === this.size ? 0 : this.head + 1;
    if (this.length < this.size) this.length += 1;
    this.counts[this.head] = count;
    this.rates[this.head] = rate;
    this.logs[this.head] = log;
    this.variances[this.head] = variance;
  }

  clear(): void {
    this.length = 0;
  }

  /** The baseline's unit has changed: levels are higher by `log`, and the rates beneath them lower. */
  rebase(log: number): void {
    const factor = Math.exp(-log);
    for (let at = 0; at < this.size; at += 1) {
      this.rates[at] = (this.rates[at] ?? 0) * factor;
      this.logs[at] = (this.logs[at] ?? 0) + log;
    }
  }

  /** What is known of the level becomes less certain, by what happens between the last point and the next. */
  blur(variance: number): void {
    for (let at = 0; at < this.size; at += 1) this.variances[at] = (this.variances[at] ?? 0) + variance;
  }

  carry(carrier: Carrier): void {
    for (const array of [this.counts, this.rates, this.logs, this.variances]) carrier.array(array);
    this.head = carrier.number(this.head);
    this.length = carrier.number(this.length);
  }
}
