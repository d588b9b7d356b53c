import { Baseline } from './baseline.ts';
import type { Carrier } from './carry.ts';
import { Clock } from './clock.ts';
import { LEAST_RATE } from './fit.ts';
import { Level } from './level.ts';
import { Noise } from './noise.ts';
import { Recent } from './recent.ts';
import { Block } from './tally.ts';
import { normalTail } from './tail.ts';
import { outlook, scan, windowPoints, type Finding, type Outlook } from './windows.ts';

const HOUR_SECONDS = 3_600;
const BLOCK_SECONDS = 600;
/** More requests a point count as this many. */
const MOST_COUNTED = 1e9;
/** Hours before the first score. */
const WARM_UP_HOURS = 2;
const LEAST_WARM_UP_POINTS = 8;
/** z from which a point teaches nothing: one in thirty thousand. */
const GATE_Z = 4;
/** An incident ends twice as fast as it lasts. */
const RELEASE = 2;
/** After a new level was accepted, points that only measure it. */
const SETTLING_POINTS = 10;
/** Variance of a level that may be anywhere. */
const ANYWHERE = 2;
/** −log10 of the probability counts so much less for looking at six windows at once; measured, see `threshold.ts`. */
const WINDOWS_LOOKED_AT = 0.8;

export interface DetectorSettings {
  readonly intervalSeconds: number;
  readonly zone: string | null;
  readonly acceptAfterMinutes: number;
}

/** The parts of one key's detector, and the order in which a point passes them. */
export class Detector {
  readonly #clock: Clock;
  readonly #windows: readonly number[];
  readonly #noise: Noise;
  readonly #level = new Level();
  readonly #recent: Recent;
  readonly #baseline: Baseline;
  readonly #block: Block;
  readonly #found: Finding = { z: 0, points: 0 };
  readonly #acceptPoints: number;
  readonly #warmUpPoints: number;
  #points = 0;
  /** Points for which an incident has kept the level from learning. */
  #held = 0;
  #settling = 0;

  constructor({ intervalSeconds, zone, acceptAfterMinutes }: DetectorSettings) {
    const pointsAnHour = HOUR_SECONDS / intervalSeconds;
    this.#clock = new Clock(intervalSeconds * 1_000, zone);
    this.#windows = windowPoints(intervalSeconds);
    this.#block = new Block(Math.max(1, Math.round(BLOCK_SECONDS / intervalSeconds)));
    this.#noise = new Noise(this.#block.points);
    this.#recent = new Recent(this.#windows.at(-1) ?? 1);
    this.#baseline = new Baseline(pointsAnHour, this.#noise, this.#level, this.#recent);
    this.#acceptPoints = Math.max(2, Math.round((acceptAfterMinutes * 60) / intervalSeconds));
    this.#warmUpPoints = Math.max(LEAST_WARM_UP_POINTS, Math.round(WARM_UP_HOURS * pointsAnHour));
  }

  /** See `CountsDetector.next`. */
  next(given: number, timestampMs: number): number {
    this.#found.z = 0;
    if (!(given >= 0)) return 0;
    const missing = this.#clock.take(timestampMs);
    if (missing < 0) return 0;
    if (missing > 0) this.#miss(missing);
    const count = Math.min(given, MOST_COUNTED);
    this.#baseline.moveTo(this.#clock.quarterAt(timestampMs), count);
    this.#points += 1;
    return this.#look(count);
  }

  #look(count: number): number {
    const [level, noise] = [this.#level, this.#noise];
    level.drift(noise);
    const factor = Math.exp(level.log);
    const expected = Math.max(LEAST_RATE, this.#baseline.rate * factor);
    this.#recent.push(count, this.#baseline.rate, factor, level.variance);
    if (this.#settling > 0) return this.#settle(count, expected);
    scan(this.#recent, this.#windows, noise, this.#found);
    if (this.#points < this.#warmUpPoints) this.#found.z = 0;
    if (this.#found.z > GATE_Z) this.#hold(count);
    else this.#learn(count, expected);
    return this.#found.z === 0 ? 0 : Math.max(0, normalTail(this.#found.z) - WINDOWS_LOOKED_AT);
  }

  #learn(count: number, expected: number): void {
    if (this.#held > 0) this.#held = Math.max(0, this.#held - RELEASE);
    this.#noise.learnPoint(count, expected, this.#level.variance);
    this.#level.learn(count, expected, this.#noise.dispersion);
    this.#baseline.learn(count);
    this.#block.add(count, this.#baseline.rate);
    if (this.#clock.slot % this.#block.points === this.#block.points - 1) this.#endBlock();
  }

  #endBlock(): void {
    const block = this.#baseline.week.hoursLearnt === 0 ? null : this.#block.close();
    this.#noise.learnBlock(block === null ? null : block.count, block === null ? 1 : block.baseline);
  }

  /** Back to what was known before the window that stands out; a level that stands out for hours is let in. */
  #hold(count: number): void {
    const { points } = this.#found;
    const start = this.#recent.start(points);
    this.#level.log = Math.log(this.#recent.factors[start] ?? 1);
    this.#level.variance = this.#recent.variances[start] ?? ANYWHERE;
    if (points > 1) this.#level.driftFor(points - 1, this.#noise);
    this.#baseline.learnClamped(count, this.#baseline.rate * Math.exp(this.#level.log));
    this.#block.close();
    this.#held += 1;
    if (this.#held < this.#acceptPoints) return;
    this.#held = 0;
    this.#level.variance = ANYWHERE;
    this.#settling = SETTLING_POINTS;
  }

  #miss(points: number): void {
    this.#level.driftFor(points, this.#noise);
    const holes = Math.min(points, this.#recent.size);
    for (let hole = 0; hole < holes; hole += 1) this.#recent.skip(Math.exp(this.#level.log), this.#level.variance);
    this.#block.close();
    this.#noise.learnBlock(null, 1);
  }

  /** After a new level was accepted it may go anywhere for a while. */
  #settle(count: number, expected: number): number {
    this.#level.learn(count, expected, this.#noise.dispersion);
    this.#recent.clear();
    this.#block.close();
    this.#settling -= 1;
    if (this.#settling === 0) this.#baseline.adopt();
    return 0;
  }

  /** The window that scored highest at the last point, or the last point itself. */
  explain(): Outlook & { readonly points: number } {
    const points = this.#found.z === 0 ? 1 : this.#found.points;
    return { ...outlook(this.#recent, points, this.#noise), points };
  }

  carry(carrier: Carrier): void {
    for (const part of [this.#clock, this.#noise, this.#level, this.#recent, this.#baseline, this.#block]) part.carry(carrier);
    this.#points = carrier.number(this.#points);
    this.#held = carrier.number(this.#held);
    this.#settling = carrier.number(this.#settling);
    this.#found.z = carrier.number(this.#found.z);
    this.#found.points = carrier.number(this.#found.points);
  }
}
