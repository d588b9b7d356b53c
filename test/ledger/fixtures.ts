import type { CredentialPlan, PlannedCredential, PlannedText } from '../../src/core/plan.ts';
import type { Actor, Notice } from '../../src/core/vocabulary.ts';
import type { Change, DueCredential, Ledger, Lease, NewDebt, NewKey, NewRotation, Rotation } from '../../src/ports/ledger.ts';
import { openOn, type OpenRuntime } from '../support/runtimes.ts';

export const ACTOR: Actor = { who: 'test', why: 'because' };
export const MINUTE = 60_000;

let count = 0;
/** A name that no other test in the file uses. */
export function fresh(word: string): string {
  return `${word}-${(count += 1)}`;
}

export function planOf(credential: string, issuer = 'hm'): CredentialPlan {
  return {
    credential,
    owner: 'team',
    labels: {},
    issuer: { name: issuer, type: 'hypermemory', options: {} },
    pacing: { maxConcurrent: 2, perMinute: 10 },
    knownKeys: [],
    keyName: credential,
    scopes: ['memory:read'],
    space: null,
    environment: null,
    adopt: null,
    policy: {
      name: 'p', cron: null, timezone: 'UTC', everyMs: 1000, window: null, overlapMs: 0, quietMs: 0, maxAgeMs: null, jitterMs: 0,
      strategy: 'displace', allowDowntime: false, deadlines: { retryMs: 1, verifyMs: 1, promoteMs: 1, confirmMs: 1, stuckMs: 1 },
    },
    places: [],
    checks: [],
    hooks: [],
    channels: { info: [], warning: [], critical: [] },
  };
}

export async function declared(ledger: Ledger, ...names: readonly string[]): Promise<void> {
  await ledger.declare(plannedTexts(names.map((name) => ({ plan: planOf(name), revision: 'r1' }))));
}

/** As a configuration hands them to the ledger, in texts of a few. */
export function plannedTexts(planned: readonly PlannedCredential[], inAText = 100): readonly PlannedText[] {
  return Array.from({ length: Math.ceil(planned.length / inAText) }, (_, n) => JSON.stringify(planned.slice(n * inAText, (n + 1) * inAText)));
}

/** What the sweep sees of these, in their order. Throws for one that is not due. */
export async function due(ledger: Ledger, ...names: readonly string[]): Promise<readonly DueCredential[]> {
  const seen = new Map((await ledger.dueCredentials(1_000)).map((one) => [one.name, one]));
  return names.map((name) => {
    const one = seen.get(name);
    if (one === undefined) throw new Error(`${name} is not due`);
    return one;
  });
}

export function asked(credential: string, more: Partial<NewRotation> & { readonly issuer?: string } = {}): NewRotation {
  const { issuer, ...rest } = more;
  return { credential, kind: 'manual', path: 'displace', plan: planOf(credential, issuer), actor: ACTOR, oldKeyId: null, ...rest };
}

export function keyOf(credential: string, more: Partial<NewKey> = {}): NewKey {
  return {
    credential, issuer: 'hm', issuerKeyId: fresh('ik'), name: credential, prefix: 'hm_live_', fingerprint: 'f'.repeat(64), scopes: ['memory:read'],
    state: 'staged', proven: true, rotationId: null, createdAt: null, ...more,
  };
}

export function debtOf(credential: string, more: Partial<NewDebt> = {}): NewDebt {
  return { credential, issuer: 'hm', issuerKeyId: fresh('ik'), fingerprint: null, cause: 'superseded', rotationId: null, notBeforeMs: 0, ...more };
}

export function noticeOf(dedupeKey: string): Notice {
  return {
    kind: 'rotation_done', severity: 'info', credential: 'c', issuer: 'hm', rotationId: null, title: 't', happened: 'h', means: 'm', todo: [],
    facts: {}, dedupeKey,
  };
}

export async function created(ledger: Ledger, rotation: NewRotation): Promise<Rotation> {
  const outcome = await ledger.request(rotation);
  if (outcome.outcome !== 'created') throw new Error(`expected a rotation, got ${outcome.outcome}`);
  return outcome.rotation;
}

export async function leased(ledger: Ledger, id: string, worker = 'w1', ttlMs = MINUTE): Promise<Lease> {
  const lease = await ledger.lease(id, worker, ttlMs);
  if (lease === null) throw new Error(`${id} is leased by somebody else`);
  return lease;
}

/** A rotation of a new credential, leased by w1. */
export async function begun(ledger: Ledger, more: Parameters<typeof asked>[1] = {}): Promise<Lease> {
  const rotation = await created(ledger, asked(fresh('cred'), more));
  return leased(ledger, rotation.id);
}

export async function committed(ledger: Ledger, lease: Lease, expect: Rotation['state'], change: Change): Promise<Rotation> {
  const outcome = await ledger.commit(lease, expect, change);
  if (outcome.outcome !== 'ok') throw new Error(`expected ok, got ${outcome.outcome}`);
  return outcome.rotation;
}

/** Two workers' ledgers: of two pools where the database is shared, of one where it is embedded. */
export async function twoWorkers(open: OpenRuntime): Promise<{ readonly ledgers: readonly [Ledger, Ledger]; readonly close: () => Promise<void> }> {
  if (open.running.databaseUrl === undefined) return { ledgers: [open.ledger, open.ledger], close: async () => undefined };
  const other = await openOn(open.running);
  return { ledgers: [open.ledger, other.ledger], close: () => other.close() };
}
