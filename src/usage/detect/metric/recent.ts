/** Whether the level moved: the mean of the last points against the mean of those before them. */
import type { StateReader, StateWriter } from './bytes.ts';

const FRESH = 24;
const KEPT = 240;

export class Recent {
  readonly #values = new Float32Array(KEPT);
  #count = 0;

  add(value: number): void {
    this.#values[this.#count % KEPT] = value;
    this.#count += 1;
  }

  /** How far the mean of the last 24 points is from that of the 216 before; 0 until there are as many. */
  shift(): number {
    if (this.#count < KEPT) return 0;
    let [all, fresh] = [0, 0];
    // Summed anew each time: a sum that is kept up to date drifts, and a drift looks like a change of a constant series.
    for (let n = 0; n < KEPT; n += 1) all += this.#values[n]!;
    for (let n = 1; n <= FRESH; n += 1) fresh += this.#values[(this.#count - n) % KEPT]!;
    return Math.abs(fresh / FRESH - (all - fresh) / (KEPT - FRESH));
  }

  write(out: StateWriter): void {
    out.floats(this.#values);
    out.numbers(this.#count);
  }

  read(from: StateReader): void {
    from.floats(this.#values);
    this.#count = from.number();
  }
}
