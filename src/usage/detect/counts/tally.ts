import type { Carrier } from './carry.ts';
import { QUARTERS } from './week.ts';

/** Share of an hour's points without which it teaches nothing. */
const ENOUGH = 0.5;
/** Of a quarter's points, likewise. */
const WHOLE = 0.9;

/** What the running hour has brought, a quarter at a time. Points that an incident hides are not in it. */
export class Tally {
  readonly #sums = new Float64Array(QUARTERS);
  readonly #points = new Float64Array(QUARTERS);
  readonly #pointsAnHour: number;

  constructor(pointsAnHour: number) {
    this.#pointsAnHour = pointsAnHour;
  }

  add(quarter: number, count: number): void {
    this.#sums[quarter] = (this.#sums[quarter] ?? 0) + count;
    this.#points[quarter] = (this.#points[quarter] ?? 0) + 1;
  }

  /** The hour's mean count a point and each quarter's (NaN for one with holes), and starts anew; null when too little was seen. */
  close(): { readonly mean: number; readonly quarters: Float64Array } | null {
    const points = this.#points.reduce((sum, one) => sum + one, 0);
    const count = this.#sums.reduce((sum, one) => sum + one, 0);
    const whole = (this.#pointsAnHour / QUARTERS) * WHOLE;
    const quarters = this.#sums.map((sum, quarter) => ((this.#points[quarter] ?? 0) < whole ? Number.NaN : sum / (this.#points[quarter] ?? 1)));
    this.#sums.fill(0);
    this.#points.fill(0);
    return points < this.#pointsAnHour * ENOUGH ? null : { mean: count / points, quarters };
  }

  carry(carrier: Carrier): void {
    carrier.array(this.#sums);
    carrier.array(this.#points);
  }
}

/** What the running block of ten minutes has brought. */
export class Block {
  readonly points: number;
  #count = 0;
  #baseline = 0;
  #seen = 0;

  constructor(points: number) {
    this.points = points;
  }

  add(count: number, rate: number): void {
    this.#count += count;
    this.#baseline += rate;
    this.#seen += 1;
  }

  /** Both sums, and starts anew; null when points were missing or spoilt. */
  close(): { readonly count: number; readonly baseline: number } | null {
    const whole = this.#seen === this.points ? { count: this.#count, baseline: this.#baseline } : null;
    this.#count = this.#baseline = this.#seen = 0;
    return whole;
  }

  carry(carrier: Carrier): void {
    this.#count = carrier.number(this.#count);
    this.#baseline = carrier.number(this.#baseline);
    this.#seen = carrier.number(this.#seen);
  }
}
