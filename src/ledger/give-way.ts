/** Others give way to an emergency at the ledger's database, within one process. */

/** An emergency that had the database comes back, or has sent its call to the issuer, within so many milliseconds: until then others are in its way. */
const NEXT_MS = 50;
/** Nobody gives way for longer, milliseconds, however many emergencies there are. */
const LONGEST_MS = 250;

export class GiveWay {
  #urgentAt = -Infinity;

  /** An emergency asks for the database, gets it, or gives it back. */
  note(): void {
    this.#urgentAt = performance.now();
  }

  /** How long somebody else who asked `since` (`performance.now`) still gives way, whole milliseconds; 0 when not. */
  leftMs(since: number): number {
    return Math.max(0, Math.ceil(Math.min(this.#urgentAt + NEXT_MS, since + LONGEST_MS) - performance.now()));
  }
}
