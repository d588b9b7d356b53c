import { wallAt } from '../../../core/zone.ts';
import type { Carrier } from './carry.ts';

/** A clock that was set back: after so many points in a row that are in order among themselves, theirs is the time. */
const SET_BACK = 60;
/** What a Date can hold. */
const LAST_MS = 8.64e15;
const HOUR_MS = 3_600_000;
const NEVER = -1;

/** Numbers points by their time, and refuses those that come twice or too late. */
export class Clock {
  readonly intervalMs: number;
  readonly #zone: string | null;
  /** Number of the newest point since the epoch. */
  slot = NEVER;
  #late = NEVER;
  #lateInOrder = 0;
  /** Wall clock's lead over UTC, and the hour of UTC for which it holds. Neither is state: both follow from the time. */
  #lead = 0;
  #leadHour = NEVER;

  constructor(intervalMs: number, zone: string | null) {
    this.intervalMs = intervalMs;
    this.#zone = zone;
  }

  /** Points that are missing before this one, or −1 when it is not to be looked at. */
  take(timestampMs: number): number {
    if (!(timestampMs >= 0 && timestampMs <= LAST_MS)) return NEVER;
    const slot = Math.floor(timestampMs / this.intervalMs);
    if (slot <= this.slot) return this.#takeLate(slot);
    const missing = this.slot === NEVER ? 0 : slot - this.slot - 1;
    this.slot = slot;
    this.#lateInOrder = 0;
    return missing;
  }

  #takeLate(slot: number): number {
    this.#lateInOrder = slot > this.#late ? this.#lateInOrder + 1 : 0;
    this.#late = slot;
    if (this.#lateInOrder < SET_BACK) return NEVER;
    this.slot = slot;
    this.#lateInOrder = 0;
    return SET_BACK;
  }

  /** Quarters of an hour since the epoch, by the wall clock of the key's people. */
  quarterAt(timestampMs: number): number {
    if (this.#zone !== null) {
      const hour = Math.floor(timestampMs / HOUR_MS);
      if (hour !== this.#leadHour) this.#lead = wallAt(hour * HOUR_MS, this.#zone) - hour * HOUR_MS;
      this.#leadHour = hour;
    }
    return Math.floor((timestampMs + this.#lead) / (HOUR_MS / 4));
  }

  carry(carrier: Carrier): void {
    this.slot = carrier.number(this.slot);
    this.#late = carrier.number(this.#late);
    this.#lateInOrder = carrier.number(this.#lateInOrder);
  }
}
