/** Zones whose clocks change between 2025 and 2028, with the instants at which they do, found without src/core. */
export interface ClockChange {
  readonly zone: string;
  /** The first instant with the new offset. */
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

const DAY_MS = 86_400_000;
const FROM = Date.UTC(2025, 0, 1);
const TO = Date.UTC(2029, 0, 1);

const labels = new Map<string, Intl.DateTimeFormat>();

export const ZONES: readonly string[] = Intl.supportedValuesOf('timeZone');

/** Minutes ahead of UTC, by the zone's own `GMT+01:00` label. */
export function offsetMinutes(zone: string, instant: number): number {
  const label = labelOf(zone).formatToParts(instant).find((part) => part.type === 'timeZoneName')?.value ?? '';
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(label) ?? [];
  return hours === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

export const CHANGES: readonly ClockChange[] = ZONES.flatMap(changesOf);

function changesOf(zone: string): ClockChange[] {
  const found: ClockChange[] = [];
  for (let day = FROM; day < TO; day += 7 * DAY_MS) {
    const [before, after] = [offsetMinutes(zone, day), offsetMinutes(zone, day + 7 * DAY_MS)];
    if (before !== after) found.push({ zone, at: bisect(zone, before, day, day + 7 * DAY_MS), before, after });
  }
  return found;
}

function bisect(zone: string, before: number, from: number, to: number): number {
  let [low, high] = [from, to];
  while (high - low > 1_000) {
    const middle = Math.floor((low + high) / 2_000) * 1_000;
    if (offsetMinutes(zone, middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

function labelOf(zone: string): Intl.DateTimeFormat {
  const known = labels.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  labels.set(zone, made);
  return made;
}
