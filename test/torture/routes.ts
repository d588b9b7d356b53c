/** Scenarios without crashes that between them take every transition: what crashes are then put into, everywhere. */
import { hours, minutes, seconds } from '../../src/core/duration.ts';
import type { FaultSpec } from './faults/kinds.ts';
import type { CredentialSpec, Leak, Report, Scenario, Wish } from './scenario.ts';

export interface Route {
  readonly name: string;
  readonly scenario: Scenario;
}

const CREDENTIAL: CredentialSpec = {
  places: ['labels', 'file'], shares: false, begins: 'people', everyMs: hours(1_000), overlapMs: minutes(1), quietMs: 0, strategy: 'displace', deadlineMs: minutes(2),
  hook: true, check: true, useMs: minutes(2), rereadMs: 0,
};

export const ROTATE: Wish = { at: minutes(10), does: 'rotate', of: 0, ms: 0 };

export const BASE: Scenario = {
  seed: 1, runtime: 'shared', workers: 1, horizonMs: minutes(40), paces: [1, 1, 1],
  issuer: { limit: null, lastUse: true, declaredLagMs: seconds(5), realLagMs: 0, usageLagMs: 0, clockOffsetMs: 0 },
  queue: { losesPercent: 0, doublesPercent: 0 }, credentials: [CREDENTIAL], faults: [], outages: [], crashes: [], wishes: [ROTATE], stale: [], weather: { calls: '', percent: 0 },
};

/** The same fault at so many calls in a row. */
export function faults(call: string, kind: FaultSpec['kind'], from: number, times: number, ms = 0): readonly FaultSpec[] {
  return Array.from({ length: times }, (_, n) => ({ call, nth: from + n, kind, ms }));
}

export const change = (name: string, credential: Partial<CredentialSpec>, more: Partial<Scenario> = {}): Route => ({ name, scenario: { ...BASE, ...more, credentials: [{ ...CREDENTIAL, ...credential }] } });

const abortAt = (at: number): Wish => ({ at, does: 'abort', of: 0, ms: 0 });

const leak = (does: Leak | 'emergency', at: number): Wish => ({ at, does, of: 0, ms: 0 });
const report = (does: Report, at: number, ms = minutes(1)): Wish => ({ at, does, of: 0, ms });
const SECOND_PLACE_DOWN = { of: 'c0/1', from: minutes(10) + 900, ms: minutes(3) };

export const ROUTES: readonly Route[] = [
  change('a rotation', {}),
  change('a rotation that waits for quiet', { quietMs: minutes(3), rereadMs: minutes(1) }),
  change('the first key', { begins: 'empty' }, { wishes: [] }),
  change('a replacement with downtime', { strategy: 'replace' }),
  change('an emergency', {}, { wishes: [{ at: minutes(10), does: 'emergency', of: 0, ms: 0 }] }),
  change('an emergency that pre-empts a rotation', {}, { wishes: [ROTATE, { at: minutes(10) + 900, does: 'emergency', of: 0, ms: 0 }] }),
  change('the key that serves leaks', {}, { wishes: [leak('leak-newest', minutes(10))] }),
  change('the old key leaks while it drains', { overlapMs: minutes(5) }, { wishes: [ROTATE, leak('leak-oldest', minutes(12))] }),
  change('the new key leaks while the old one drains', { overlapMs: minutes(5) }, { wishes: [ROTATE, leak('leak-newest', minutes(12))] }),
  change('the old key leaks while stores are promoted', {}, { outages: [SECOND_PLACE_DOWN], wishes: [ROTATE, leak('leak-oldest', minutes(11))] }),
  change('the new key leaks while stores are promoted', {}, { outages: [SECOND_PLACE_DOWN], wishes: [ROTATE, leak('leak-newest', minutes(11))] }),
  change('the old key leaks while the new one is proved', {}, { faults: faults('issuer.probe', 'error', 1, 30), wishes: [ROTATE, leak('leak-oldest', minutes(10) + seconds(30))] }),
  change('the new key leaks while it is proved', {}, { faults: faults('issuer.probe', 'error', 1, 30), wishes: [ROTATE, leak('leak-newest', minutes(10) + seconds(30))] }),
  change('the old key leaks while hooks fail', {}, { faults: faults('hook.run', 'error', 0, 6), wishes: [ROTATE, leak('leak-oldest', minutes(10) + seconds(5))] }),
  change('a key leaks right after the other one of its rotation', { overlapMs: minutes(5) }, { wishes: [ROTATE, leak('leak-oldest', minutes(12)), leak('leak-newest', minutes(12) + 50)] }),
  change('the new key leaks, and the old one has no value any more', { overlapMs: minutes(5) }, { wishes: [ROTATE, { at: minutes(11), does: 'forget-displaced', of: 0, ms: 0 }, leak('leak-newest', minutes(12))] }),
  change('the new key leaks, and a promotion of it lands after that', {}, { faults: faults('store.promote', 'lands-late', 1, 1, seconds(40)), wishes: [ROTATE, leak('leak-newest', minutes(10) + seconds(4))] }),
  change('a credential is given up', {}, { wishes: [leak('retire', minutes(10))] }),
  change('a credential is given up while it rotates', {}, { wishes: [ROTATE, leak('retire', minutes(10) + 900)] }),
  change('a credential is given up, and comes back', {}, { wishes: [leak('retire', minutes(10)), { ...ROTATE, at: minutes(20) }] }),
  change('a key is given up while the other one drains', { overlapMs: minutes(5) }, { wishes: [ROTATE, leak('retire-newest', minutes(12))] }),
  change('an emergency while one store is down', {}, { outages: [SECOND_PLACE_DOWN], wishes: [{ ...leak('emergency', minutes(10)) }] }),
  change('an emergency while the store of record refuses to be promoted', {}, { faults: faults('store.promote', 'error', 0, 4), wishes: [leak('emergency', minutes(10))] }),
  change('a scanner reports the key that serves, and again', {}, { wishes: [report('report-newest', minutes(10))] }),
  change('a scanner reports the key that serves while the issuer does not answer', {}, { outages: [{ of: 'issuer', from: minutes(10) - 1, ms: minutes(2) }], wishes: [report('report-newest', minutes(10))] }),
  change('a scanner reports the old key while it drains', { overlapMs: minutes(5) }, { wishes: [ROTATE, report('report-oldest', minutes(12))] }),
  change('a scanner reports the old key while it drains, and revokes fail', { overlapMs: minutes(5) }, { faults: faults('issuer.revoke', 'error', 0, 3), wishes: [ROTATE, report('report-oldest', minutes(12))] }),
  change('a scanner reports the old key while it drains, and its rotation is aborted', { overlapMs: minutes(5) }, { faults: faults('issuer.revoke', 'error', 0, 6), wishes: [ROTATE, report('report-oldest', minutes(12)), abortAt(minutes(12) + 100)] }),
  change('a scanner reports the old key while its rotation turns back', { overlapMs: minutes(5) }, { wishes: [ROTATE, abortAt(minutes(12)), report('report-oldest', minutes(12) + 60)] }),
  change('a scanner reports the new key while the old one drains', { overlapMs: minutes(5) }, { wishes: [ROTATE, report('report-newest', minutes(12))] }),
  change('a scanner reports the old key while stores are promoted', {}, { outages: [SECOND_PLACE_DOWN], wishes: [ROTATE, report('report-oldest', minutes(11))] }),
  change('a scanner reports the new key while stores are promoted', {}, { outages: [SECOND_PLACE_DOWN], wishes: [ROTATE, report('report-newest', minutes(11))] }),
  change('a scanner reports a key while the other one of its rotation dies', { overlapMs: minutes(5) }, { wishes: [ROTATE, report('report-oldest', minutes(12)), report('report-newest', minutes(12) + 20)] }),
  change('a scanner reports a dead key and those of others', {}, { wishes: [ROTATE, report('report-dead', minutes(20))] }),
  change('a scanner reports everything at once, and a person asks too', { overlapMs: minutes(5) }, { wishes: [ROTATE, report('report-many', minutes(12)), leak('emergency', minutes(12) + 30)] }),
  change('a lost create that is found without its value', {}, { faults: faults('issuer.create', 'answer-lost', 0, 1) }),
  change('a create that lands late', {}, { faults: faults('issuer.create', 'lands-late', 0, 1, minutes(20)) }),
  change('creates that are all lost', {}, { faults: faults('issuer.create', 'request-lost', 0, 3) }),
  change('creates that are all lost, their keys found', {}, { faults: faults('issuer.create', 'answer-lost', 0, 3) }),
  change('an issuer that is busy', {}, { faults: faults('issuer.create', 'busy', 0, 1, seconds(3)) }),
  change('an issuer that is busy for long', {}, { faults: faults('issuer.create', 'busy', 0, 60, minutes(2)) }),
  change('a value that cannot be staged', {}, { faults: faults('store.stage', 'error', 0, 3) }),
  change('a value that cannot be staged, with no way back', { begins: 'empty' }, { wishes: [], faults: faults('store.stage', 'error', 0, 3) }),
  change('a replacement whose value cannot be staged', { strategy: 'replace' }, { faults: faults('store.stage', 'error', 0, 3) }),
  change('a key that is never proved', {}, { faults: faults('issuer.probe', 'error', 1, 200) }),
  change('a replacement that is never proved', { strategy: 'replace' }, { faults: faults('issuer.probe', 'error', 1, 75) }),
  change('a store that fails while promoting', {}, { outages: [{ of: 'c0/1', from: minutes(10) + 900, ms: minutes(8) }] }),
  change('a promotion that shows long after its rotation turned back', { deadlineMs: seconds(4), overlapMs: minutes(5) }, { faults: faults('store.promote', 'lands-late', 0, 1, seconds(200)) }),
  change('a store that shows writes late', {}, { stale: [{ nth: 0, ms: seconds(20) }, { nth: 1, ms: seconds(30) }] }),
  change('an application that turns red', {}, { faults: faults('check.run', 'error', 0, 1) }),
  change('hooks that fail', {}, { faults: faults('hook.run', 'error', 0, 40) }),
  change('a revoke that fails for a while', {}, { faults: faults('issuer.revoke', 'error', 0, 3) }),
  change('an orphan that cannot be revoked at once', {}, { faults: [...faults('issuer.create', 'answer-lost', 0, 1), ...faults('issuer.revoke', 'error', 0, 3)] }),
  change('an application that turns red, without an overlap', { overlapMs: 0 }, { faults: faults('check.run', 'error', 0, 1) }),
  change('no room for a key, then room', {}, { issuer: { ...BASE.issuer, limit: 4 }, wishes: [{ at: minutes(5), does: 'stranger', of: 0, ms: 0 }, ROTATE] }),
  change('a key that is adopted while the first rotation is blocked', { begins: 'empty' }, { issuer: { ...BASE.issuer, limit: 4 }, wishes: [
    { at: 1, does: 'stranger', of: 0, ms: 0 }, { at: 1, does: 'stranger', of: 0, ms: 0 }, { at: minutes(12), does: 'adopt', of: 0, ms: 0 },
  ] }),
  change('a key that is removed behind our back', {}, { wishes: [{ at: minutes(8), does: 'remove-key', of: 0, ms: 0 }, ROTATE] }),
  change('a key that is removed while the rotation is blocked', {}, { issuer: { ...BASE.issuer, limit: 4 }, wishes: [{ at: minutes(5), does: 'stranger', of: 0, ms: 0 }, ROTATE, { at: minutes(14), does: 'remove-key', of: 0, ms: 0 }] }),
  change('an emergency while the issuer is busy for long', {}, { faults: faults('issuer.create', 'busy', 0, 60, minutes(2)), wishes: [{ at: minutes(10), does: 'emergency', of: 0, ms: 0 }] }),
  change('a minted key whose record was not written', {}, { faults: faults('ledger.commit', 'unreachable', 3, 1) }),
  change('a key with more scopes than declared', {}, { issuer: { ...BASE.issuer, overgenerousAt: 0 } }),
  change('a staged value that somebody throws away', {}, { faults: faults('issuer.probe', 'error', 1, 20), wishes: [ROTATE, { at: minutes(10) + seconds(20), does: 'unstage', of: 0, ms: 0 }] }),
  change('a place that somebody overwrites while it is promoted', {}, { outages: [{ of: 'c0/0', from: minutes(10) + 900, ms: minutes(1) }], wishes: [ROTATE, { at: minutes(10) + seconds(20), does: 'overwrite', of: 0, ms: minutes(4) }] }),
  change('a place that somebody overwrites after it was promoted', {}, { faults: faults('hook.run', 'error', 0, 3), wishes: [ROTATE, { at: minutes(10) + seconds(3), does: 'overwrite', of: 0, ms: minutes(4) }] }),
  change('a place that somebody puts back while hooks fail', {}, { faults: faults('hook.run', 'error', 0, 40), wishes: [ROTATE, { at: minutes(10) + seconds(10), does: 'put-back', of: 0, ms: 0 }] }),
  change('a place that somebody puts back while the old key drains', { overlapMs: minutes(5) }, { wishes: [ROTATE, { at: minutes(12), does: 'put-back', of: 0, ms: 0 }] }),
  change('an old key that never becomes quiet', { quietMs: minutes(10), maxAgeMs: minutes(12), rereadMs: hours(10) }, {}),
  change('an old key that is removed while we go back to it', {}, { outages: [{ of: 'c0/1', from: minutes(10) + 900, ms: minutes(8) }], wishes: [ROTATE, { at: minutes(14), does: 'remove-old-key', of: 0, ms: 0 }] }),
  change('an abort of what was only asked for', {}, { wishes: [{ at: minutes(9), does: 'pause', of: 0, ms: 0 }, ROTATE, abortAt(minutes(12))] }),
  change('an abort while the issuer does not answer', {}, { outages: [{ of: 'issuer', from: minutes(9), ms: minutes(8) }], wishes: [ROTATE, abortAt(minutes(12))] }),
  change('an abort while a create is busy', {}, { faults: faults('issuer.create', 'busy', 0, 3, minutes(3)), wishes: [ROTATE, abortAt(minutes(11))] }),
  change('an abort after a refused create', {}, { faults: faults('issuer.create', 'busy', 0, 60, minutes(2)), wishes: [ROTATE, abortAt(minutes(13))] }),
  change('an abort while the new key is proved', {}, { faults: faults('issuer.probe', 'error', 1, 30), wishes: [ROTATE, abortAt(minutes(10) + seconds(30))] }),
  change('an abort while stores are promoted', {}, { outages: [{ of: 'c0/1', from: minutes(10) + 900, ms: minutes(3) }], wishes: [ROTATE, abortAt(minutes(11))] }),
  change('an abort while hooks fail', {}, { faults: faults('hook.run', 'error', 0, 6), wishes: [ROTATE, abortAt(minutes(10) + seconds(10))] }),
  change('an abort while the old key drains', { overlapMs: minutes(5) }, { wishes: [ROTATE, abortAt(minutes(12))] }),
  change('an abort of a draining whose old key is gone', { overlapMs: minutes(5) }, { wishes: [ROTATE, { at: minutes(11), does: 'remove-displaced-key', of: 0, ms: 0 }, abortAt(minutes(12))] }),
  change('an abort of an emergency that is busy', {}, { faults: faults('issuer.create', 'busy', 0, 60, minutes(2)), wishes: [{ at: minutes(10), does: 'emergency', of: 0, ms: 0 }, abortAt(minutes(13))] }),
];
