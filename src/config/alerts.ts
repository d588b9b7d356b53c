/** The section `alerts`, as those who judge alerts take it. */
import type { Matcher } from '../core/alert.ts';
import type { MaintenanceWindow } from '../core/plan.ts';
import type { ParsedConfig } from './schema.ts';

/** Durations in milliseconds. */
export interface AlertSection {
  readonly life: { readonly repeatMs: number; readonly holdMs: number; readonly maxHoldMs: number; readonly flapMs: number; readonly expireMs: number };
  readonly groupWindowMs: number;
  readonly perMinute: number;
  readonly keptMs: number;
  readonly maintenance: readonly { readonly name: string; readonly window: MaintenanceWindow; readonly matchers: readonly Matcher[] }[];
}

export function alertSettings({ alerts }: Pick<ParsedConfig, 'alerts'>): AlertSection {
  return {
    life: { repeatMs: alerts.repeat, holdMs: alerts.hold, maxHoldMs: alerts.maxHold, flapMs: alerts.flapWindow, expireMs: alerts.expire },
    groupWindowMs: alerts.groupWindow,
    perMinute: alerts.storm.perMinute,
    keptMs: alerts.keep,
    maintenance: alerts.maintenance.map(({ name, days, hours, timezone, matching }) => ({ name, window: { days, fromMinute: hours.from, toMinute: hours.to, timezone }, matchers: matching ?? [] })),
  };
}
