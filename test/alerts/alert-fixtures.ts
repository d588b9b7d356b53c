import type { Seen, LifeSettings, Observation } from '../../src/alerts/life.ts';
import type { Alert } from '../../src/core/alert.ts';
import type { Finding } from '../../src/core/finding.ts';

export const MINUTE = 60_000;
export const START = Date.parse('2026-03-02T12:00:00Z');
export const LIFE: LifeSettings = { repeatMs: 240 * MINUTE, holdMs: 10 * MINUTE, maxHoldMs: 60 * MINUTE, flapMs: 60 * MINUTE, expireMs: 120 * MINUTE };

export function findingOf(more: Partial<Finding> = {}): Finding {
  return {
    rule: 'request_rate', subject: 'key:k1', credential: 'prod-api', issuer: 'hm', source: 'audit', owner: 'platform', labels: { team: 'payments' }, severity: 'warning',
    value: 500, fireAt: 100, clearAt: 80, pendingMs: 0, holdMs: null, title: 'prod-api: far more requests than usual', happened: 'Key `hm_live_…` made 500 requests a minute.',
    expected: 'at most 100 requests a minute', actual: '500 requests a minute', means: null, todo: ['See who calls: `keyturn usage prod-api`.'], facts: { Key: 'hm_live_… (id key_1)' }, evidence: { minutes: 3 },
    ...more,
  };
}

export const found = (more: Partial<Finding> = {}): Seen => ({ what: 'found', finding: findingOf(more) });
export const looked = (seen: Seen, muted = false): Observation => ({ seen, muted, id: 'a1' });

/** An alert that fired at START and was told of. */
export function firing(id: string, more: Partial<Finding> = {}, parts: Partial<Alert> = {}): Alert {
  const finding = findingOf(more);
  return {
    id, version: 1, incident: id, state: 'firing', finding, worst: finding.severity, peak: finding.value, firstSeenAt: START, lastSeenAt: START, firedAt: START, endedAt: null, at: START, age: 0, stateAge: 0, seenAge: 0,
    refires: 0, refiredAge: null, holdMs: LIFE.holdMs, told: { severity: finding.severity, at: START, age: 0, times: 1, over: false }, acknowledged: null, threads: { ops: id }, events: [], ...parts,
  };
}
