import { wallAt } from '../../../core/zone.ts';
import type { Carrier } from './carry.ts';
import { HOURS, LEAST_RATE, WEEK_HOURS } from './fit.ts';
import { Level } from './level.ts';
import { Noise } from './noise.ts';
import { Recent } from './recent.ts';
import { normalTail } from './tail.ts';
import { QUARTERS, Week } from './week.ts';
import { scan, windowPoints, type Finding } from './windows.ts';

export class CountsDetector {
  readonly #intervalMs: number;
  readonly #windows: readonly number[];
  readonly #noise: Noise;
  readonly #week: Week;
  readonly #level = new Level();
  readonly #recent: Recent;
  readonly #found: Finding = { z: 0, points: 0, count: 0, mean: 0, dispersion: 0, uncertainty: 0 };
  readonly #pointsAnHour: number;
  readonly #blockPoints: number;
  readonly #acceptPoints: number;
  #slot = Number.NaN;
  #quarter = Number.NaN;
  #rate = LEAST_RATE;
  #seen = 0;
  #held = 0;
  #settling = 0;
  readonly #sums = new Float64Array(4);
  readonly #points = new Float64Array(4);
  #blockCount = 0;
  #blockBase = 0;
  #blockSeen = 0;
  #strayHours = 0;
  #scale = 1;

  constructor(intervalSeconds: number) {
    this.#intervalMs = intervalSeconds * 1000;
    this.#windows = windowPoints(intervalSeconds);
    this.#pointsAnHour = 3600 / intervalSeconds;
    this.#blockPoints = Math.max(1, Math.round(600 / intervalSeconds));
    this.#acceptPoints = Math.max(3, Math.round(3 * this.#pointsAnHour));
    this.#noise = new Noise(this.#blockPoints);
    this.#week = new Week(this.#pointsAnHour);
    this.#recent = new Recent(this.#windows.at(-1) ?? 1);
  }

  next(given: number, timestampMs: number): number {
    if (!(given >= 0)) return 0;
    const count = Math.min(given, 1e9);
    const slot = Math.floor(timestampMs / this.#intervalMs);
    if (slot <= this.#slot) return 0;
    const gap = slot - this.#slot - 1;
    this.#slot = slot;
    if (gap > 0) this.#miss(gap);
    const quarter = Math.floor(timestampMs / 900_000);
    if (quarter !== this.#quarter) this.#turn(quarter, count);
    const level = this.#level;
    level.drift(this.#noise);
    this.#recent.push(count, this.#rate, level.log, level.variance);
    this.#seen += 1;
    scan(this.#recent, this.#windows, this.#noise, this.#found);
    const expected = Math.max(this.#rate * Math.exp(level.log), LEAST_RATE);
    if (this.#found.z > GATE && this.#seen > 2*this.#pointsAnHour && this.#held < this.#acceptPoints) { this.#hold(); }
    else {
      if (this.#held >= this.#acceptPoints) { this.#level.variance = 2; this.#recent.clear(); this.#settling = 10; }
      this.#held = Math.max(0, this.#held - 2);
      if (this.#seen > 30 && this.#settling === 0) this.#noise.learnPoint(count, expected, level.variance);
      level.learn(count, expected, this.#noise.dispersion);
      this.#collect(count);
    }
    if (this.#settling > 0) { this.#settling -= 1; this.#recent.clear(); if (this.#settling === 0) this.#adopt(); return 0; }
    if (this.#found.z === 0 || this.#seen < 2*this.#pointsAnHour) return 0;
    return normalTail(this.#found.z) * A;
  }

  get debug() { return { noise: this.#noise, level: this.#level, week: this.#week, rate: this.#rate, found: this.#found, held: this.#held }; }

  #miss(gap: number) {
    this.#level.driftFor(gap, this.#noise);
    for (let i = 0; i < Math.min(gap, this.#recent.size); i++) this.#recent.push(0, 0, this.#level.log, this.#level.variance);
    this.#endBlock(false);
  }

  #hold() {
    this.#held += 1;
    const recent = this.#recent;
    const points = this.#found.points;
    const at = (recent.head - (points - 1) + recent.size) % recent.size;
    this.#level.log = recent.logs[at] ?? 0;
    this.#level.variance = recent.variances[at] ?? 0;
    if (points > 1) this.#level.driftFor(points - 1, this.#noise);
    this.#blockSeen = -1e9;
  }

  #adopt() {
    const factor = Math.exp(this.#level.log);
    this.#week.scale(factor);
    this.#rate = Math.max(LEAST_RATE, this.#rate * factor);
    this.#recent.rebase(-this.#level.log);
    this.#level.log = 0;
  }

  #collect(count: number) {
    const q = this.#quarter % 4;
    this.#sums[q] = (this.#sums[q] ?? 0) + count;
    this.#points[q] = (this.#points[q] ?? 0) + 1;
    this.#blockCount += count;
    this.#blockBase += this.#rate;
    this.#blockSeen += 1;
    if (Math.abs(this.#slot % this.#blockPoints) === this.#blockPoints - 1) this.#endBlock(true);
  }
  #endBlock(whole: boolean) {
    const ok = whole && this.#blockSeen === this.#blockPoints && this.#week.begun;
    this.#noise.learnBlock(ok ? this.#blockCount : null, ok ? this.#blockBase : 1);
    this.#blockCount = this.#blockBase = this.#blockSeen = 0;
  }

  #turn(quarter: number, count: number) {
    const hour = Math.floor(quarter / 4);
    const before = Math.floor(this.#quarter / 4);
    if (Number.isNaN(before)) { this.#week.begin(Math.max(count, 0.1)); }
    if (hour !== before && !Number.isNaN(before)) this.#turnHour(before, hour);
    this.#quarter = quarter;
    const q = ((quarter % 4) + 4) % 4;
    this.#rate = this.#week.begun ? this.#week.rateIn(((hour % 24) + 24) % 24, q, this.#noise) : this.#week['begunRate'] ?? Math.max(LEAST_RATE, this.#rate);
  }
  #turnHour(before: number, hour: number) {
    const points = this.#points[0]! + this.#points[1]! + this.#points[2]! + this.#points[3]!;
    const cellBefore = ((before % 168) + 168) % 168;
    const cell = ((hour % 168) + 168) % 168;
    if (points >= this.#pointsAnHour / 2) {
      const sum = this.#sums[0]! + this.#sums[1]! + this.#sums[2]! + this.#sums[3]!;
      const quarters = this.#sums.map((s, i) => this.#points[i]! >= this.#pointsAnHour / 4 * 0.9 ? s / this.#points[i]! : NaN);
      this.#week.learnHour(cellBefore, sum / points, quarters, Math.exp(this.#level.log));
      const moved = this.#week.refit(this.#noise, cellBefore);
      this.#level.log -= moved;
      this.#recent.rebase(-moved);
      if (this.#level.log ** 2 > 9 * this.#noise.variance + .1) { this.#strayHours += 1; if (this.#strayHours >= 6 && this.#held === 0) { this.#adopt(); this.#strayHours = 0; } }
      else this.#strayHours = 0;
    }
    this.#sums.fill(0); this.#points.fill(0);
    if (this.#week.begun) {
      const blur = this.#week.turn(cell, this.#noise);
      this.#level.variance += blur;
      this.#recent.blur(blur);
    }
  }
}
const GATE = Number(process.env.GATE ?? 4);
const A = 1;
