import type { Carrier } from './carry.ts';
import { HOURS, LEAST_RATE, WEEK_HOURS, WeekFit } from './fit.ts';
import type { Noise } from './noise.ts';

export const QUARTERS = 4;
/** Weeks over which an hour of the week is averaged: what is older counts ever less. */
const MEMORY_WEEKS = 6;
/** Days over which the course within an hour is averaged. */
const MEMORY_DAYS = 28;
/** How much a quarter of an hour may differ from the line between its hours: a variance. */
const QUARTER_SPREAD = 0.01;
/** Where hours differ by more (a logarithm), the change is a step, of which no quarter is in the middle. */
const STEEP = 0.7;
/**
 * A point or an hour teaches no more than this many times what the cell and the level had expected: so an attack moves little,
 * while what comes back at the same time every week is learnt all the same. In the first week little is expected with reason.
 */
const MOST_TAUGHT = { firstWeek: 10, later: 3 };
/** Of a jump between hours: standard deviation, as a share, of where within the hour it comes. */
const JUMP_UNSURE = 0.15;
/** A share of 1 as it is kept: up to four fit, and the unit is finer than any step that matters. */
const SHARE = 16_000;

/** The baseline: what a point's count should be at this time of the week, learnt an hour at a time. */
export class Week {
  readonly rates = new Float32Array(WEEK_HOURS);
  readonly visits = new Uint8Array(WEEK_HOURS);
  /** Of each quarter of an hour of the day: its mean, as a share of its hour's, in units of 1 / SHARE. */
  readonly #shape = new Uint16Array(HOURS * QUARTERS).fill(SHARE);
  readonly #fit = new WeekFit();
  readonly #pointsAnHour: number;
  #hoursLearnt = 0;
  /** Of the hour that runs: expected count a point, and the day curve's factors around it. */
  #rate = LEAST_RATE;
  readonly #around = Float64Array.of(1, 1, 1);

  constructor(pointsAnHour: number) {
    this.#pointsAnHour = pointsAnHour;
  }

  /** The first baseline there is. */
  begin(rate: number): void {
    this.#rate = Math.max(LEAST_RATE, rate);
  }

  get mostTaught(): number {
    return this.#hoursLearnt < WEEK_HOURS ? MOST_TAUGHT.firstWeek : MOST_TAUGHT.later;
  }

  get hoursLearnt(): number {
    return this.#hoursLearnt;
  }

  /**
   * One hour's counts: their mean a point, and of each quarter (NaN where it was not wholly seen). `level` is the factor of
   * the local level in it: an hour may teach only so much more.
   */
  learnHour(cell: number, mean: number, quarters: Float64Array, level: number): void {
    const visits = Math.min(MEMORY_WEEKS, (this.visits[cell] ?? 0) + 1);
    const taught = this.#hoursLearnt < HOURS ? mean : Math.min(mean, this.mostTaught * this.#rate * Math.max(1, level));
    this.visits[cell] = visits;
    this.rates[cell] = (this.rates[cell] ?? 0) + (taught - (this.rates[cell] ?? 0)) / visits;
    this.#hoursLearnt += 1;
    const days = Math.min(MEMORY_DAYS, 1 + this.#hoursLearnt / HOURS);
    const expected = Math.max(mean, this.#rate, LEAST_RATE);
    for (let quarter = 0; quarter < QUARTERS; quarter += 1) {
      const at = (cell % HOURS) * QUARTERS + quarter;
      const share = (this.#shape[at] ?? SHARE) / SHARE;
      const off = (quarters[quarter] ?? Number.NaN) - share * mean;
      if (!Number.isNaN(off)) this.#shape[at] = Math.round(SHARE * Math.min(QUARTERS, Math.max(0, share + clampedUnit(off / expected) / days)));
    }
  }

  /** Fits the week anew; returns how many times what it was the baseline of the hour `before` is now. */
  refit(noise: Noise, before: number): number {
    const old = this.#rate;
    this.#fit.fit(this, noise, this.#pointsAnHour);
    if (before % HOURS === HOURS - 1) this.#fit.measureMisfit(this, noise, this.#pointsAnHour);
    return this.#fit.at(before, this, noise, this.#pointsAnHour).rate / old;
  }

  /** Turns to an hour of the week, after `refit`. Returns the variance that the turn adds to what is known of the level. */
  turn(cell: number, noise: Noise): number {
    const fit = (of: number) => this.#fit.at((of + WEEK_HOURS) % WEEK_HOURS, this, noise, this.#pointsAnHour);
    const [before, now, after] = [fit(cell - 1), fit(cell), fit(cell + 1)];
    const jump = JUMP_UNSURE * Math.log(now.rate / before.rate);
    this.#rate = now.rate;
    this.#around.set([before.ofDay, now.ofDay, after.ofDay]);
    return 0.5 * now.uncertainty + jump * jump;
  }

  /** Expected count a point in a quarter of the hour that runs. */
  rateIn(cell: number, quarter: number, noise: Noise): number {
    if (this.#hoursLearnt === 0) return this.#rate;
    const position = (quarter - 1.5) / QUARTERS;
    const [before = 1, now = 1, after = 1] = this.#around;
    const slope = Math.log((position < 0 ? before : after) / now);
    const line = Number.isFinite(slope) && Math.abs(slope) < STEEP ? Math.exp(slope * Math.abs(position)) : 1;
    const points = this.#pointsAnHour / QUARTERS;
    const days = Math.min(MEMORY_DAYS, this.#hoursLearnt / HOURS);
    const error = (0.1 * noise.variance + (noise.dispersion + 1 / this.#rate) / points) / Math.max(days, 0.01);
    const weight = points < 1 ? 0 : QUARTER_SPREAD / (QUARTER_SPREAD + error);
    const share = line + weight * ((this.#shape[(cell % HOURS) * QUARTERS + quarter] ?? SHARE) / SHARE - line);
    return Math.max(LEAST_RATE, this.#rate * Math.max(0.05, share));
  }

  /** The whole week is now this many times what it was. */
  scale(factor: number): void {
    for (let cell = 0; cell < WEEK_HOURS; cell += 1) this.rates[cell] = (this.rates[cell] ?? 0) * factor;
    this.#rate = Math.max(LEAST_RATE, this.#rate * factor);
  }

  carry(carrier: Carrier): void {
    for (const array of [this.rates, this.visits, this.#shape, this.#around]) carrier.array(array);
    this.#hoursLearnt = carrier.number(this.#hoursLearnt);
    this.#rate = carrier.number(this.#rate);
    this.#fit.misfit = carrier.number(this.#fit.misfit);
  }
}

function clampedUnit(value: number): number {
  return Math.max(-1, Math.min(1, value));
}
