/** Whose turn it is at the one session that PGlite has. */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { isEmergency, isUrgent } from '../core/urgency.ts';
import { GiveWay } from './give-way.ts';

/** So long, milliseconds, statements may follow each other before sockets and timers get their turn. */
const HELD_MS = 5;

/**
 * Hands the one PGlite session to one client at a time, in the order of asking, but emergencies first: nobody else even comes between two
 * statements of one. PGlite computes in this process and never waits, so statements that follow each other would keep the event loop to
 * themselves for as long as there are jobs: nobody could ask for an emergency meanwhile.
 */
export class Turns {
  readonly #urgent: (() => void)[] = [];
  readonly #others: { readonly since: number; readonly begin: () => void }[] = [];
  readonly #giveWay = new GiveWay();
  #taken = false;
  #heldSince = 0;
  #later: NodeJS.Timeout | undefined;

  /** Answers what gives the turn back; to be called once. */
  async take(): Promise<() => void> {
    const [urgent, emergency] = [isUrgent(), isEmergency()];
    if (emergency) this.#giveWay.note();
    if (this.#taken || (!urgent && this.#giveWay.leftMs(performance.now()) > 0)) await this.#queue(urgent);
    this.#taken = true;
    if (performance.now() - this.#heldSince > HELD_MS) {
      await turnOfTheLoop();
      this.#heldSince = performance.now();
    }
    return () => {
      if (emergency) this.#giveWay.note();
      this.#pass();
    };
  }

  #queue(urgent: boolean): Promise<void> {
    return new Promise((begin) => {
      if (urgent) this.#urgent.push(begin);
      else this.#others.push({ since: performance.now(), begin });
      if (!this.#taken) this.#passLater();
    });
  }

  #pass(): void {
    const other = this.#others[0];
    const next = this.#urgent.shift() ?? (other === undefined || this.#giveWay.leftMs(other.since) > 0 ? undefined : this.#others.shift()?.begin);
    this.#taken = next !== undefined;
    if (next !== undefined) next();
    else this.#passLater();
  }

  #passLater(): void {
    const other = this.#others[0];
    if (other === undefined || this.#later !== undefined) return;
    this.#later = setTimeout(() => {
      this.#later = undefined;
      if (!this.#taken) this.#pass();
    }, this.#giveWay.leftMs(other.since));
  }
}
