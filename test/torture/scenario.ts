/** A run, as data: what is configured, what people ask for, and what goes wrong when. Small, so that it can be shrunk and printed. */
import * as fc from 'fast-check';
import { days, hours, minutes, seconds } from '../../src/core/duration.ts';
import { FAULT_KINDS, lateness, type FaultSpec, type Outage } from './faults/kinds.ts';
import type { Weather } from './faults/plan.ts';
import type { QueueTraits } from './sim/lanes.ts';
import type { IssuerTraits } from './world/issuer.ts';
import type { PlaceKind } from './world/store.ts';

export interface CredentialSpec {
  /** The first is of record, and can stage. */
  readonly places: readonly PlaceKind[];
  /** Its places share their locations with the other credentials' places of the same number. */
  readonly shares: boolean;
  /** `empty`: it gets its first key. `people`: its places hold a key that people made, to be adopted. */
  readonly begins: 'empty' | 'people';
  readonly everyMs: number;
  readonly overlapMs: number;
  readonly quietMs: number;
  /** Overrides quiet: applications may be refused after it. */
  readonly maxAgeMs?: number;
  readonly strategy: 'displace' | 'replace';
  /** How long promoting and confirming may each take. Proving gets more: a list that lags behind must have time to show a key. */
  readonly deadlineMs: number;
  readonly hook: boolean;
  readonly check: boolean;
  /** Its application uses its key this often, and reads it anew this often (0: before each use). */
  readonly useMs: number;
  readonly rereadMs: number;
}

/** The how manieth step of all workers together; or the how manieth of one call, which stays where it is when others come or go. From 0. */
export type StepSpec = number | { readonly call: string; readonly nth: number };

export interface CrashSpec {
  readonly step: StepSpec;
  readonly side: 'before' | 'after';
  /** Null: it dies, and another starts after `ms`. Otherwise it sleeps for `ms`. */
  readonly does: 'kill' | 'freeze';
  readonly ms: number;
}

/** What people must not do and do: the key that serves is revoked behind Keyturn's back, a place is overwritten (for `ms`), put back to its older key, or what waits in it, or was displaced, is thrown away. */
export type Meddling = 'remove-key' | 'remove-old-key' | 'remove-displaced-key' | 'overwrite' | 'put-back' | 'unstage' | 'forget-displaced';

/** Emergencies: of the newest or the oldest living key that the ledger has, and such that create nothing: of all keys, or of the newest. */
export const LEAKS = ['leak-newest', 'leak-oldest', 'retire', 'retire-newest'] as const;
export type Leak = (typeof LEAKS)[number];

/** A leak source reports the newest or the oldest living key; a dead one with keys of others; or all that there ever were, and the living ones twice. */
export const REPORTS = ['report-newest', 'report-oldest', 'report-dead', 'report-many'] as const;
export type Report = (typeof REPORTS)[number];

export interface Wish {
  /** Milliseconds from the start. */
  readonly at: number;
  readonly does: 'rotate' | 'emergency' | 'pause' | 'resume' | 'edit' | 'flush' | 'stranger' | 'lights-out' | 'adopt' | 'abort' | 'try-again' | Leak | Report | Meddling;
  /** Number of the credential. */
  readonly of: number;
  readonly ms: number;
}

export interface Scenario extends Weather {
  /** Of latencies, order, traffic. */
  readonly seed: number;
  /** On `embedded` one worker at a time, and who opens the ledger knows that all before are dead. */
  readonly runtime: 'embedded' | 'shared';
  readonly workers: number;
  /** When faults end and the schedule is switched off, milliseconds from the start. */
  readonly horizonMs: number;
  /** How much faster than the ledger each worker's own clock runs. */
  readonly paces: readonly number[];
  readonly issuer: IssuerTraits;
  readonly queue: QueueTraits;
  readonly credentials: readonly CredentialSpec[];
  readonly crashes: readonly CrashSpec[];
  readonly wishes: readonly Wish[];
  /** How long places go on showing what they held before, after the nth promotion. */
  readonly stale: readonly { readonly nth: number; readonly ms: number }[];
}

/** Calls that faults are aimed at, the riskiest most often. */
const CALLS = [
  'issuer.create', 'issuer.create', 'issuer.create', 'issuer.revoke', 'issuer.revoke', 'issuer.list', 'issuer.inspect', 'issuer.probe', 'issuer.prove',
  'store.promote', 'store.promote', 'store.promote', 'store.stage', 'store.stage', 'store.read', 'store.retire', 'store.probe',
  'check.run', 'hook.run', 'ledger.commit', 'ledger.commit', 'ledger.settleDebt', 'ledger.renew', 'ledger.lease', 'ledger.request', 'ledger.requestDue', 'ledger.postponeDebt', 'ledger.watchFound',
  'leaks.take', 'leaks.claim', 'leaks.intend', 'leaks.settle',
] as const;

const fault: fc.Arbitrary<FaultSpec> = fc
  .record({ call: fc.constantFrom(...CALLS), nth: fc.nat(12), kind: fc.constantFrom(...FAULT_KINDS), part: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ part, ...rest }) => ({ ...rest, ms: lateness(rest.call, part) }));

const crash: fc.Arbitrary<CrashSpec> = fc.record({
  step: fc.oneof(fc.nat(300), fc.nat(1_500)), side: fc.constantFrom('before', 'after'), does: fc.constantFrom('kill', 'kill', 'freeze'),
  ms: fc.oneof(fc.nat(seconds(90)), fc.nat(hours(2))),
});

const outage: fc.Arbitrary<Outage> = fc.record({ of: fc.constantFrom('issuer', 'ledger', 'queue', 'c0/0', 'c0/1', 'c1/0', 'application'), from: fc.nat(hours(10)), ms: fc.nat(hours(1)) });

const wish: fc.Arbitrary<Wish> = fc.record({
  at: fc.nat(hours(10)), does: fc.constantFrom('rotate', 'rotate', 'emergency', 'pause', 'resume', 'edit', 'flush', 'stranger', 'lights-out', 'abort', 'try-again', ...LEAKS, ...REPORTS),
  of: fc.nat(2), ms: fc.oneof(fc.nat(hours(3)), fc.nat(days(2))),
});

const credential: fc.Arbitrary<CredentialSpec> = fc
  .record({
    record: fc.constantFrom<PlaceKind>('labels', 'file'), others: fc.array(fc.constantFrom<PlaceKind>('labels', 'file', 'plain'), { maxLength: 2 }),
    shares: fc.boolean(), begins: fc.constantFrom('empty' as const, 'people' as const),
    everyMs: fc.constantFrom(hours(1), hours(2), hours(3)), overlapMs: fc.constantFrom(0, minutes(1), minutes(40)), quietMs: fc.constantFrom(0, 0, minutes(10)),
    strategy: fc.constantFrom('displace' as const, 'displace' as const, 'displace' as const, 'replace' as const), deadlineMs: fc.constantFrom(seconds(4), seconds(20), minutes(5)), hook: fc.boolean(), check: fc.boolean(),
    useMs: fc.constantFrom(minutes(2), minutes(7)), rereads: fc.boolean(),
  })
  .map(({ record, others, rereads, ...rest }) => ({ ...rest, places: [record, ...others], rereadMs: rereads ? rest.overlapMs / 2 : 0 }));

const issuer: fc.Arbitrary<IssuerTraits> = fc.record({
  limit: fc.constant(null), lastUse: fc.boolean(), declaredLagMs: fc.constantFrom(0, seconds(30)), realLagMs: fc.constantFrom(0, 0, seconds(20), minutes(4)),
  usageLagMs: fc.constantFrom(0, minutes(2)), clockOffsetMs: fc.integer({ min: -hours(2), max: hours(2) }),
});

export const anyScenario: fc.Arbitrary<Scenario> = fc
  .record({
    seed: fc.nat(), runtime: fc.constantFrom('embedded' as const, 'shared' as const, 'shared' as const), workers: fc.integer({ min: 1, max: 3 }),
    horizonMs: fc.integer({ min: hours(2), max: hours(7) }), paces: fc.array(fc.double({ min: 0.8, max: 1.25, noNaN: true }), { minLength: 3, maxLength: 3 }),
    issuer, queue: fc.record({ losesPercent: fc.constantFrom(0, 10, 60), doublesPercent: fc.constantFrom(0, 30) }),
    credentials: fc.array(credential, { minLength: 1, maxLength: 3 }), faults: fc.array(fault, { maxLength: 8 }), outages: fc.array(outage, { maxLength: 2 }),
    crashes: fc.array(crash, { maxLength: 6 }), wishes: fc.array(wish, { maxLength: 4 }),
    stale: fc.array(fc.record({ nth: fc.nat(6), ms: fc.nat(seconds(50)) }), { maxLength: 3 }), room: fc.option(fc.nat(1)),
    weather: fc.record({ calls: fc.constantFrom('', 'store', 'store.promote', 'issuer', 'ledger', 'ledger.commit', 'check', 'hook'), percent: fc.constantFrom(0, 0, 5, 20, 50) }),
  })
  .map(({ room, ...scenario }) => ({
    ...scenario,
    workers: scenario.runtime === 'embedded' ? 1 : scenario.workers,
    // Room for a new key beside one key each and the bystanders, or more, or no limit.
    issuer: { ...scenario.issuer, limit: room === null ? null : scenario.credentials.length + BYSTANDERS + 1 + room },
  }));

/** Keys at the issuer that are none of Keyturn's business. */
export const BYSTANDERS = 2;
