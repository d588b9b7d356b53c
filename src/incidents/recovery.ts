/** How the incident stands, and how long each part of it took. Pure. */
import { isTerminal, type RotationState } from '../core/vocabulary.ts';
import { minutes } from '../core/duration.ts';
import type { DyingKey, Healed, IncidentFacts } from './facts.ts';
import type { IncidentReport } from './schema.ts';

/** So long after it was asked for, an incident in which something is not done yet is reported as it stands. */
export const HELD_AFTER_MS = minutes(5);

export function statusOf({ dying, recovery, asked, now }: Pick<IncidentFacts, 'dying' | 'recovery' | 'asked' | 'now'>): IncidentReport['status'] {
  if (recovery?.reason === 'preempted') return 'superseded';
  if (dying.length === 0 || dying.some(({ revokedAt }) => revokedAt === null)) return 'revoking';
  if (recovery === null) return 'not_replaced';
  if (recovery.recoveredAt !== null) return 'recovered';
  // Without a replacement it goes from the revocation straight to its report.
  if (recovery.state === 'reporting' || isTerminal(recovery.state as RotationState)) return 'not_replaced';
  return now.getTime() - asked.at.getTime() >= HELD_AFTER_MS ? 'held' : 'recovering';
}

export function keyRows({ dying, asked }: IncidentFacts): IncidentReport['keys'] {
  return dying.map(({ issuerKeyId, key, revokedAt, outcome, attempts, lastError }) => ({
    issuerKeyId, name: key?.name ?? '', prefix: key?.prefix ?? '', scopes: [...(key?.scopes ?? [])], createdAt: key?.createdAt.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null, outcome, revokedAfterMs: since(asked.at, revokedAt), attempts, lastError, valueKnown: key !== null && key.fingerprint !== null,
  }));
}

/** Nothing takes the place of what was revoked, so that nothing is waited for. */
export function isWithout(facts: Pick<IncidentFacts, 'dying' | 'recovery' | 'asked' | 'now'>): boolean {
  const status = statusOf(facts);
  return status === 'not_replaced' || status === 'superseded';
}

export function recoveryOf(facts: IncidentFacts): IncidentReport['recovery'] {
  const { recovery, dying, asked, now } = facts;
  if (recovery === null) return null;
  const without = isWithout(facts);
  const { state, reason, message, newKey, places, applications, recoveredAt } = recovery;
  const healed = ({ at }: Healed) => ({ at: at?.toISOString() ?? null, afterMs: since(asked.at, at) });
  return {
    state, reason, message,
    newKey: newKey === null ? null : { issuerKeyId: newKey.issuerKeyId, prefix: newKey.prefix },
    stores: without ? [] : places.map((place) => ({ place: place.name, ...healed(place) })),
    applications: without ? [] : applications.map((check) => ({ check: check.name, ...healed(check) })),
    recoveredAt: recoveredAt?.toISOString() ?? null,
    gapMs: without ? null : gapMs(dying, recoveredAt ?? now),
  };
}

/** From the first key that died until applications could work again. */
function gapMs(dying: readonly DyingKey[], end: Date): number | null {
  const deaths = dying.flatMap(({ revokedAt }) => (revokedAt === null ? [] : [revokedAt.getTime()]));
  return deaths.length === 0 ? null : Math.max(0, end.getTime() - Math.min(...deaths));
}

function since(from: Date, at: Date | null): number | null {
  return at === null ? null : Math.max(0, at.getTime() - from.getTime());
}
