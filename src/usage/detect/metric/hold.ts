/** One event, one alert: after a score that alerts, nothing scores as high for a while unless it is far stranger. */
import type { StateReader, StateWriter } from './bytes.ts';
import { ALERT_SCORE } from './settings.ts';

/** Powers of ten: a tenth as probable as the strangest point of the event so far. */
const STRANGER = 1;
/** What a held score is cut to, well below every threshold near `ALERT_SCORE`. */
const HELD_SCORE = ALERT_SCORE - 1;

export class Hold {
  readonly #points: number;
  #left = 0;
  #peak = 0;

  /** `points`: how long an alert holds. */
  constructor(points: number) {
    this.#points = points;
  }

  next(score: number): number {
    const held = this.#left > 0;
    if (held) this.#left -= 1;
    if (score < ALERT_SCORE) return held ? Math.min(score, HELD_SCORE) : score;
    if (held && score <= this.#peak + STRANGER) return HELD_SCORE;
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
