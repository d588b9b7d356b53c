/** What is known of incidents, for tests that need no ledger: a key of a week ago, used by an application, and by a stranger in its last hour. */
import type { KeyRecord } from '../../src/core/vocabulary.ts';
import type { DyingKey, History, IncidentFacts, Recovery } from '../../src/incidents/index.ts';
import type { UsageBucket, UsageCaller } from '../../src/ports/usage-ledger.ts';

export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
/** A Wednesday. */
export const ASKED = Date.parse('2026-03-04T10:20:30.000Z');
export const DEAD = ASKED + 840;
export const at = (ms: number): Date => new Date(ms);

export function keyOf(id: string, more: Partial<KeyRecord> = {}): KeyRecord {
  return {
    id, credential: 'prod-api', issuer: 'hypermemory', issuerKeyId: `issuer-${id}`, name: `prod-api-kt-${id}`, prefix: 'hm_live_', fingerprint: 'f'.repeat(64), scopes: ['memory:read', 'memory:write'],
    state: 'revoked', proven: true, rotationId: null, createdAt: at(ASKED - 7 * DAY), revokedAt: at(DEAD), ...more,
  };
}

export const LEAKED = keyOf('leaked');
export const REPLACEMENT = keyOf('replacement', { state: 'current', createdAt: at(DEAD + 1_000), revokedAt: null });

export function dyingOf(key: KeyRecord | null, more: Partial<DyingKey> = {}): DyingKey {
  return { issuerKeyId: key?.issuerKeyId ?? 'issuer-unknown', key, revokedAt: key?.revokedAt ?? null, outcome: key?.revokedAt === null ? null : 'revoked', attempts: 1, lastError: null, ...more };
}

export function bucket(when: number, requests: number, more: Partial<UsageBucket> = {}): UsageBucket {
  return { keyId: LEAKED.id, source: 'gateway', at: at(when), requests, failed: 0, denied: 0, addresses: 1, ...more };
}

export function callerOf(address: string, agent: string, more: Partial<UsageCaller> = {}): UsageCaller {
  return { keyId: LEAKED.id, source: 'gateway', address, agent, requests: 10, failed: 0, denied: 0, firstSeen: at(ASKED - 6 * DAY), lastSeen: at(ASKED - MINUTE), ...more };
}

export const APPLICATION = callerOf('10.0.0.7', 'billing/2.1', { requests: 900, firstSeen: at(ASKED - 7 * DAY) });
export const STRANGER = callerOf('203.0.113.9', 'python-requests/2.31', { requests: 100, firstSeen: at(ASKED - 40 * MINUTE) });

export const HISTORY: History = {
  source: 'gateway', ripeAt: at(ASKED - 30 * DAY), peak: null, woke: null,
  networks: [{ name: '10.0.0.0/24', first: ASKED - 60 * DAY, last: ASKED }, { name: '203.0.113.0/24', first: ASKED - 40 * MINUTE, last: ASKED }],
  programs: [{ name: 'billing', first: ASKED - 60 * DAY, last: ASKED }, { name: 'python-requests', first: ASKED - 40 * MINUTE, last: ASKED }],
};

export function recoveryOf(more: Partial<Recovery> = {}): Recovery {
  return {
    state: 'done', reason: 'reported', message: 'The key was revoked and the credential has a new one.', finishedAt: at(DEAD + 5_000), recoveredAt: at(DEAD + 4_000), newKey: REPLACEMENT,
    places: [{ name: 'env file /srv/app.env', at: at(DEAD + 2_000) }], applications: [{ name: 'health', at: at(DEAD + 4_000) }], ...more,
  };
}

/** Hours as the ledger gives them, their edges by minutes too. */
export const USAGE: IncidentFacts['usage'] = {
  hours: [bucket(Date.parse('2026-03-02T09:00:00Z'), 500, { failed: 4 }), bucket(Date.parse('2026-03-04T09:00:00Z'), 300), bucket(Date.parse('2026-03-04T10:00:00Z'), 230, { denied: 30 })],
  minutes: [bucket(Date.parse('2026-03-04T10:05:00Z'), 190), bucket(Date.parse('2026-03-04T10:20:00Z'), 15, { denied: 5 }), bucket(Date.parse('2026-03-04T10:25:00Z'), 25, { denied: 25 })],
  scopes: null,
  callers: [APPLICATION, STRANGER],
  sources: [{ source: 'gateway', shownUntil: at(ASKED + 10 * MINUTE), failingSince: null, unknown: 0, unknownExample: null }],
  histories: [HISTORY],
  kept: { minutesFrom: at(ASKED - 14 * DAY), hoursFrom: at(ASKED - 400 * DAY), callersFrom: at(ASKED - 30 * DAY) },
};

export function factsOf(more: Partial<IncidentFacts> = {}, usage: Partial<IncidentFacts['usage']> = {}): IncidentFacts {
  return {
    ref: { id: '01JTINCIDENT0000000000001A', of: 'rotation' }, now: at(ASKED + 10 * MINUTE), credential: 'prod-api', issuer: 'hypermemory', owner: 'platform',
    asked: { by: 'cli:alice@laptop', why: 'pasted into a public issue', at: at(ASKED) }, leak: null, dying: [dyingOf(LEAKED)], recovery: recoveryOf(), alerts: [],
    audit: [
      { seq: 41, at: at(ASKED), type: 'rotation.requested', actor: { who: 'cli:alice@laptop', why: 'pasted into a public issue' }, credential: 'prod-api', rotationId: 'r', keyId: null, detail: { from: null, to: 'requested', message: 'pasted into a public issue' }, hash: 'a'.repeat(64) },
      { seq: 42, at: at(DEAD), type: 'key.revoked', actor: { who: 'worker:w1', why: 'emergency' }, credential: 'prod-api', rotationId: 'r', keyId: LEAKED.id, detail: { issuerKeyId: LEAKED.issuerKeyId, outcome: 'revoked', attempts: 1 }, hash: null },
    ],
    usage: { ...USAGE, ...usage }, ...more,
  };
}
