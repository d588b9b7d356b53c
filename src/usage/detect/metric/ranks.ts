/** How rare a size is among the sizes seen before, whatever their unit: a histogram on a log scale that forgets. */
import type { StateReader, StateWriter } from './bytes.ts';

const BINS = 96;
/** Fading all bins at every point would cost more than counting; every so many points is as good. */
const FADE_EVERY = 32;
/** A top bin that has faded below this is empty: an outlier of long ago no longer sets the scale. */
const GONE = 0.05;
/** Fewer sizes than this say nothing about what is rare. */
const ENOUGH = 10;
/** Of the bins: how far a single outlier may raise the scale. What is ordinary must stay apart at its lower end. */
const MOST_RAISE = BINS / 6;
const LOG10_OF_2 = Math.log10(2);

/**
 * Counts sizes (≥ 0) in `resolution` bins an octave, below the largest that is still remembered. What is too small for the
 * lowest bin counts as zero. A count halves every `halfLife` points.
 */
export class Ranks {
  readonly #counts = new Float32Array(BINS);
  readonly #resolution: number;
  readonly #keep: number;
  /** Of all sizes, those of zero among them. */
  #total = 0;
  #sinceFade = 0;
  /** Which bin of the whole log scale the highest of the counts is. */
  #top: number | null = null;

  constructor(halfLife: number, resolution: number) {
    this.#resolution = resolution;
    this.#keep = 0.5 ** (FADE_EVERY / halfLife);
  }

  /** −log10 of the share of sizes seen that were at least as large; past the largest it grows by 1 when the size grows tenfold. */
  surprise(size: number): number {
    if (!(size > 0) || this.#total < ENOUGH) return 0;
    if (this.#top === null) return Math.log10(this.#total + 1);
    const place = Math.log2(size) * this.#resolution;
    const below = this.#top - Math.floor(place);
    const beyond = Math.max(0, place - this.#top - 1) / this.#resolution;
    return Math.log10((this.#total + 1) / (this.#above(below, place - Math.floor(place)) + 1)) + beyond * LOG10_OF_2;
  }

  /** Counts above a place that is `below` bins under the top, at `part` of its bin's width. */
  #above(below: number, part: number): number {
    if (below < 0) return 0;
    const full = Math.min(below, BINS);
    let above = 0;
    for (let n = 0; n < full; n += 1) above += this.#counts[n]!;
    return below < BINS ? above + this.#counts[below]! * (1 - part) : above;
  }

  add(size: number): void {
    this.#total += 1;
    if (size > 0) this.#count(Math.floor(Math.log2(size) * this.#resolution));
    this.#sinceFade += 1;
    if (this.#sinceFade >= FADE_EVERY) this.#fade();
  }

  #count(bin: number): void {
    this.#top ??= bin;
    const raise = Math.min(bin - this.#top, MOST_RAISE);
    if (raise > 0) this.#raise(raise);
    const below = Math.max(0, this.#top - bin);
    if (below < BINS) this.#counts[below]! += 1;
  }

  /** The scale is full: the lowest bins fall out, and what was in them counts as zero. */
  #raise(bins: number): void {
    this.#counts.copyWithin(bins, 0);
    this.#counts.fill(0, 0, bins);
    this.#top = (this.#top ?? 0) + bins;
  }

  #fade(): void {
    this.#sinceFade = 0;
    this.#total *= this.#keep;
    for (let n = 0; n < BINS; n += 1) this.#counts[n]! *= this.#keep;
    if (this.#top !== null && this.#counts[0]! < GONE) this.#lower(this.#top);
  }

  #lower(top: number): void {
    const highest = this.#counts.findIndex((count) => count >= GONE);
    this.#top = highest < 0 ? null : top - highest;
    if (highest >= 0) this.#counts.copyWithin(0, highest);
    this.#counts.fill(0, highest < 0 ? 0 : BINS - highest);
  }

  write(out: StateWriter): void {
    out.floats(this.#counts);
    out.numbers(this.#total, this.#sinceFade, this.#top ?? Number.NaN);
  }

  read(from: StateReader): void {
    from.floats(this.#counts);
    [this.#total, this.#sinceFade] = [from.number(), from.number()];
    const top = from.number();
    this.#top = Number.isNaN(top) ? null : top;
  }
}
