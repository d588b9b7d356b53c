import { describe, expect, test } from 'vitest';
import { REFUSED, type Call } from '../../src/demo/caller.ts';
import { LONGEST_GAP_MS } from '../../src/demo/gap.ts';
import { judge, leaksIn } from '../../src/demo/judge.ts';
import { PROMISES, type Evidence } from '../../src/demo/promises.ts';
import { servedDead } from '../../src/demo/watchman.ts';
import type { KeyLife } from '../../src/sandbox/index.ts';
import { sandbox } from '../sandbox/support.ts';

function key(id: string, more: Partial<KeyLife> = {}): KeyLife {
  return {
    id, name: `prod-api-server-kt-abc123-${id}`, prefix: 'hm_live_', sha256: `sha-${id}`, scopes: ['memory:read'], graph_id: null, origin: 'api', status: 'active',
    created_at: '2026-11-22T10:00:00.000Z', first_used_at: null, last_used_at: null, revoked_at: null, requests: 9, failures: 0,
    requests_after_revocation: 0, last_request_after_revocation_at: null, ...more,
  };
}

const DEAD = key('first', { status: 'revoked', revoked_at: '2026-11-22T10:01:00.000Z' });

/** When the leak was reported; everything else about it is told in milliseconds since. */
const REPORTED = Date.parse('2026-11-22T10:02:00.000Z');
const iso = (ms: number): string => new Date(REPORTED + ms).toISOString();
const [DIED, ANSWERED, TOOK] = [400, 1_040, 5];

/** The leaked key was tried until the replacement was read, and once by somebody else. */
const LEAKED = key('leaked', { created_at: iso(-30_000), status: 'revoked', revoked_at: iso(DIED), requests_after_revocation: 9, last_request_after_revocation_at: iso(ANSWERED - 78) });
const LIVE = key('second', { created_at: iso(DIED + 200) });

function call(at: number, problem: string | null = null, tookMs = TOOK): Call {
  return { what: 'GET /x', begunAt: REPORTED + at, endedAt: REPORTED + at + tookMs, problem };
}

/** One each 80 ms for 40 s; from its death on the key is refused until `answered`. */
function callsUntil(answered: number): readonly Call[] {
  return Array.from({ length: 500 }, (_, n) => n * 80 - 20_000).map((at) => call(at, at > DIED && at < answered ? REFUSED : null));
}

const CALLS = callsUntil(ANSWERED);
const REFUSALS = CALLS.filter(({ problem }) => problem !== null).length;
const STRANGER = [call(-300), call(-100), call(100), call(DIED + 60, REFUSED)];
const recorded = (calls: readonly Call[]): Partial<Evidence> => ({ calls, application: { requests: calls.length, failures: calls.filter(({ problem }) => problem !== null).length, lastFailure: null } });
const withCall = (one: Call): Partial<Evidence> => recorded([...CALLS, one].sort((a, b) => a.endedAt - b.endedAt));
const reported = (stranger: readonly Call[]): Partial<Evidence> => ({ emergency: { ...KEPT.emergency, stranger } });

const KEPT: Evidence = {
  keys: [DEAD, LEAKED, LIVE],
  served: { current: LIVE.sha256, backup: null },
  leftovers: [],
  watched: { looks: 100, dead: [{ name: LEAKED.name, at: REPORTED + DIED + 30 }] },
  application: { requests: CALLS.length, failures: REFUSALS, lastFailure: null },
  calls: CALLS,
  emergency: { keyId: LEAKED.id, reportedAt: REPORTED, stranger: STRANGER },
  rotations: [
    { id: 'A', state: 'done', createdAt: '2026-11-22T10:00:00.000Z', finishedAt: '2026-11-22T10:00:04.000Z' },
    { id: 'B', state: 'rolled_back', createdAt: '2026-11-22T10:00:10.000Z', finishedAt: '2026-11-22T10:00:19.500Z' },
  ],
  currentKeyId: LIVE.id,
  openDebts: 0,
  audit: { ok: true, events: 40, sealed: 40, head: 'abc', firstBad: null },
  messages: { slack: ['prod-api-server has a new key', 'prod-api-server: rolled back', 'hypermemory: 1 finding'], mail: ['prod-api-server has a new key', 'prod-api-server: rolled back'], waiting: 0, stuck: 0 },
  leaks: [],
  workerEnd: 'exit code 0',
};

describe('the judge', () => {
  test('finds every promise kept where all is well, and counts what was seen', () => {
    const verdict = judge(KEPT);
    expect(verdict.promisesBroken).toEqual([]);
    expect(verdict.promisesKept).toEqual(PROMISES.map(({ promise }) => promise));
    expect(verdict).toMatchObject({
      keysMinted: 3, keysLive: 1, applicationRequests: 500, applicationFailures: 0, messagesDelivered: 5, slackMessages: 3, mails: 2,
      rotations: { done: 1, rolled_back: 1 }, longestRotationMs: 9_500,
      failuresInEmergencyGap: REFUSALS, emergencyGapMs: ANSWERED + TOOK - DIED, timeToRevokeMs: DIED,
    });
    expect(REFUSALS).toBeGreaterThan(5);
  });

  const breaches: readonly (readonly [promise: string, seen: Partial<Evidence>, says: string])[] = [
    ['The leaked key died first', { keys: [DEAD, { ...LEAKED, status: 'active', revoked_at: null }, LIVE] }, 'it is alive'],
    ['The leaked key died first', { keys: [DEAD, LIVE] }, 'it is alive'],
    ['The leaked key died first', { emergency: { ...KEPT.emergency, reportedAt: REPORTED - 9_700 } }, 'it died 10100 ms after it was reported'],
    ['The leaked key died first', { keys: [DEAD, LEAKED, { ...LIVE, created_at: iso(DIED - 1) }] }, `${LIVE.name} was made while it lived`],
    ['The leaked key died first', reported([...STRANGER, call(DIED + 120)]), 'not refused'],
    ['The leaked key died first', reported([call(-300), call(DIED + 1), call(DIED + 60, REFUSED)]), 'not refused'],
    ['The leaked key died first', reported(STRANGER.slice(0, -1)), 'not refused'],
    ['The leaked key died first', reported(STRANGER.slice(-1)), 'nobody else had used it'],
    ['The gap that it left', recorded(callsUntil(Infinity)), 'no call of the application was answered'],
    ['The gap that it left', { keys: [DEAD, { ...LEAKED, revoked_at: null }, LIVE] }, 'no call of the application was answered'],
    ['The gap that it left', recorded(callsUntil(DIED + LONGEST_GAP_MS + 100)), `more than ${LONGEST_GAP_MS}`],
    ['Outside that gap the application', withCall(call(DIED - 100, REFUSED)), '1 of 501 calls failed, the last: GET /x: status 401'],
    ['Outside that gap the application', withCall(call(ANSWERED + 80, REFUSED)), '1 of 501 calls failed'],
    ['Outside that gap the application', withCall(call(DIED + 100, 'status 500')), '1 of 501 calls failed, the last: GET /x: status 500'],
    ['Outside that gap the application', withCall(call(DIED + 100, 'TimeoutError: too slow')), 'TimeoutError'],
    ['Outside that gap the application', recorded(callsUntil(Infinity)), 'calls failed'],
    ['Outside that gap the application', recorded(callsUntil(DIED + LONGEST_GAP_MS + 100)), 'calls failed'],
    ['Outside that gap the application', { keys: [DEAD, { ...LEAKED, revoked_at: null }, LIVE] }, `${REFUSALS} of 500 calls failed`],
    ['Outside that gap the application', recorded(CALLS.slice(-30)), 'only 30 of 30 calls'],
    ['Outside that gap the application', { application: { ...KEPT.application, requests: 501 } }, 'only 500 of 501 calls'],
    ['Outside that gap app.env', { watched: { looks: 100, dead: [{ name: DEAD.name, at: REPORTED + DIED + 30 }] } }, `it served ${DEAD.name} after revocation`],
    ['Outside that gap app.env', { watched: { looks: 100, dead: [{ name: LEAKED.name, at: REPORTED + ANSWERED + TOOK + 1 }] } }, `it served ${LEAKED.name} after revocation`],
    ['Outside that gap app.env', recorded(callsUntil(Infinity)), `it served ${LEAKED.name} after revocation`],
    ['Outside that gap app.env', { watched: { looks: 0, dead: [] } }, 'nobody looked'],
    ['Outside that gap nobody', { keys: [{ ...DEAD, requests_after_revocation: 1, last_request_after_revocation_at: iso(DIED + 30) }, LEAKED, LIVE] }, DEAD.name],
    ['Outside that gap nobody', { keys: [DEAD, { ...LEAKED, last_request_after_revocation_at: iso(ANSWERED + 100) }, LIVE] }, LEAKED.name],
    ['Outside that gap nobody', recorded(callsUntil(Infinity)), LEAKED.name],
    ['Exactly one key is alive', { keys: [DEAD, LEAKED, LIVE, key('orphan')] }, '2 keys are alive'],
    ['Exactly one key is alive', { keys: [DEAD] }, '0 keys are alive'],
    ['It is the one that app.env serves', { served: { current: DEAD.sha256, backup: null } }, 'another key'],
    ['It is the one that app.env serves', { served: { current: LIVE.sha256, backup: DEAD.sha256 } }, 'a backup'],
    ['Every key ever minted is accounted for', { currentKeyId: 'somebody else\'s' }, 'HyperMemory has second'],
    ['Every key ever minted is accounted for', { openDebts: 1 }, '1 revocations are still owed'],
    ['Every key ever minted is accounted for', { leftovers: ['.app.env.keyturn-X'] }, '.app.env.keyturn-X'],
    ['Every rotation came to an end', { rotations: [] }, 'there was none'],
    ['Every rotation came to an end', { rotations: [{ ...KEPT.rotations[0]!, state: 'draining' }, KEPT.rotations[1]!] }, 'A is draining'],
    ['People heard of each by Slack and by mail', { messages: { ...KEPT.messages, mail: ['prod-api-server has a new key'] } }, '2 Slack messages and 1 mails for 2 rotations'],
    ['People heard of each by Slack and by mail', { messages: { ...KEPT.messages, stuck: 1 } }, '1 are stuck'],
    ['The audit chain is whole', { audit: { ...KEPT.audit, ok: false, firstBad: { seq: 7, why: 'changed' } } }, 'event 7: changed'],
    ['The audit chain is whole', { audit: { ...KEPT.audit, sealed: 39 } }, '39 of 40 events are sealed'],
    ['No key was printed anywhere', { leaks: ['a mail'] }, 'a mail'],
    ['The worker stopped when asked', { workerEnd: 'SIGKILL' }, 'SIGKILL'],
  ];

  test.each(breaches)('"%s" is broken by %o', (promise, seen, says) => {
    const { promisesBroken, promisesKept } = judge({ ...KEPT, ...seen });
    expect(promisesBroken.find((broken) => broken.startsWith(promise))).toContain(says);
    expect(promisesKept.filter((kept) => kept.startsWith(promise))).toEqual([]);
  });

  test('knows of every promise how it is broken', () => {
    const unbroken = PROMISES.filter(({ promise }) => !breaches.some(([beginning]) => promise.startsWith(beginning)));
    expect(unbroken).toEqual([]);
  });
});

describe('the gap that a leaked key leaves', () => {
  test('excuses the calls that were under way at its ends', () => {
    const [sentBefore, sentWithin] = [call(DIED - 40, REFUSED, 60), call(ANSWERED - 1, REFUSED, 300)];
    expect(judge({ ...KEPT, ...withCall(sentBefore) })).toMatchObject({ applicationFailures: 0, failuresInEmergencyGap: REFUSALS + 1 });
    const late = { keys: [DEAD, { ...LEAKED, last_request_after_revocation_at: iso(ANSWERED + 250) }, LIVE], ...withCall(sentWithin) };
    expect(judge({ ...KEPT, ...late })).toMatchObject({ applicationFailures: 0, failuresInEmergencyGap: REFUSALS + 1, promisesBroken: [] });
  });

  test('ends with a call that began after the death, not with one that the dead key had answered before', () => {
    expect(judge({ ...KEPT, ...withCall(call(DIED - 10, null, 300)) }).emergencyGapMs).toBe(ANSWERED + TOOK - DIED);
  });

  test('excuses nothing when it never ended or lasted too long, and its figures say so', () => {
    const never = judge({ ...KEPT, ...recorded(callsUntil(Infinity)) });
    expect(never).toMatchObject({ emergencyGapMs: null, failuresInEmergencyGap: 0, timeToRevokeMs: DIED });
    expect(never.applicationFailures).toBeGreaterThan(REFUSALS);
    const long = judge({ ...KEPT, ...recorded(callsUntil(DIED + LONGEST_GAP_MS + 100)) });
    expect(long.emergencyGapMs).toBeGreaterThan(LONGEST_GAP_MS);
    expect(long).toMatchObject({ failuresInEmergencyGap: 0 });
  });

  test('is none while the leaked key lives', () => {
    const alive = judge({ ...KEPT, keys: [DEAD, { ...LEAKED, status: 'active', revoked_at: null }, LIVE] });
    expect(alive).toMatchObject({ keysLive: 2, emergencyGapMs: null, timeToRevokeMs: null, failuresInEmergencyGap: 0, applicationFailures: REFUSALS });
  });
});

describe('a leak', () => {
  test('is a whole key of either generation, and no prefix of one', async () => {
    const [first, second] = [await sandbox(), await sandbox({ generation: 2 })];
    const values = { one: `before ${first.adminKey} after`, two: `"${second.adminKey}"`, prefix: 'Key `hm_live_…` (id key_0123456789abcdef0123)' };
    expect(leaksIn(values)).toEqual(['one', 'two']);
  });
});

describe('a key that was served dead', () => {
  const revokedAt = Date.parse('2026-11-22T10:01:00.000Z');

  test('was read from the file after its revocation, as current or as backup', () => {
    expect(servedDead({ current: DEAD.sha256, backup: null }, [DEAD, LIVE], revokedAt + 1)).toEqual([DEAD.name]);
    expect(servedDead({ current: LIVE.sha256, backup: DEAD.sha256 }, [DEAD, LIVE], revokedAt + 1)).toEqual([DEAD.name]);
  });

  test('is none that died after it was read', () => {
    expect(servedDead({ current: DEAD.sha256, backup: null }, [DEAD, LIVE], revokedAt - 1)).toEqual([]);
    expect(servedDead({ current: LIVE.sha256, backup: null }, [DEAD, LIVE], revokedAt + 1)).toEqual([]);
  });
});
