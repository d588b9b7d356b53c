import type { Facts } from './facts.ts';

/**
 * How long something that was sent may still land, milliseconds: by a former lease holder that is frozen, or a write that no
 * store shows yet. A key that it could publish must not die before.
 */
export function hazardLeftMs({ notes, now }: Pick<Facts, 'notes' | 'now'>): number {
  const left = [notes.hazardUntil, notes.unseenUntil].map((until) => (until === undefined ? 0 : Date.parse(until) - now.getTime()));
  return Math.max(0, ...left);
}
