/** The four ways in which a point can be out of the ordinary, each a size in the unit of the series; 0 is ordinary. */
import type { StateReader, StateWriter } from './bytes.ts';
import { Daily, type Range } from './daily.ts';
import { Ranks } from './ranks.ts';
import { Recent } from './recent.ts';
import type { Pace } from './settings.ts';

/** `daily`: outside what was usual at this time of day. `level`: the mean of the last points moved. `high`, `low`: far up or down the week's range. */
export type Sign = 'daily' | 'level' | 'high' | 'low';

export const SIGNS: readonly Sign[] = ['daily', 'level', 'high', 'low'];

/** Bins an octave. */
const RESOLUTION = 4;
/** Differences below this share of the value come from rounding (values are held with seven digits). */
const ROUNDING = 1e-6;

export interface Strangest {
  readonly sign: Sign | null;
  /** −log10 of the share of points that were as far out by this sign. */
  readonly surprise: number;
}

export class Signs {
  readonly #daily: Daily;
  readonly #recent = new Recent();
  readonly #ranks: readonly Ranks[];
  readonly #sizes = [0, 0, 0, 0];

  constructor(intervalSeconds: number, pace: Pace) {
    this.#daily = new Daily(intervalSeconds);
    this.#ranks = SIGNS.map(() => new Ranks(pace.halfLife, RESOLUTION));
  }

  /** Judges a point by all before it, then learns it. The strangest sign counts: they see different things, and one is enough. */
  next(value: number, timestampMs: number): Strangest {
    this.#daily.enter(timestampMs);
    this.#recent.add(value);
    this.#measure(value);
    this.#daily.add(value);
    let [sign, most]: [Sign | null, number] = [null, 0];
    for (let n = 0; n < SIGNS.length; n += 1) {
      const size = this.#sizes[n]! > Math.abs(value) * ROUNDING ? this.#sizes[n]! : 0;
      const surprise = this.#ranks[n]!.surprise(size);
      this.#ranks[n]!.add(size);
      if (surprise > most) [sign, most] = [SIGNS[n]!, surprise];
    }
    return { sign, surprise: most };
  }

  #measure(value: number): void {
    const [usual, week] = [this.#daily.usual, this.#daily.week];
    this.#sizes[0] = usual === null ? 0 : Math.max(0, usual.low - value, value - usual.high);
    this.#sizes[1] = this.#recent.shift();
    this.#sizes[2] = week === null ? 0 : Math.max(0, value - week.low);
    this.#sizes[3] = week === null ? 0 : Math.max(0, week.high - value);
  }

  /** From the lowest to the highest value at this time of day on the last days; null on the first. */
  get expected(): Range | null {
    return this.#daily.usual;
  }

  write(out: StateWriter): void {
    for (const part of [this.#daily, this.#recent, ...this.#ranks]) part.write(out);
  }

  read(from: StateReader): void {
    for (const part of [this.#daily, this.#recent, ...this.#ranks]) part.read(from);
  }
}
