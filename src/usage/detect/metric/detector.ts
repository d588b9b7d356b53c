/** Scores each point of a series by how rarely this very series looked as strange. Described in docs/detection.md. */
import { StateReader, StateWriter } from './bytes.ts';
import type { Range } from './daily.ts';
import { Hold } from './hold.ts';
import { Ranks } from './ranks.ts';
import { paceOf, type Pace } from './settings.ts';
import { SIGNS, Signs, type Sign } from './signs.ts';

/** JSON of at most 8 KB, whatever came. */
export interface MetricState {
  readonly version: 1;
  readonly intervalSeconds: number;
  readonly length: number | null;
  readonly alertScore: number;
  /** Base64. */
  readonly data: string;
}

export interface MetricExplanation {
  /** The last point; null before the first and when it was not a number. */
  readonly actual: number | null;
  /** What was usual at this time of day; null on the first day. A level can move within that range. */
  readonly expected: Range | null;
  /** Its most unusual side; null when it had none. */
  readonly sign: Sign | null;
}

/** Larger values are taken for this: sums of them stay finite in 32-bit floats. */
const LARGEST = 1e30;
/** What a date can hold. */
const LATEST_MS = 8.64e15;
/** Scores of old are ranked to a sixteenth of a power of ten. */
const RESOLUTION = 16;
/** Powers of ten; keeps 2 ** surprise well within 64-bit floats. */
const MOST_SURPRISE = 60;

export class MetricDetector {
  readonly #intervalSeconds: number;
  readonly #length: number | null;
  readonly #alertScore: number;
  readonly #pace: Pace;
  readonly #signs: Signs;
  readonly #scores: Ranks;
  readonly #hold: Hold;
  #seen = 0;
  #lastMs = 0;
  #actual: number | null = null;
  #sign: Sign | null = null;

  constructor(intervalSeconds: number, length: number | null, alertScore: number) {
    this.#intervalSeconds = intervalSeconds;
    this.#length = length;
    this.#alertScore = alertScore;
    this.#pace = paceOf(intervalSeconds, length);
    this.#signs = new Signs(intervalSeconds, this.#pace);
    this.#scores = new Ranks(this.#pace.scoresHalfLife, RESOLUTION);
    this.#hold = new Hold(alertScore, this.#pace.hold);
  }

  /**
   * The score of the next point, ≥ 0: −log10 of the share of earlier points of this series that were as strange, less the
   * allowance for its length (`Pace`); 0 while learning, and for a value that is no finite number, which is left out.
   * A timestamp that is no date counts as one interval after the last.
   */
  next(value: number, timestampMs: number): number {
    [this.#actual, this.#sign] = [null, null];
    this.#lastMs = Math.abs(timestampMs) <= LATEST_MS ? timestampMs : this.#lastMs + this.#intervalSeconds * 1_000;
    if (!Number.isFinite(value)) return 0;
    const held = Math.fround(Math.max(-LARGEST, Math.min(LARGEST, value)));
    const { sign, surprise } = this.#signs.next(held, this.#lastMs);
    [this.#actual, this.#sign] = [value, sign];
    const score = this.#calibrate(surprise);
    this.#seen += 1;
    return this.#seen <= this.#pace.learning ? 0 : this.#hold.next(score);
  }

  /** The strangest of four signs is often strange, of one series more than of another: what counts is its rank. */
  #calibrate(surprise: number): number {
    const size = 2 ** Math.min(surprise, MOST_SURPRISE);
    const rank = this.#scores.surprise(size);
    this.#scores.add(size);
    return Math.max(0, rank - this.#pace.allowance);
  }

  /** Of the last point; before the next. */
  explain(): MetricExplanation {
    return { actual: this.#actual, expected: this.#signs.expected, sign: this.#sign };
  }

  save(): MetricState {
    const out = new StateWriter();
    for (const part of [this.#signs, this.#scores, this.#hold]) part.write(out);
    out.numbers(this.#seen, this.#lastMs, this.#actual ?? Number.NaN, this.#sign === null ? -1 : SIGNS.indexOf(this.#sign));
    return { version: 1, intervalSeconds: this.#intervalSeconds, length: this.#length, alertScore: this.#alertScore, data: out.done() };
  }

  /** Into a fresh detector; throws when the data is not that of a detector of this version. */
  read(data: string): void {
    const from = new StateReader(data);
    for (const part of [this.#signs, this.#scores, this.#hold]) part.read(from);
    [this.#seen, this.#lastMs] = [from.number(), from.number()];
    const actual = from.number();
    this.#actual = Number.isNaN(actual) ? null : actual;
    this.#sign = SIGNS[from.number()] ?? null;
    from.end();
  }
}
