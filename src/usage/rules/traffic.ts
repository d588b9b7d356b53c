/** How much a credential is used. Pure. */
import { duration, plural } from '../../core/phrases.ts';
import { hours, minutes } from '../../core/duration.ts';
import type { Peak } from '../../core/watching.ts';
import { STEPS } from '../../ports/usage-ledger.ts';
import { thresholdFor } from '../detect/counts/index.ts';
import { FRESH_MS } from '../scan/memory.ts';
import { accepted, NONE } from '../scan/minutes.ts';
import { keysInMinutes } from './doers.ts';
import { findingOf, ofCredential } from './finding.ts';
import type { Look } from './rule.ts';
import { factsOf, ifStolen, lookAtUsage, moment, number } from './words.ts';

/** Clears a fifth below: a rate that swings around the limit makes no noise. */
const CLEAR_SHARE = 0.8;

export const requestRate: Look<'request_rate'> = (sight, settings) => {
  const { record, until, minutes: all } = sight;
  const rates = Array.from({ length: Math.max(1, Math.round(settings.for / STEPS.minute)) }, (_, n) => accepted(all.get(until - (n + 1) * STEPS.minute) ?? NONE));
  const value = Math.min(...rates);
  const clearAt = Math.floor(settings.perMinute * CLEAR_SHARE);
  if (value < clearAt || value === 0) return [];
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return [findingOf('request_rate', settings, ofCredential(record, sight.source), {
    value, fireAt: settings.perMinute + 1, clearAt,
    title: `${record.name}: more requests than declared`,
    happened: `\`${record.name}\` made ${number(mean)} requests a minute over the last ${duration(settings.for)}, and never fewer than ${number(value)}.`,
    expected: `at most ${number(settings.perMinute)} requests a minute`,
    actual: `${number(mean)} requests a minute`,
    todo: [lookAtUsage(record.name), ifStolen(record.name), `If that is right, raise \`request_rate\` in its \`rules\`.`],
    facts: factsOf(sight), keys: keysInMinutes(sight, (at) => at >= until - rates.length * STEPS.minute && at < until).slice(0, 1), evidence: { minutes: rates.length, least: value, mean },
  })];
};

/** Scores come down in steps; half the level is noise again. */
const CLEAR_SCORE_SHARE = 0.5;
/** What follows a burst within the hour is the same incident, as measured in docs/detection.md. */
const HOLD_MS = hours(1);

const isFresh = (peak: Peak | null, until: number): peak is Peak => peak !== null && until - peak.seen <= FRESH_MS;

export const unusualTraffic: Look<'unusual_traffic'> = (sight, settings) => {
  const { record, until, memory: { peak } } = sight;
  const fireAt = thresholdFor(settings.budget, STEPS.minute / 1_000);
  const clearAt = fireAt * CLEAR_SCORE_SHARE;
  if (!isFresh(peak, until) || peak.score < clearAt) return [];
  const within = `${plural(peak.minutes, 'minute')} up to ${moment(peak.at + STEPS.minute)}`;
  return [findingOf('unusual_traffic', settings, ofCredential(record, sight.source), {
    value: peak.score, fireAt, clearAt, holdMs: HOLD_MS,
    title: `${record.name}: unusually many requests`,
    happened: `\`${record.name}\` made ${number(peak.actual)} requests in the ${within}; ${number(peak.low)} to ${number(peak.high)} are usual then.`,
    expected: `${number(peak.low)} to ${number(peak.high)} requests in ${plural(peak.minutes, 'minute')}`,
    actual: `${number(peak.actual)} requests`,
    todo: [lookAtUsage(record.name), ifStolen(record.name), `If it was planned, mute the next: \`keyturn silence credential=${record.name} rule=unusual_traffic --for 2h --reason "…"\`.`],
    facts: factsOf(sight, { Score: `${peak.score.toFixed(1)}, fires at ${fireAt.toFixed(1)}` }), keys: keysInMinutes(sight, (at) => at > peak.at - peak.minutes * STEPS.minute && at <= peak.at).slice(0, 1), evidence: { ...peak },
  })];
};

const share = (value: number): string => `${(value * 100).toFixed(1)}%`;

export const unusualMetric: Look<'unusual_metric'> = (sight, settings) => {
  const { record, until, memory: { metricPeak: peak } } = sight;
  const clearAt = settings.score * CLEAR_SCORE_SHARE;
  if (!isFresh(peak, until) || peak.score < clearAt) return [];
  return [findingOf('unusual_metric', settings, ofCredential(record, sight.source), {
    value: peak.score, fireAt: settings.score, clearAt, holdMs: minutes(30),
    title: `${record.name}: unusual share of failures`,
    happened: `Of the requests of \`${record.name}\`, ${share(peak.actual)} failed in the minute from ${moment(peak.at)}.`,
    expected: `${share(peak.low)} to ${share(peak.high)} at this time of day`,
    actual: `${share(peak.actual)} failed`,
    todo: [lookAtUsage(record.name), 'See the logs of its applications for what they are answered.'],
    facts: factsOf(sight, { Score: `${peak.score.toFixed(1)}, fires at ${settings.score}` }), evidence: { ...peak },
  })];
};
