import { z } from 'zod';
import { ok } from '../answer.ts';
import { billingPeriod } from '../execute.ts';
import type { Operation } from '../execute.ts';
import type { HourRow } from '../tables/usage.ts';
import { iso, read } from './body.ts';

const DAY_MS = 86_400_000;
const PERIOD_DAYS = { day: 1, week: 7, month: 30 } as const;
const DATE_LENGTH = '2026-03-01'.length;

/** `GET /v1/usage`: the month so far against the plan. An unlimited plan has `limit: null` and `percentage: 0`. */
export const usage: Operation = {
  needs: 'read',
  run({ account, now }) {
    const { start, end } = billingPeriod(now);
    const limits = account.limits();
    return ok({
      nodes: against(account.nodes.countAll(), limits.nodes),
      queries: against(account.usage.queriesSince(start), limits.queries),
      billing_period: { start: iso(start), end: iso(end) },
    });
  },
};

const historyQuery = z.object({ days: z.coerce.number().int().min(1).max(366).default(30) });

/** `GET /v1/usage/history`: a snapshot of every day (UTC) that saw a request. */
export const history: Operation = {
  needs: 'read',
  run({ account, query, now }) {
    const { days } = read(historyQuery, query);
    const byDay = Map.groupBy(account.usage.hoursSince(now - days * DAY_MS), ({ hour }) => hour.slice(0, DATE_LENGTH));
    return ok({ history: [...byDay].map(([date, hours]) => snapshot(date, hours)) });
  },
};

const distributionQuery = z.object({ period: z.enum(['day', 'week', 'month']).default('day') });

/** `GET /v1/usage/queries/distribution?period=day`: queries by hour of the day (UTC), every hour present. */
export const distribution: Operation = {
  needs: 'read',
  run({ account, query, now }) {
    const { period } = read(distributionQuery, query);
    const counts: Record<string, number> = Object.fromEntries(Array.from({ length: 24 }, (_, hour) => [String(hour), 0]));
    for (const { hour, queries } of account.usage.hoursSince(now - PERIOD_DAYS[period] * DAY_MS)) {
      const label = String(Number(hour.slice(DATE_LENGTH + 1)));
      counts[label] = (counts[label] ?? 0) + queries;
    }
    return ok({ distribution: counts });
  },
};

function against(current: number, limit: number | null): object {
  return { current, limit, percentage: limit === null ? 0 : Math.round((current / limit) * 1000) / 10 };
}

function snapshot(date: string, hours: readonly HourRow[]): object {
  const sum = (part: (hour: HourRow) => number): number => hours.reduce((total, hour) => total + part(hour), 0);
  return { date, requests: sum((hour) => hour.requests), queries: sum((hour) => hour.queries), nodes: hours.at(-1)?.nodes ?? 0 };
}
