/**
 * Wall clocks of IANA zones, on Intl (Node 24 has no Temporal). A wall time is held as the milliseconds of the UTC
 * instant that reads the same on a UTC clock: 03:00 in Berlin is `Date.UTC(…, 3)`.
 */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

/** True for an IANA zone name that this Node knows; fixed offsets such as `+02:00` are none. */
export function isZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** What the zone's clocks show at `instant`. */
export function wallAt(instant: number, zone: string): number {
  return instant + offsetAt(instant, zone);
}

/** The highest wall time that the zone's clocks have shown up to `instant`: later than now's right after they were set back. */
export function highestWallAt(instant: number, zone: string): number {
  const LONGEST_REPEAT_MS = 4 * HOUR_MS;
  return instant + Math.max(offsetAt(instant, zone), offsetAt(instant - LONGEST_REPEAT_MS, zone));
}

/**
 * The instant of a wall time. A time that clocks show twice means the first pass; one that they skip means the first
 * instant after the gap. So every wall time has exactly one instant, and later wall times never have earlier ones.
 */
export function instantOf(wall: number, zone: string): number {
  const offsets = [offsetAt(wall - DAY_MS, zone), offsetAt(wall + DAY_MS, zone)];
  const readings = offsets.map((offset) => wall - offset);
  const real = readings.filter((instant) => wallAt(instant, zone) === wall);
  if (real.length > 0) return Math.min(...real);
  return firstInstantFrom(wall, zone, Math.min(...readings), Math.max(...readings));
}

/** Bisects for the first instant in (before, until] at which clocks are past `wall`. */
function firstInstantFrom(wall: number, zone: string, before: number, until: number): number {
  let [low, high] = [before, until];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (wallAt(middle, zone) < wall) low = middle;
    else high = middle;
  }
  return high;
}

/** Milliseconds that the zone's clocks are ahead of UTC. */
function offsetAt(instant: number, zone: string): number {
  const whole = Math.floor(instant / 1_000) * 1_000;
  const part = Object.fromEntries(formatOf(zone).formatToParts(whole).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - whole;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    const shown = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'iso8601', hourCycle: 'h23', ...shown });
    formats.set(zone, format);
  }
  return format;
}
