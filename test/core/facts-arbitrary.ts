/** Random facts: every section may be there or not, so that no row can count on what gather happens to bring. */
import * as fc from 'fast-check';
import type { Attempt, Facts, PlaceFact } from '../../src/core/facts.ts';
import type { CredentialPlan } from '../../src/core/plan.ts';
import { PATHS, ROTATION_KINDS, ROTATION_STATES, TERMINAL_STATES, type KeyRecord, type RotationState } from '../../src/core/vocabulary.ts';

export const OPEN_STATES = ROTATION_STATES.filter((s) => !(TERMINAL_STATES as readonly RotationState[]).includes(s));

export const PLAN: CredentialPlan = {
  credential: 'prod-api', owner: null, labels: {}, issuer: { name: 'hm', type: 'hypermemory', options: {} },
  pacing: { maxConcurrent: 2, perMinute: 10 }, knownKeys: [], keyName: 'prod-api', scopes: ['memory:write'], space: null, environment: null, adopt: null,
  policy: {
    name: 'p', cron: null, timezone: 'UTC', everyMs: 1, window: null, overlapMs: 1000, quietMs: 1000, maxAgeMs: null, jitterMs: 0,
    strategy: 'displace', allowDowntime: false, deadlines: { verifyMs: 60_000, promoteMs: 60_000, confirmMs: 60_000, stuckMs: 600_000, retryMs: 60_000 },
  },
  places: [], checks: [], hooks: [{ name: 'h', type: 'http', options: {} }], channels: { info: [], warning: [], critical: [] },
};

const NOW = new Date('2026-11-22T12:00:00Z');
const date = fc.integer({ min: -600_000, max: 600_000 }).map((ms) => new Date(NOW.getTime() + ms));
const iso = date.map((d) => d.toISOString());

export const key: fc.Arbitrary<KeyRecord> = fc.record({
  id: fc.constantFrom('k1', 'k2'), credential: fc.constant('prod-api'), issuer: fc.constant('hm'), issuerKeyId: fc.constantFrom('id1', 'id2'),
  name: fc.constant('n'), prefix: fc.constant('hm_live_'), fingerprint: fc.constantFrom('f1', 'f2'), scopes: fc.constant(['memory:write']),
  state: fc.constantFrom('staged', 'current', 'draining', 'condemned', 'revoked', 'lost'), proven: fc.boolean(), rotationId: fc.constantFrom(null, 'r1'),
  createdAt: date, revokedAt: fc.constant(null),
});

const attempt: fc.Arbitrary<Attempt> = fc.record({
  n: fc.integer({ min: 1, max: 5 }), name: fc.constant('prod-api-kt'), sentAt: fc.option(iso), outcome: fc.constantFrom(null, 'minted', 'unstaged', 'refused', 'lost'),
  refusal: fc.option(fc.record({ code: fc.constantFrom('ISSUER_LIMIT', 'ISSUER_RATE_LIMITED', 'ISSUER_UNAVAILABLE', 'ISSUER_DENIED'), message: fc.constant('refused'), retryAfterMs: fc.option(fc.nat(10_000)) })),
});

const place: fc.Arbitrary<PlaceFact> = fc.record({
  id: fc.constantFrom('a', 'b'), describe: fc.constant('somewhere'), ofRecord: fc.boolean(),
  serving: fc.constantFrom('new', 'old', 'ours', 'empty', 'foreign', 'unreadable'), detail: fc.constant(''),
});

const result = fc.record({ name: fc.constant('c'), ok: fc.boolean(), detail: fc.constant('') });
const problem = fc.record({ code: fc.constantFrom('key_limit', 'debt_open'), message: fc.constant('m'), todo: fc.constant('t') });

const notes = fc.record(
  {
    attempt, hazardUntil: iso, drifted: fc.boolean(), tidied: fc.boolean(), restoredAt: iso, lostAttempts: fc.nat(4), trouble: fc.record({ count: fc.integer({ min: 1, max: 9 }), last: fc.constant('boom'), retryAt: iso }),
    revocation: fc.record({ keys: fc.constantFrom('every' as const, ['k1']), replace: fc.boolean() }), failing: fc.dictionary(fc.constantFrom('a', 'b'), fc.record({ count: fc.integer({ min: 1, max: 9 }), last: fc.constant('full'), retryAt: iso, accepted: fc.boolean() })), hooksAt: fc.nat(3),
    waited: fc.record({ reason: fc.constant('x'), times: fc.nat(9) }), hooksRun: fc.subarray(['promoted', 'rolled_back'] as const),
    failure: fc.record({ reason: fc.constant('r'), message: fc.constant('m') }), told: fc.subarray(['held_late', 'held_unminted', 'drain_stuck', 'store_failed']),
  },
  { requiredKeys: [] },
);

const sections = fc.record(
  {
    gate: fc.record({ pausedBy: fc.option(fc.constant('alice')), windowOpensInMs: fc.option(fc.nat(1000)) }),
    preflight: fc.record({ problems: fc.array(problem, { maxLength: 2 }), slots: fc.constant(null), empty: fc.constant([]) }),
    minted: fc.record({
      listed: fc.option(fc.array(fc.record({ id: fc.constant('id2'), name: fc.constant('n'), prefix: fc.constant('hm_live_'), scopes: fc.constant([]) }), { maxLength: 2 })),
      staged: fc.constantFrom('present', 'absent', 'unreadable'), fingerprint: fc.constant(null), lookUntil: date, detail: fc.constant(''),
    }),
    staged: fc.record({
      slot: fc.constantFrom('match', 'mismatch', 'absent', 'unreadable'), mismatch: fc.option(fc.constant('scopes differ')), unlisted: fc.boolean(),
      checks: fc.array(result, { maxLength: 2 }), detail: fc.constant(''),
    }),
    places: fc.oneof(fc.array(place, { minLength: 1, maxLength: 3 }), fc.array(place.map((p): PlaceFact => ({ ...p, serving: 'new' })), { minLength: 1, maxLength: 2 })),
    oldKeyAlive: fc.option(fc.boolean()),
    oldValue: fc.constantFrom('held', 'gone', 'unknown'),
    newValue: fc.constantFrom('held', 'gone', 'unknown'),
    currentKeyId: fc.option(fc.constant('k1')),
    application: fc.array(result, { maxLength: 2 }),
    drain: fc.record({
      overlapLeftMs: fc.constantFrom(0, 0, 1, 1_000), quiet: fc.constantFrom('quiet', 'busy', 'unproved', 'not-asked'), quietLeftMs: fc.nat(1000),
      pastMaxAge: fc.boolean(), observed: fc.constant(null), detail: fc.constant(''),
    }),
  },
  { requiredKeys: [] },
);

const base = fc.record({
  rotation: fc.record({
    id: fc.constant('r1'), credential: fc.constant('prod-api'), kind: fc.constantFrom(...ROTATION_KINDS), path: fc.constantFrom(...PATHS),
    state: fc.constantFrom(...OPEN_STATES), reason: fc.constant('x'),
    abortAsked: fc.option(fc.constant({ who: 'cli:alice@host', why: 'wrong scopes' })),
  }),
  plan: fc.constant(PLAN), notes, now: fc.constant(NOW), inStateMs: fc.constantFrom(0, 70_000, 700_000), oldKey: fc.option(key), newKey: fc.option(key),
  debts: fc.nat(2).chain((open) => fc.nat(open).map((payable) => [open, payable] as const)).chain(([open, payable]) => fc.record({ open: fc.constant(open), payable: fc.constant(payable), untried: fc.nat(payable), oldestMs: fc.constant(0), nextTryMs: fc.nat(9_000), lastError: fc.option(fc.constant('denied')) })),
});

export const anyFacts: fc.Arbitrary<Facts> = fc.tuple(base, sections).map(([b, s]): Facts => ({ ...b, ...s }));
