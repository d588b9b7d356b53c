/** What a disturbance works on. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from './random.ts';
import type { Seat } from './seat.ts';
import type { Stage } from './stage.ts';

export interface Scene {
  readonly stage: Stage;
  readonly dice: Dice;
}

/** A worker that is up and not frozen; waits for one a while. */
export async function someoneUp(stage: Stage, dice: Dice, withinMs = 5_000): Promise<Seat | null> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const up = stage.seats.filter((seat) => seat.upSince !== null && !seat.frozen);
    if (up.length > 0) return dice.pick(up);
    if (Date.now() > deadline) return null;
    await sleep(20);
  }
}
