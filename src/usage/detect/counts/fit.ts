import type { Noise } from './noise.ts';

export const HOURS = 24;
export const DAYS = 7;
export const WEEK_HOURS = HOURS * DAYS;

/** What was seen of every hour of the week: mean count a point, and in how many weeks. */
export interface WeekCells {
  readonly rates: Float32Array;
  readonly visits: Uint8Array;
}

/** An hour of the week as fitted. */
export interface HourFit {
  /** Expected count a point. */
  readonly rate: number;
  /** Relative variance of that expectation. */
  readonly uncertainty: number;
  /** Factor of the time of day, common to all days. */
  readonly ofDay: number;
}

/** How much an hour of the day may differ from the one before, and a day from the mean day, before any is known: variances. */
const HOUR_STEP = 0.15;
const DAY_SPREAD = 0.2;
/** A quarter of an hour's drift and more survives averaging over it; a whole day's average keeps less. */
const DRIFT_IN_HOUR = 0.8;
const DRIFT_IN_DAY = 0.15;
/** Counts a point are never expected to be below this: a key that is silent may wake up. */
export const LEAST_RATE = 0.003;
const PASSES = 2;

/**
 * The week as level × hour of day × day of week, each shrunk by what is known of it, and every hour of the week drawn to that
 * product as strongly as the key's whole table obeys it: a sparse or new key gets a smooth curve from few numbers, and one with
 * its own Friday nights keeps them.
 */
export class WeekFit {
  readonly #hours = new Float64Array(HOURS);
  readonly #hourErrors = new Float64Array(HOURS);
  readonly #days = new Float64Array(DAYS);
  readonly #dayErrors = new Float64Array(DAYS);
  #mean = 0;
  /** Relative variance of cells around the product, beyond their own errors. */
  misfit = 0;

  /** `pointsAnHour` may be a fraction. */
  fit(cells: WeekCells, noise: Noise, pointsAnHour: number): void {
    this.#mean = meanOf(cells);
    this.#hours.fill(1);
    this.#days.fill(1);
    for (let pass = 0; pass < PASSES; pass += 1) {
      this.#fitHours(cells, noise, pointsAnHour);
      this.#fitDays(cells, noise, pointsAnHour);
    }
  }

  #fitHours({ rates, visits }: WeekCells, noise: Noise, points: number): void {
    let before = this.#hours[HOURS - 1] ?? 1;
    for (let hour = 0; hour < HOURS; hour += 1) {
      let seen = 0;
      let expected = 0;
      let weeks = 0;
      for (let cell = hour, day = 0; cell < WEEK_HOURS; cell += HOURS, day += 1) {
        const count = visits[cell] ?? 0;
        weeks += count;
        seen += count * (rates[cell] ?? 0);
        expected += count * (this.#days[day] ?? 1);
      }
      const error = weeks === 0 ? Infinity : hourError(this.#mean * before, weeks, noise, points);
      const weight = HOUR_STEP / (HOUR_STEP + error);
      if (weeks > 0) before += weight * (seen / (expected * this.#mean) - before);
      this.#hours[hour] = before;
      this.#hourErrors[hour] = HOUR_STEP * (1 - weight);
    }
  }

  #fitDays({ rates, visits }: WeekCells, noise: Noise, points: number): void {
    for (let day = 0; day < DAYS; day += 1) {
      let seen = 0;
      let expected = 0;
      let hours = 0;
      for (let hour = 0, cell = day * HOURS; hour < HOURS; hour += 1, cell += 1) {
        const count = visits[cell] ?? 0;
        hours += count;
        seen += count * (rates[cell] ?? 0);
        expected += count * (this.#hours[hour] ?? 1);
      }
      const error = hours === 0 ? Infinity : (DRIFT_IN_DAY * noise.variance * HOURS + 1 / (this.#mean * points)) / hours;
      const weight = DAY_SPREAD / (DAY_SPREAD + error);
      this.#days[day] = hours === 0 ? 1 : 1 + weight * (seen / (expected * this.#mean) - 1);
      this.#dayErrors[day] = DAY_SPREAD * (1 - weight);
    }
  }

  /** After `fit`: how well the product describes the cells. It changes slowly: once a day is enough. */
  measureMisfit({ rates, visits }: WeekCells, noise: Noise, points: number): void {
    let sum = 0;
    let weights = 0;
    for (let cell = 0; cell < WEEK_HOURS; cell += 1) {
      const weeks = visits[cell] ?? 0;
      if (weeks === 0) continue;
      const product = this.#product(cell);
      const off = ((rates[cell] ?? 0) - product) / product;
      const error = hourError(product, weeks, noise, points);
      const weight = 1 / ((error + 0.05) * (error + 0.05));
      sum += weight * (Math.min(off * off, 4) - error);
      weights += weight;
    }
    this.misfit = weights === 0 ? 0 : Math.max(0, sum / weights);
  }

  /** One hour of the week, 0 being the first of the epoch's Thursday. */
  at(cell: number, { rates, visits }: WeekCells, noise: Noise, points: number): HourFit {
    const product = this.#product(cell);
    const weeks = visits[cell] ?? 0;
    const common = (this.#hourErrors[cell % HOURS] ?? 0) + (this.#dayErrors[Math.floor(cell / HOURS)] ?? 0);
    const own = weeks === 0 ? Infinity : hourError(product, weeks, noise, points);
    const weight = weeks === 0 ? 0 : this.misfit / (this.misfit + own);
    const rate = product + weight * ((rates[cell] ?? 0) - product);
    const uncertainty = weeks === 0 ? common + this.misfit : weight * own + (1 - weight) * common;
    return { rate: Math.max(LEAST_RATE, rate), uncertainty, ofDay: this.#hours[cell % HOURS] ?? 1 };
  }

  #product(cell: number): number {
    return Math.max(LEAST_RATE, this.#mean * (this.#hours[cell % HOURS] ?? 1) * (this.#days[Math.floor(cell / HOURS)] ?? 1));
  }
}

/** Relative variance of an hour's mean over some weeks, around the rate that it would have without drift. */
function hourError(rate: number, weeks: number, noise: Noise, points: number): number {
  return (DRIFT_IN_HOUR * noise.variance + (noise.dispersion + 1 / Math.max(rate, LEAST_RATE)) / points) / weeks;
}

function meanOf({ rates, visits }: WeekCells): number {
  let sum = 0;
  let weeks = 0;
  for (let cell = 0; cell < WEEK_HOURS; cell += 1) {
    sum += (visits[cell] ?? 0) * (rates[cell] ?? 0);
    weeks += visits[cell] ?? 0;
  }
  return Math.max(LEAST_RATE, sum / Math.max(1, weeks));
}
