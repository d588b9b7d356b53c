import type { Facts } from './facts.ts';

/**
 * How long something that was sent may still land, milliseconds: by a former lease holder that is frozen, or a write that no
 * store shows yet. A key that it could publish must not die before.
 */
export function hazardLeftMs({ notes: { hazardUntil }, now }: Pick<Facts, 'notes' | 'now'>): number {
  return hazardUntil === undefined ? 0 : Math.max(0, Date.parse(hazardUntil) - now.getTime());
}
