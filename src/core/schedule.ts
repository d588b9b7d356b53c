/** Cron patterns on a zone's wall clock: croner finds wall times, zone.ts says when those are. */
import { Cron } from 'croner';
import { highestWallAt, instantOf, wallAt } from './zone.ts';

const patterns = new Map<string, Cron>();

/**
 * What is wrong with a cron pattern, or null. Five fields (minute, hour, day, month, weekday), or six with seconds
 * first; a pattern that never comes is wrong too.
 */
export function cronProblem(pattern: string): string | null {
  try {
    return cronOf(pattern).nextRun(new Date()) === null ? 'it never comes' : null;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
  }
}

/** The first occurrence after `after`; null when none comes any more. Throws for a pattern with a `cronProblem`. */
export function nextOccurrence(pattern: string, zone: string, after: number): number | null {
  let wall: Date | null = new Date(wallAt(after, zone));
  for (;;) {
    wall = cronOf(pattern).nextRun(wall);
    if (wall === null) return null;
    const instant = instantOf(wall.getTime(), zone);
    // In the second pass of a repeated hour the clock shows times whose occurrence was in the first.
    if (instant > after) return instant;
  }
}

/** The last occurrence at or before `until`; null when there was none. */
export function lastOccurrence(pattern: string, zone: string, until: number): number | null {
  // previousRuns looks strictly before its reference, in whole seconds.
  let wall: Date | undefined = new Date(highestWallAt(until, zone) + 1_000);
  for (;;) {
    wall = cronOf(pattern).previousRuns(1, wall)[0];
    if (wall === undefined) return null;
    const instant = instantOf(wall.getTime(), zone);
    if (instant <= until) return instant;
  }
}

function cronOf(pattern: string): Cron {
  let cron = patterns.get(pattern);
  if (cron === undefined) {
    cron = new Cron(pattern, { timezone: 'UTC', mode: '5-or-6-parts', paused: true });
    patterns.set(pattern, cron);
  }
  return cron;
}
