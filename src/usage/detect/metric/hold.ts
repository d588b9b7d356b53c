/** One event, one alert: after a score that alerts, nothing scores as high for a while unless it is far stranger. */
import type { StateReader, StateWriter } from './bytes.ts';

/** Powers of ten: a tenth as probable as the strangest point of the event so far. */
const STRANGER = 1;
/** How far below the level held scores stay, so that a threshold near it does not see them either. */
const CUT = 1;

export class Hold {
  readonly #level: number;
  readonly #points: number;
  #left = 0;
  #peak = 0;

  /** `level`: from which score on a point alerts. `points`: how long an alert holds. */
  constructor(level: number, points: number) {
    this.#level = level;
    this.#points = points;
  }

  next(score: number): number {
    const held = this.#left > 0;
    if (held) this.#left -= 1;
    if (score < this.#level && !held) return score;
    if (score < this.#level || (held && score <= this.#peak + STRANGER)) return Math.min(score, this.#level - CUT);
    [this.#left, this.#peak] = [this.#points, score];
    return score;
  }

  write(out: StateWriter): void {
    out.numbers(this.#left, this.#peak);
  }

  read(from: StateReader): void {
    [this.#left, this.#peak] = [from.number(), from.number()];
  }
}
