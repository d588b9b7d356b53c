/** Whether the issuer's quota lasts. Pure. */
import { duration } from '../../core/phrases.ts';
import { days } from '../../core/duration.ts';
import type { Finding } from '../../core/finding.ts';
import type { RuleSettings } from '../../core/watching.ts';
import type { IssuerQuota } from '../../ports/issuer.ts';
import { findingOf, ofIssuer } from './finding.ts';
import { number } from './words.ts';

/** Of less than a day no pace is made: one busy hour does not say what the month will be. */
const LEAST_ELAPSED_MS = days(1);
/** Of what is used up for good nobody knows a pace: people hear of it when so much is used. */
const FULL_PERCENT = 90;
/** It clears at so much less than it fires, so that a value on the edge makes no noise. */
const CLEARS_AT = 0.95;

/** Percent of the quota that will be used at the period's end; what is used already where it has no period. Null without a limit. */
export function projected({ current, limit, period }: IssuerQuota, now: Date): number | null {
  if (limit === null || limit <= 0) return null;
  const used = (current / limit) * 100;
  if (period === null) return used;
  const [whole, elapsed] = [period.end.getTime() - period.start.getTime(), now.getTime() - period.start.getTime()];
  // A clock that is outside the period tells no pace.
  if (!(whole > 0) || elapsed < 0 || elapsed > whole) return used;
  return Math.max(used, (used * whole) / Math.max(elapsed, Math.min(LEAST_ELAPSED_MS, whole)));
}

export function quotaOnCourse(issuer: string, quota: IssuerQuota, now: Date, settings: RuleSettings['quota_on_course']): Finding | null {
  const percent = projected(quota, now);
  if (settings === null || percent === null) return null;
  const { what, current, limit, period } = quota;
  const fireAt = period === null ? Math.min(settings.percent, FULL_PERCENT) : settings.percent;
  if (percent <= fireAt * CLEARS_AT) return null;
  const usedUp = current >= (limit ?? Number.POSITIVE_INFINITY);
  const used = `${number(current)} of ${number(limit ?? 0)} ${what}`;
  const left = period === null ? null : Math.max(0, period.end.getTime() - now.getTime());
  return findingOf('quota_on_course', settings, ofIssuer(issuer, what), {
    value: Math.round(percent), fireAt, clearAt: fireAt * CLEARS_AT,
    ...(usedUp ? { severity: 'critical' } : {}),
    title: usedUp ? `${issuer}: its quota of ${what} is used up` : `${issuer}: its quota of ${what} will not last`,
    happened: `${used} are used at \`${issuer}\`${left === null ? '' : `, with ${duration(left)} of the period to go`}.${usedUp ? '' : left === null ? '' : ` At this pace it will be ${Math.round(percent)}% at its end.`}`,
    expected: period === null ? `less than ${fireAt}% used` : `less than ${fireAt}% at the period’s end`,
    actual: period === null || usedUp ? `${Math.round((current / (limit ?? 1)) * 100)}% used` : `${Math.round(percent)}% at this pace`,
    means: usedUp ? 'Requests beyond it are refused, and a new key can not be proved to work.' : period === null ? 'What is used does not come back by itself: at the limit nothing more can be stored.' : null,
    todo: ['See which key uses it: `keyturn keys`.', `Use less, or raise the quota at \`${issuer}\`.`],
    facts: { Used: used, ...(period === null ? {} : { 'Begins anew': period.end.toISOString() }) },
    evidence: { what, current, limit },
  });
}
