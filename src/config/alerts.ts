/** The section `alerts`, as those who judge alerts take it. */
import type { Matcher } from '../core/alert.ts';
import type { MaintenanceWindow } from '../core/window.ts';
import type { ParsedConfig } from './schema.ts';

/** Durations in milliseconds. */
export interface AlertSection {
  readonly life: { readonly repeatMs: number; readonly holdMs: number; readonly maxHoldMs: number; readonly flapMs: number; readonly expireMs: number };
  readonly groupWindowMs: number;
  readonly perMinute: number;
  readonly keptMs: number;
  readonly maintenance: readonly { readonly name: string; readonly window: MaintenanceWindow; readonly matchers: readonly Matcher[] }[];
}

/** Looks of which one or two may fail before nobody looks any more. */
const LOOKS = 3;

export function alertSettings({ alerts, worker: { intervals } }: Pick<ParsedConfig, 'alerts' | 'worker'>): AlertSection {
  const expireMs = Math.max(alerts.expire, LOOKS * Math.max(intervals.inventory, intervals.inspect, intervals.scan));
  return {
    life: { repeatMs: alerts.repeat, holdMs: alerts.hold, maxHoldMs: alerts.maxHold, flapMs: alerts.flapWindow, expireMs },
    groupWindowMs: alerts.groupWindow,
    perMinute: alerts.storm.perMinute,
    keptMs: alerts.keep,
    maintenance: alerts.maintenance.map(({ name, days, hours, timezone, matching }) => ({ name, window: { days, fromMinute: hours.from, toMinute: hours.to, timezone }, matchers: matching ?? [] })),
  };
}
