/** Requests that fail or are refused. Pure. */
import { duration, plural } from '../../core/phrases.ts';
import { accepted, added, between, NONE } from '../scan/minutes.ts';
import { findingOf, ofCredential } from './finding.ts';
import type { Look } from './rule.ts';
import { callersText, factsOf, lookAtUsage, number } from './words.ts';

const CLEAR_SHARE = 0.8;

export const errorRate: Look<'error_rate'> = (sight, settings) => {
  const { record, until, minutes } = sight;
  const counts = between(minutes, until - settings.over, until);
  const served = accepted(counts);
  if (served < settings.requests) return [];
  const value = (counts.failed / served) * 100;
  const clearAt = settings.percent * CLEAR_SHARE;
  if (value < clearAt) return [];
  return [findingOf('error_rate', settings, ofCredential(record, sight.source), {
    value, fireAt: settings.percent, clearAt,
    title: `${record.name}: many requests fail`,
    happened: `Of the ${number(served)} requests of \`${record.name}\` in the last ${duration(settings.over)}, ${number(counts.failed)} failed.`,
    expected: `fewer than ${settings.percent}% failed`,
    actual: `${value.toFixed(0)}% failed`,
    todo: ['See the logs of its applications for what they are answered.', lookAtUsage(record.name)],
    facts: factsOf(sight), evidence: { ...counts, overMs: settings.over },
  })];
};

/** Of keys that live. What is refused of a revoked key is another matter (`revoked_key_tried`). */
export const failedAuthentications: Look<'failed_authentications'> = (sight, settings) => {
  const { record, until, keys, byKey, callers } = sight;
  const living = keys.filter(({ state }) => state !== 'revoked' && state !== 'lost');
  const { denied: value } = living.map(({ id }) => between(byKey.get(id) ?? new Map(), until - settings.over, until)).reduce(added, NONE);
  const clearAt = Math.floor(settings.requests / 2);
  if (value === 0 || value <= clearAt) return [];
  const refused = callers.filter(({ keyId, denied }) => denied > 0 && living.some(({ id }) => id === keyId));
  return [findingOf('failed_authentications', settings, ofCredential(record, sight.source), {
    value, fireAt: settings.requests, clearAt,
    title: `${record.name}: requests are refused for their key`,
    happened: `${number(value)} requests that named a living key of \`${record.name}\` were refused in the last ${duration(settings.over)}.`,
    expected: `fewer than ${plural(settings.requests, 'refusal')} in ${duration(settings.over)}`,
    actual: plural(value, 'refusal'),
    todo: ['See whether the named applications hold a whole and living key.', 'If none of them is yours, somebody tries keys out: block the address.', lookAtUsage(record.name)],
    facts: factsOf(sight, { 'Refused of late': callersText(refused) }), evidence: { denied: value, overMs: settings.over },
  })];
};
