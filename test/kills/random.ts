/** A small seeded generator (mulberry32): a run's choices can be repeated, the machine's timing cannot. */
export interface Dice {
  /** From 0 to 1, 1 excluded. */
  next(): number;
  /** A whole number from 0 up to `below`, which is excluded. */
  below(below: number): number;
  between(least: number, most: number): number;
  pick<T>(from: readonly T[]): T;
}

export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next, below,
    between: (least, most) => least + next() * (most - least),
    pick<T>(from: readonly T[]): T {
      const picked = from[below(from.length)];
      if (picked === undefined) throw new Error('there is nothing to pick from');
      return picked;
    },
  };
}
