/** What was usual at this time of day: the lowest and highest value of each half hour on the last days. */
import type { StateReader, StateWriter } from './bytes.ts';

const DAY_MS = 86_400_000;
const MOST_SLOTS = 48;
/** Today's and those of the six days before: a Saturday is measured by the Sunday before, a Monday by the workdays. */
const VISITS = 7;

export interface Range {
  readonly low: number;
  readonly high: number;
}

interface Extent {
  low: number;
  high: number;
}

function nothing(): Extent {
  return { low: Infinity, high: -Infinity };
}

/**
 * The day is cut into slots of half an hour, or of one point when points are rarer. A visit is a run of points in one slot;
 * each slot remembers seven visits, the current one among them, whatever the calendar says, so a gap or a jump of the clock costs one visit.
 */
export class Daily {
  readonly #slots: number;
  readonly #slotMs: number;
  readonly #lows: Float32Array;
  readonly #highs: Float32Array;
  /** Which of a slot's visits is its newest. */
  readonly #newest: Float32Array;
  /** The current slot, counted from 1970. */
  #now = Number.NaN;
  /** Of the visits before this one, to this slot and its neighbours. */
  #usual = nothing();
  /** Of all that is remembered, as of the beginning of this visit. */
  #week = nothing();

  constructor(intervalSeconds: number) {
    this.#slots = Math.max(1, Math.min(MOST_SLOTS, Math.round(86_400 / intervalSeconds)));
    this.#slotMs = DAY_MS / this.#slots;
    this.#lows = new Float32Array(this.#slots * VISITS).fill(Infinity);
    this.#highs = new Float32Array(this.#slots * VISITS).fill(-Infinity);
    this.#newest = new Float32Array(this.#slots);
  }

  /** Goes to the slot of a point, before the point is judged. */
  enter(timestampMs: number): void {
    const slot = Math.floor(timestampMs / this.#slotMs);
    if (slot === this.#now) return;
    this.#now = slot;
    const at = this.#at(0);
    this.#newest[at] = (this.#newest[at]! + 1) % VISITS;
    this.#lows[this.#visit(at)] = Infinity;
    this.#highs[this.#visit(at)] = -Infinity;
    this.#look();
  }

  /** Looked up once a visit, not once a point. */
  #look(): void {
    this.#week = nothing();
    this.#usual = nothing();
    for (let n = 0; n < this.#lows.length; n += 1) this.#include(this.#week, n);
    // The newest visit of the slot before is of this very day: what goes on now may have begun there.
    for (const [offset, withNewest] of [[-1, false], [0, false], [1, true]] as const) {
      const at = this.#at(offset);
      for (let n = at * VISITS; n < (at + 1) * VISITS; n += 1) if (withNewest || n !== this.#visit(at)) this.#include(this.#usual, n);
    }
  }

  #include(range: Extent, visit: number): void {
    range.low = Math.min(range.low, this.#lows[visit]!);
    range.high = Math.max(range.high, this.#highs[visit]!);
  }

  #at(offset: number): number {
    return (((this.#now + offset) % this.#slots) + this.#slots) % this.#slots;
  }

  /** Where the newest visit of a slot is. */
  #visit(at: number): number {
    return at * VISITS + this.#newest[at]!;
  }

  /** After the point was judged. */
  add(value: number): void {
    const newest = this.#visit(this.#at(0));
    this.#lows[newest] = Math.min(this.#lows[newest]!, value);
    this.#highs[newest] = Math.max(this.#highs[newest]!, value);
  }

  /** Null while no earlier day is known. */
  get usual(): Range | null {
    return this.#usual.low <= this.#usual.high ? this.#usual : null;
  }

  /** Of the last days up to the beginning of this slot; null at first. */
  get week(): Range | null {
    return this.#week.low <= this.#week.high ? this.#week : null;
  }

  write(out: StateWriter): void {
    for (const values of [this.#lows, this.#highs, this.#newest]) out.floats(values);
    out.numbers(this.#now, this.#usual.low, this.#usual.high, this.#week.low, this.#week.high);
  }

  read(from: StateReader): void {
    for (const values of [this.#lows, this.#highs, this.#newest]) from.floats(values);
    this.#now = from.number();
    this.#usual = { low: from.number(), high: from.number() };
    this.#week = { low: from.number(), high: from.number() };
  }
}
