import { describe, expect, test } from 'vitest';
import { decideDrill, DRILL_LATE_MS, DRILL_REFUSED_WITHIN_MS, drillCredential, drillFile, drillPlan, isDrill, judgeEvidence, type DrillEvidence, type DrillFacts, type DrillRotation } from '../../src/core/drill.ts';
import { spreadOf } from '../../src/core/drill-trend.ts';
import { MAX_KEY_NAME, attemptName, conventionProblem } from '../../src/core/naming.ts';
import type { CredentialPlan } from '../../src/core/plan.ts';
import { ROTATION_STATES, isTerminal } from '../../src/core/vocabulary.ts';
import { planOf } from '../ledger/fixtures.ts';

const START = new Date('2026-03-01T09:00:00Z');
const at = (ms: number): Date => new Date(START.getTime() + ms);
const rotation = (state: DrillRotation['state'], more: Partial<DrillRotation> = {}): DrillRotation => ({ state, message: `It is ${state}.`, problems: [], finishedAt: isTerminal(state) ? at(1_000) : null, ...more });
type Parts = Partial<Omit<DrillFacts, 'rotations'>> & Partial<DrillFacts['rotations']>;
const facts = ({ mint = null, leak = null, end = null, ...parts }: Parts = {}): DrillFacts => ({
  now: at(5_000), startedAt: START, verdict: null, refusedBy: null, rotations: { mint, leak, end }, revokeMs: null, recoverMs: null, alive: 0, dying: 0, debtError: null, emergencyOf: null, ...parts,
});
const DONE = rotation('done');
const LEAKED = { mint: DONE, leak: DONE, revokeMs: 80, recoverMs: 400, alive: 1 };
const VERDICT = { state: 'failed', why: 'Red.' } as const;
const LATE = { now: at(DRILL_LATE_MS) };

describe('what a drill does next', () => {
  test.each<[what: string, given: Parts, does: object]>([
    ['begins with a throw-away key', {}, { do: 'request', step: 'mint' }],
    ['waits while it is minted', { mint: rotation('creating') }, { do: 'wait' }],
    ['waits while it is blocked by what may clear', { mint: rotation('blocked', { problems: ['issuer_unavailable'] }) }, { do: 'wait' }],
    ['is given up where the issuer has no room', { mint: rotation('blocked', { problems: ['key_limit'] }) }, { do: 'judge', verdict: { state: 'given_up', why: 'It is blocked.' } }],
    ['has failed where no key came to be served', { mint: rotation('aborted') }, { do: 'judge', verdict: { state: 'failed', why: 'No throw-away key came to be served: It is aborted.' } }],
    ['leaks the key', { mint: DONE, alive: 1 }, { do: 'request', step: 'leak' }],
    ['waits for the emergency', { mint: DONE, leak: rotation('revoking'), alive: 1, dying: 1 }, { do: 'wait' }],
    ['has failed where somebody ended the emergency', { mint: DONE, leak: rotation('aborted'), alive: 1 }, { do: 'judge', verdict: { state: 'failed', why: 'The emergency did not come to its end: It is aborted.' } }],
    ['has failed where nothing was revoked', { ...LEAKED, revokeMs: null }, { do: 'judge', verdict: expect.objectContaining({ state: 'failed' }) }],
    ['tries both keys', LEAKED, { do: 'prove' }],
    ['revokes what is left', { ...LEAKED, refusedBy: 'call' }, { do: 'request', step: 'end' }],
    ['waits for that', { ...LEAKED, refusedBy: 'call', end: rotation('revoking') }, { do: 'wait' }],
    ['waits for debts after the end', { ...LEAKED, refusedBy: 'call', end: DONE, alive: 0, dying: 1 }, { do: 'wait' }],
    ['is over once nothing lives', { ...LEAKED, refusedBy: 'call', end: DONE, alive: 0 }, { do: 'finish' }],
    ['revokes again what outlived its end', { ...LEAKED, refusedBy: 'call', end: rotation('aborted') }, { do: 'request', step: 'end' }],
    ['gives way to an emergency before it has made anything', { emergencyOf: 'prod-web' }, { do: 'judge', verdict: { state: 'given_up', why: 'An emergency of prod-web came first.' } }],
    ['gives way to an emergency in the middle', { mint: DONE, leak: rotation('promoting'), alive: 1, emergencyOf: 'prod-web' }, { do: 'judge', verdict: expect.objectContaining({ state: 'given_up' }) }],
    ['revokes all once it is judged, wherever it is', { mint: rotation('promoting'), alive: 1, verdict: VERDICT, emergencyOf: 'prod-web' }, { do: 'request', step: 'end' }],
    ['is judged once', { ...LEAKED, end: rotation('revoking'), verdict: VERDICT, ...LATE }, { do: 'wait' }],
    ['has failed when it is late', { mint: DONE, leak: rotation('revoking'), debtError: '503.', ...LATE }, { do: 'judge', verdict: { state: 'failed', why: 'It was not over within 10 minutes. It is revoking. A key is not revoked yet: 503.' } }],
    ['has failed when its end is late', { ...LEAKED, refusedBy: 'call', end: rotation('revoking'), ...LATE }, { do: 'judge', verdict: expect.objectContaining({ state: 'failed' }) }],
  ])('%s', (_what, given, does) => {
    const { reason: _reason, ...action } = decideDrill(facts(given));
    expect(action).toEqual(does);
  });

  test('wherever its rotations are, it ends only with nothing alive, and asks for a key only while nothing is judged', () => {
    const some = [null, ...ROTATION_STATES.map((state) => rotation(state))];
    let looked = 0;
    for (const mint of some) for (const leak of some) for (const end of some) for (const alive of [0, 1]) for (const verdict of [null, VERDICT]) for (const emergencyOf of [null, 'other']) {
      const action = decideDrill(facts({ mint, leak, end, alive, verdict, emergencyOf }));
      looked += 1;
      if (action.do === 'finish') expect([end === null, alive]).toEqual([false, 0]);
      if (action.do === 'request' && action.step !== 'end') expect([verdict, emergencyOf, end]).toEqual([null, null, null]);
      if (action.do === 'judge') expect(verdict).toBeNull();
    }
    expect(looked).toBe(some.length ** 3 * 8);
  });
});

const evidence = (seen: DrillEvidence['revoked']['seen'], replacement: DrillEvidence['replacement'], by: 'call' | 'list' = 'call'): DrillEvidence => ({ revoked: { seen, by }, replacement });

describe('what trying the keys shows', () => {
  test.each<[DrillEvidence, number, unknown]>([
    [evidence('refused', 'works'), 0, { proof: 'call' }],
    [evidence('refused', 'unread', 'list'), 0, { proof: 'list' }],
    [evidence('refused', 'unknown'), 0, null],
    [evidence('unknown', 'works'), DRILL_REFUSED_WITHIN_MS, null],
    [evidence('accepted', 'works'), DRILL_REFUSED_WITHIN_MS - 1, null],
    [evidence('accepted', 'works'), DRILL_REFUSED_WITHIN_MS, { verdict: { state: 'failed', why: expect.stringContaining('still takes the revoked key') } }],
    [evidence('accepted', 'unread', 'list'), DRILL_REFUSED_WITHIN_MS, { verdict: { state: 'failed', why: expect.stringContaining('still lists') } }],
    [evidence('refused', 'refused'), 0, { verdict: { state: 'failed', why: expect.stringContaining('refuses the key that took the place') } }],
  ])('%j after %d ms', (given, sinceMs, judged) => expect(judgeEvidence(given, sinceMs)).toEqual(judged));
});

describe('the plan of a drill', () => {
  const real: CredentialPlan = {
    ...planOf('prod-api'), notify: ['ops'], labels: { tier: '1' }, space: 'graph-1', environment: 'live', adopt: { by: 'name', value: 'x' }, hooks: [{ name: 'reload', type: 'command', options: {} }],
    checks: [{ name: 'issuer', type: 'issuer', options: {} }, { name: 'health', type: 'http', options: {} }],
    places: [{ id: 'aws', store: { name: 'aws', type: 'aws-secrets-manager', options: {} }, place: { secretId: 'prod/api' }, ofRecord: true }],
    channels: { info: ['a'], warning: ['b'], critical: ['c'] },
    policy: { ...planOf('x').policy, name: 'monthly', cron: '0 3 * * *', overlapMs: 9, quietMs: 9, strategy: 'replace', allowDowntime: true, drill: '0 9 1 * *' },
  };
  const plan = drillPlan(real, '/var/lib/keyturn/drills/01K/key.env');

  test('has the issuer, scopes, space and key checks of the credential, and nothing else of it', () => {
    expect(plan).toMatchObject({ credential: 'drill:prod-api', issuer: real.issuer, scopes: real.scopes, space: 'graph-1', environment: 'live', owner: null, adopt: null, hooks: [], labels: {}, checks: [{ name: 'issuer' }] });
    expect(plan.channels).toEqual({ info: [], warning: [], critical: [] });
    expect(plan.policy).toMatchObject({ cron: null, everyMs: null, overlapMs: 0, quietMs: 0, strategy: 'displace', allowDowntime: false });
    expect('drill' in plan.policy || 'notify' in plan).toBe(false);
    expect([plan.places.length, drillFile(plan)]).toEqual([1, '/var/lib/keyturn/drills/01K/key.env']);
    expect(JSON.stringify(plan)).not.toMatch(/aws|reload|health/);
  });

  test('gives keys a name that says drill and keeps the conventions, however long the credential’s is', () => {
    for (const name of ['prod-api', `prod-${'x'.repeat(80)}`]) {
      const key = attemptName(drillPlan({ ...real, keyName: name }, '/x').keyName, 'k7f3ab', '01K', 1);
      expect([key.startsWith('drill-prod-'), key.length <= MAX_KEY_NAME, conventionProblem(key)]).toEqual([true, true, null]);
    }
  });

  test('belongs to a credential that nobody can declare', () => {
    expect([isDrill(drillCredential('prod-api')), isDrill('drill'), isDrill('drill-api'), /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(drillCredential('a'))]).toEqual([true, false, false, false]);
  });
});

test.each([[[], null], [[null], null], [[5], { medianMs: 5, slowestMs: 5, lastMs: 5 }], [[4, 10, null, 2], { medianMs: 4, slowestMs: 10, lastMs: 4 }], [[1, 2, 9, 4], { medianMs: 3, slowestMs: 9, lastMs: 1 }]])('figures of %j', (given, spread) => expect(spreadOf(given)).toEqual(spread));
