import type { Carrier } from './carry.ts';
import { LEAST_RATE, WEEK_HOURS } from './fit.ts';
import type { Level } from './level.ts';
import type { Noise } from './noise.ts';
import type { Recent } from './recent.ts';
import { Tally } from './tally.ts';
import { QUARTERS, Week } from './week.ts';

const NONE = -1;
/** Hours in a row after which a level far from the baseline is the new baseline. */
const STRAY_HOURS = 6;
/** Far: as many standard deviations of the drift, beside this variance. */
const STRAY = { deviations: 3, variance: 0.1 };
/** A level is adopted by no more than this factor at once, and its inverse. */
const MOST_ADOPTED = 1e4;

/** What belongs to the hour and the quarter that run: turns the week's pages, and keeps level and window in step with them. */
export class Baseline {
  /** Expected count a point, before the level. */
  rate = LEAST_RATE;
  readonly week: Week;
  readonly #tally: Tally;
  readonly #noise: Noise;
  readonly #level: Level;
  readonly #recent: Recent;
  #quarter = NONE;
  #strayHours = 0;

  constructor(pointsAnHour: number, noise: Noise, level: Level, recent: Recent) {
    this.week = new Week(pointsAnHour);
    this.#tally = new Tally(pointsAnHour);
    this.#noise = noise;
    this.#level = level;
    this.#recent = recent;
  }

  /** Time has come to this quarter of an hour since the epoch; `count` is the first point's in it. */
  moveTo(quarter: number, count: number): void {
    if (quarter === this.#quarter) return;
    const [before, hour] = [Math.floor(this.#quarter / QUARTERS), Math.floor(quarter / QUARTERS)];
    if (this.#quarter === NONE) this.week.begin(count);
    else if (before !== hour) this.#turn(before % WEEK_HOURS, hour % WEEK_HOURS);
    this.#quarter = quarter;
    this.rate = this.week.rateIn(hour % WEEK_HOURS, quarter % QUARTERS, this.#noise);
  }

  learn(count: number): void {
    this.#tally.add(this.#quarter % QUARTERS, count);
  }

  /** A count that stands out, as far as it may teach: `expected` is what it was to be. */
  learnClamped(count: number, expected: number): void {
    this.learn(Math.min(count, this.week.mostTaught * expected));
  }

  #turn(before: number, cell: number): void {
    const hour = this.#tally.close();
    if (hour !== null) this.week.learnHour(before, hour.mean, hour.quarters, Math.exp(this.#level.log));
    if (this.week.hoursLearnt === 0) return;
    // Also after an hour that taught nothing: the fit is no part of a saved state, so it may not be older than this turn.
    this.#rebase(this.week.refit(this.#noise, before));
    if (hour !== null) this.#watchLevel();
    const blur = this.week.turn(cell, this.#noise);
    this.#level.variance += blur;
    this.#recent.blur(blur);
  }

  #watchLevel(): void {
    const far = STRAY.deviations * STRAY.deviations * this.#noise.variance + STRAY.variance;
    this.#strayHours = this.#level.log * this.#level.log > far ? this.#strayHours + 1 : 0;
    if (this.#strayHours >= STRAY_HOURS) this.adopt();
  }

  /** The present level is the baseline from now on, at every hour of the week. */
  adopt(): void {
    const factor = Math.min(MOST_ADOPTED, Math.max(1 / MOST_ADOPTED, Math.exp(this.#level.log)));
    this.week.scale(factor);
    this.rate = Math.max(LEAST_RATE, this.rate * factor);
    this.#rebase(factor);
    this.#strayHours = 0;
  }

  #rebase(times: number): void {
    this.#level.log -= Math.log(times);
    this.#recent.rebase(times);
  }

  carry(carrier: Carrier): void {
    this.rate = carrier.number(this.rate);
    this.#quarter = carrier.number(this.#quarter);
    this.#strayHours = carrier.number(this.#strayHours);
    this.week.carry(carrier);
    this.#tally.carry(carrier);
  }
}
