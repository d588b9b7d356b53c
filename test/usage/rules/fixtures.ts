import type { CredentialPlan, RotationPolicy } from '../../../src/core/plan.ts';
import type { KeyRecord } from '../../../src/core/vocabulary.ts';
import type { CredentialRecord } from '../../../src/ports/ledger.ts';
import { planCredentials } from '../../../src/config/index.ts';
import { GOOD, load } from '../../config/support.ts';

export const START = new Date('2026-03-02T12:00:00Z');
export const DAY = 86_400_000;
export const after = (ms: number): Date => new Date(START.getTime() + ms);

export function keyRecord(more: Partial<KeyRecord> = {}): KeyRecord {
  return {
    id: 'k1', credential: 'prod-api', issuer: 'hm', issuerKeyId: 'key_1', name: 'prod-api-kt-abc123-0123456789', prefix: 'hm_live_', fingerprint: null,
    scopes: ['memory:write'], state: 'current', proven: true, rotationId: null, createdAt: START, revokedAt: null, ...more,
  };
}

const [planned] = planCredentials(load(GOOD).config);

export function record(more: Partial<CredentialPlan> = {}, policy: Partial<RotationPolicy> = {}): CredentialRecord {
  if (planned === undefined) throw new Error('a credential is declared');
  const plan = { ...planned.plan, owner: 'platform', labels: { team: 'payments' }, ...more, policy: { ...planned.plan.policy, ...policy } };
  return { name: 'prod-api', issuer: 'hm', owner: 'platform', revision: 'r', plan, declared: true, currentKeyId: 'k1', dueAt: null, firstSeenAt: START, lastRotatedAt: START };
}
