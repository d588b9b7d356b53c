/** Keys that should not be used any more. Pure. */
import { duration, keyLabel, plural } from '../../core/phrases.ts';
import type { Finding } from '../../core/finding.ts';
import type { KeyRecord } from '../../core/vocabulary.ts';
import { STEPS, type UsageCaller } from '../../ports/usage-ledger.ts';
import { accepted, between, minuteOf } from '../scan/minutes.ts';
import type { Sight } from '../scan/sight.ts';
import { findingOf, ofKey } from './finding.ts';
import type { Look } from './rule.ts';
import { callersText, factsOf, ifStolen, lookAtUsage, moment, number } from './words.ts';

const callersOf = (sight: Sight, key: KeyRecord): string => callersText(sight.callers.filter(({ keyId }) => keyId === key.id));

export const retiredKeyInUse: Look<'retired_key_in_use'> = (sight, settings) => {
  const { record, shown, keys, drains } = sight;
  return keys.filter(({ id }) => drains.has(id)).flatMap((key): readonly Finding[] => {
    const replacedAt = drains.get(key.id) ?? shown;
    const overlapEnd = replacedAt + record.plan.policy.overlapMs;
    const used = between(sight.byKey.get(key.id) ?? new Map(), Math.max(ceiling(overlapEnd), minuteOf(shown - settings.over)), Number.POSITIVE_INFINITY);
    const seen = callersAfter(sight, key, Math.max(overlapEnd, shown - settings.over)).length;
    const value = Math.max(accepted(used), seen);
    if (value === 0) return [];
    // Callers tell that it was used within that minute, not how often.
    const least = accepted(used) < seen ? 'at least ' : '';
    return [findingOf('retired_key_in_use', settings, ofKey(key, record, sight.source), {
      value, fireAt: 1, clearAt: 0,
      title: `${record.name}: an old key is still in use`,
      happened: `The replaced key \`${keyLabel(key)}\` of \`${record.name}\` was used ${least}${plural(value, 'time')} ${lately(overlapEnd, shown, settings.over)}, by ${callersOf(sight, key)}. The overlap ended ${moment(overlapEnd)}.`,
      expected: 'no request with it any more',
      actual: `${least}${plural(value, 'request')}`,
      means: `An application did not read the new key. ${waitsUntil(record.plan.policy.maxAgeMs, replacedAt)}`,
      todo: ['Restart the application, or have it read its key again.', lookAtUsage(record.name), ifStolen(record.name)],
      facts: { 'Old key': keyLabel(key), 'Used by': callersOf(sight, key), ...factsOf(sight) }, evidence: { keyId: key.id, overlapEnd, requests: value },
    })];
  });
};

const lately = (overlapEnd: number, shown: number, over: number): string => (shown - overlapEnd < over ? 'since its overlap ended' : `in the last ${duration(over)}`);

function waitsUntil(maxAgeMs: number | null, rotatedAt: number): string {
  if (maxAgeMs === null) return 'Keyturn waits with revoking until it is quiet, for as long as it takes.';
  return `Keyturn revokes the old key when it is quiet, and at ${moment(rotatedAt + maxAgeMs)} in any case; then that application fails.`;
}

/** Counts do not tell the moment within a minute, callers do. */
function callersAfter({ callers }: Sight, key: KeyRecord, after: number): readonly UsageCaller[] {
  return callers.filter((caller) => caller.keyId === key.id && accepted(caller) > 0 && caller.lastSeen.getTime() > after);
}

/** The minute in which the key died counts for nothing: what was under way then may be older than its end. */
const ceiling = (at: number): number => minuteOf(at) + STEPS.minute;

export const revokedKeyTried: Look<'revoked_key_tried'> = (sight, settings) => {
  const { record, shown } = sight;
  return sight.keys.filter((key) => key.state === 'revoked' && key.revokedAt !== null).flatMap((key): readonly Finding[] => {
    const revokedAt = key.revokedAt?.getTime() ?? shown;
    const tried = between(sight.byKey.get(key.id) ?? new Map(), Math.max(ceiling(revokedAt), minuteOf(shown - settings.over)), Number.POSITIVE_INFINITY);
    const value = tried.requests;
    if (value === 0) return [];
    const got = accepted(tried);
    const about = ofKey(key, record, sight.source);
    // Being served is an alert of its own: people hear of it at once, whatever they heard before.
    return [findingOf('revoked_key_tried', settings, got > 0 ? { ...about, subject: `${about.subject} served` } : about, {
      value, fireAt: settings.requests, clearAt: 0,
      title: got > 0 ? `${record.name}: a revoked key still works` : `${record.name}: a revoked key is tried`,
      happened: `The key \`${keyLabel(key)}\` of \`${record.name}\`, revoked ${moment(revokedAt)}, was tried ${plural(value, 'time')} in the last ${duration(settings.over)}, by ${callersOf(sight, key)}. ${got > 0 ? `${number(got)} of these were served.` : 'All were refused.'}`,
      expected: 'no request with it any more',
      actual: plural(value, 'attempt'),
      means: got > 0 ? 'The issuer serves a key that it confirmed as revoked: whoever holds it can go on.' : null,
      todo: [...(got > 0 ? [`Revoke it at the issuer by hand, then ask why: \`keyturn doctor\`.`] : []), 'If the address is yours, have that application read its key again: it fails until then.', 'If not, find out how it got the key.', lookAtUsage(record.name)],
      facts: { 'Revoked key': keyLabel(key), 'Tried by': callersOf(sight, key), ...factsOf(sight) }, evidence: { keyId: key.id, revokedAt, ...tried },
    })];
  });
};
