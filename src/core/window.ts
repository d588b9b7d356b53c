/** Maintenance windows in a zone. Defined in words in docs/policies.md. */
import { instantOf, wallAt } from './zone.ts';

/** Days 1 (Monday) to 7 (Sunday); `from` and `to` are minutes of the local day, `to` may be before `from` (past midnight). */
export interface MaintenanceWindow {
  readonly days: readonly number[];
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly timezone: string;
}

export type WindowState = { readonly open: true; readonly closesAt: Date } | { readonly open: false; readonly opensAt: Date };

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Yesterday's may reach past midnight; three weeks ahead there is one even when a gap swallowed this week's and the next. */
const FIRST_DAY = -1;
const LAST_DAY = 22;

/**
 * Whether the window is open at `now`. Windows that touch are one, so `closesAt` of a window that never closes is weeks
 * ahead. A window opens at its first instant and is closed at `closesAt` itself.
 */
export function windowState(window: MaintenanceWindow, now: Date): WindowState {
  const at = now.getTime();
  const next = openings(window, at).find(({ closes }) => closes > at);
  if (next === undefined) throw new Error('a maintenance window without days');
  return next.opens <= at ? { open: true, closesAt: new Date(next.closes) } : { open: false, opensAt: new Date(next.opens) };
}

interface Opening {
  readonly opens: number;
  closes: number;
}

/** In order, touching ones merged; those that fall wholly into a gap of the clock are none. */
function openings(window: MaintenanceWindow, at: number): readonly Opening[] {
  const today = Math.floor(wallAt(at, window.timezone) / DAY_MS) * DAY_MS;
  const merged: Opening[] = [];
  for (let n = FIRST_DAY; n <= LAST_DAY; n += 1) {
    const opening = openingOn(window, today + n * DAY_MS);
    const last = merged.at(-1);
    if (opening === null) continue;
    if (last !== undefined && opening.opens <= last.closes) last.closes = Math.max(last.closes, opening.closes);
    else merged.push(opening);
  }
  return merged;
}

/** The window that begins on this local day; it belongs to the day on which it begins. */
function openingOn(window: MaintenanceWindow, day: number): Opening | null {
  const weekday = new Date(day).getUTCDay() || 7;
  if (!window.days.includes(weekday)) return null;
  const pastMidnight = window.toMinute <= window.fromMinute ? DAY_MS : 0;
  const opens = instantOf(day + window.fromMinute * MINUTE_MS, window.timezone);
  const closes = instantOf(day + pastMidnight + window.toMinute * MINUTE_MS, window.timezone);
  return closes > opens ? { opens, closes } : null;
}
