import { describe, expect, test } from 'vitest';
import { judge, leaksIn, PROMISES, type Evidence } from '../../src/demo/judge.ts';
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
const LIVE = key('second');

const KEPT: Evidence = {
  keys: [DEAD, LIVE],
  served: { current: LIVE.sha256, backup: null },
  leftovers: [],
  watched: { looks: 100, dead: [] },
  application: { requests: 500, failures: 0, lastFailure: null },
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
      keysMinted: 2, keysLive: 1, applicationRequests: 500, applicationFailures: 0, messagesDelivered: 5, slackMessages: 3, mails: 2,
      rotations: { done: 1, rolled_back: 1 }, longestRotationMs: 9_500,
    });
  });

  const breaches: readonly (readonly [promise: string, seen: Partial<Evidence>, says: string])[] = [
    ['The application never failed', { application: { requests: 500, failures: 2, lastFailure: 'GET /x: status 401' } }, '2 of 500 calls failed, the last: GET /x: status 401'],
    ['The application never failed', { application: { requests: 3, failures: 0, lastFailure: null } }, 'only 3 calls were made'],
    ['Exactly one key is alive', { keys: [DEAD, LIVE, key('orphan')] }, '2 keys are alive'],
    ['Exactly one key is alive', { keys: [DEAD] }, '0 keys are alive'],
    ['It is the one that app.env serves', { served: { current: DEAD.sha256, backup: null } }, 'another key'],
    ['It is the one that app.env serves', { served: { current: LIVE.sha256, backup: DEAD.sha256 } }, 'a backup'],
    ['Every key ever minted is accounted for', { currentKeyId: 'somebody else\'s' }, 'HyperMemory has second'],
    ['Every key ever minted is accounted for', { openDebts: 1 }, '1 revocations are still owed'],
    ['Every key ever minted is accounted for', { leftovers: ['.app.env.keyturn-X'] }, '.app.env.keyturn-X'],
    ['app.env never served a dead key', { watched: { looks: 100, dead: ['it'] } }, 'it served it after revocation'],
    ['app.env never served a dead key', { watched: { looks: 0, dead: [] } }, 'nobody looked'],
    ['Nobody used a dead key', { keys: [{ ...DEAD, requests_after_revocation: 1 }, LIVE] }, DEAD.name],
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
    expect(promisesKept).not.toContain(promise);
  });

  test('knows of every promise how it is broken', () => {
    expect(new Set(breaches.map(([promise]) => promise))).toEqual(new Set(PROMISES.map(({ promise }) => promise)));
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
