/** How slow this machine is just now: kills and moves of the clock must leave the workers time to get somewhere. */
import type { Stage } from './stage.ts';

/** What a worker's start takes where nothing else runs. */
const SWIFT_START_MS = { embedded: 1_500, postgres: 800, redis: 800 };
const SLOWEST = 10;

/** 1 on an idle machine, up to 10 on one where a worker's start takes ten times as long. */
export function slowness({ seats, runtime }: Pick<Stage, 'seats' | 'runtime'>): number {
  const startMs = Math.max(...seats.map((seat) => seat.startMs));
  return Math.min(SLOWEST, Math.max(1, startMs / SWIFT_START_MS[runtime]));
}
