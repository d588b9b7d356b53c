/** The checker finds each kind of broken promise: facts of a good run, doctored one way at a time. */
import { describe, expect, test } from 'vitest';
import type { KeyLife } from '../../src/sandbox/index.ts';
import { postedAs } from './evidence.ts';
import type { Facts } from './facts.ts';
import { holdsKey } from './leaks.ts';
import { judge, PROMISES } from './judge.ts';

const at = (second: number): number => Date.parse('2026-03-01T10:00:00Z') + second * 1_000;
const iso = (second: number): string => new Date(at(second)).toISOString();

function key(id: string, born: number, died: number | null, more: Partial<KeyLife> = {}): KeyLife {
  return {
    id, name: `api-kt-inst-${id}`, prefix: 'hm_live_', sha256: `sha-${id}`, scopes: ['memory:read'], graph_id: null, origin: 'api',
    status: died === null ? 'active' : 'revoked', created_at: iso(born), first_used_at: iso(born + 1), last_used_at: iso(born + 5), revoked_at: died === null ? null : iso(died),
    requests: 5, failures: 0, requests_after_revocation: 0, last_request_after_revocation_at: null, ...more,
  };
}

const OLD = key('a', 0, 20);
const NOW = key('b', 10, null);
const BYSTANDER = key('p', -50, null, { name: 'bystander-1', origin: 'person' });

const GOOD: Facts = {
  credentials: [{ name: 'api', scopes: ['memory:read'] }],
  keys: [BYSTANDER, OLD, NOW],
  served: [{ credential: 'api', place: 'api.env', backupIsHistory: false, at: at(60), current: 'sha-b', backup: null }],
  leftovers: [],
  bystanders: ['p'],
  keyLimit: 4,
  emergencies: [],
  accepted: [],
  application: { requests: 100, failures: [] },
  watched: { looks: 50, dead: [] },
  leaks: { found: [], searched: true },
  audit: { code: 0, said: '' },
  messages: { slack: ['s1', 's2'], mail: ['m1', 'm2'], waiting: 0, stuck: {}, emergenciesTold: [] },
  ownEnds: [],
  lastEnds: ['exit code 0'],
  rest: { reached: true, afterMs: 1_000, waitsFor: '' },
};

const refused = { credential: 'api', from: 'env', problem: 'GET /overview: status 401', begunAt: at(30), endedAt: at(30.1) } as const;
const dead = { credential: 'api', place: 'api.env', as: 'current', key: 'api-kt-inst-a', at: at(30), revokedAt: at(20) } as const;
const end = { worker: 'worker-1', how: 'exit code 1', at: at(30), lastWords: 'a defect' };

interface Case {
  readonly promise: number;
  readonly what: string;
  readonly doctored: Partial<Facts>;
}

const CASES: readonly Case[] = [
  { promise: 1, what: 'a refused call', doctored: { application: { requests: 100, failures: [refused] } } },
  { promise: 1, what: 'a call without a key to send', doctored: { application: { requests: 100, failures: [{ ...refused, problem: 'KeyRingError: There is no key to send' }] } } },
  { promise: 1, what: 'a refused call long after an emergency', doctored: { application: { requests: 100, failures: [refused] }, emergencies: [{ credential: 'api', askedAt: at(1), key: null, healedAt: at(12) }], messages: { ...GOOD.messages, emergenciesTold: ['api'] } } },
  { promise: 1, what: 'a dead key served', doctored: { watched: { looks: 50, dead: [dead] } } },
  { promise: 1, what: 'a dead key kept as backup', doctored: { watched: { looks: 50, dead: [{ ...dead, as: 'backup' }] } } },
  { promise: 1, what: 'that nobody looked', doctored: { watched: { looks: 0, dead: [] } } },
  { promise: 3, what: 'an orphan', doctored: { keys: [BYSTANDER, OLD, NOW, key('c', 15, null, { first_used_at: null })] } },
  { promise: 3, what: 'a credential without a live key', doctored: { keys: [BYSTANDER, OLD, key('b', 10, 40)] } },
  { promise: 3, what: 'an orphan of an undeclared credential', doctored: { keys: [BYSTANDER, OLD, NOW, key('x', 15, null, { name: 'gone-kt-inst-x' })] } },
  { promise: 3, what: 'unpublished values left behind', doctored: { leftovers: ['.api.env.keyturn-HYPERMEMORY_API_KEY'] } },
  { promise: 4, what: 'more keys than the limit', doctored: { keyLimit: 2 } },
  { promise: 4, what: 'a revoked bystander', doctored: { keys: [{ ...BYSTANDER, status: 'revoked', revoked_at: iso(5) }, OLD, NOW] } },
  { promise: 5, what: 'a key in a log', doctored: { leaks: { found: ['worker-1.log'], searched: true } } },
  { promise: 5, what: 'a search that finds nothing anywhere', doctored: { leaks: { found: [], searched: false } } },
  { promise: 6, what: 'two rotations at once', doctored: { keys: [BYSTANDER, OLD, key('c', 5, 22), NOW] } },
  { promise: 7, what: 'an audit chain that is not whole', doctored: { audit: { code: 1, said: 'event 7 was changed' } } },
  { promise: 8, what: 'a message that waits unseen', doctored: { messages: { ...GOOD.messages, waiting: 1 } } },
  { promise: 8, what: 'a message that one channel never got', doctored: { messages: { ...GOOD.messages, mail: ['m1', 'm1'] } } },
  { promise: 8, what: 'that nobody was told anything', doctored: { messages: { ...GOOD.messages, slack: [], mail: [] } } },
  { promise: 8, what: 'an emergency that nobody was told of', doctored: { keys: [BYSTANDER, key('a', 0, 9), NOW], emergencies: [{ credential: 'api', askedAt: at(8), key: null, healedAt: at(12) }] } },
  { promise: 9, what: 'a place that serves nothing', doctored: { served: [{ ...at0(), current: null }] } },
  { promise: 9, what: 'a place that serves something else', doctored: { served: [{ ...at0(), current: 'sha-of-a-placeholder' }] } },
  { promise: 9, what: 'a place that serves a dead key', doctored: { served: [{ ...at0(), current: 'sha-a' }] } },
  { promise: 9, what: 'a place that serves another credential\'s key', doctored: { keys: [BYSTANDER, OLD, NOW, key('z', 1, null, { name: 'web-kt-inst-z' })], served: [at0(), { ...at0(), place: 'second.env', current: 'sha-z' }] } },
  { promise: 9, what: 'a dead backup in the end', doctored: { served: [{ ...at0(), backup: 'sha-a' }] } },
  { promise: 9, what: 'other scopes than declared', doctored: { keys: [BYSTANDER, OLD, { ...NOW, scopes: ['memory:admin'] }] } },
  { promise: 10, what: 'things that do not come to rest', doctored: { rest: { reached: false, afterMs: 600_000, waitsFor: 'R1 is creating' } } },
  { promise: 10, what: 'a worker that ended by itself', doctored: { ownEnds: [end] } },
  { promise: 10, what: 'a worker that does not stop', doctored: { lastEnds: ['SIGKILL'] } },
  { promise: 11, what: 'a key whose revocation was accepted, and that lives', doctored: { accepted: [{ key: 'a', how: 'a report of a leak', at: at(5) }, { key: 'b', how: 'a report of a leak', at: at(30) }] } },
];

function at0(): Facts['served'][number] {
  return { credential: 'api', place: 'api.env', backupIsHistory: false, at: at(60), current: 'sha-b', backup: null };
}

describe('the checker of the real kills', () => {
  test('finds nothing in a good run', () => {
    expect(judge(GOOD).broken).toEqual([]);
  });

  test.each(CASES)('promise $promise: finds $what', ({ promise, doctored }) => {
    const { broken } = judge({ ...GOOD, ...doctored });
    expect(broken.filter((one) => one.startsWith(`promise ${promise}:`))).not.toEqual([]);
  });

  test('has a doctored case for each promise that it judges', () => {
    expect([...new Set(CASES.map(({ promise }) => promise))]).toEqual([...new Set(PROMISES.map(({ promise }) => promise))]);
  });

  test('counts failures in an emergency\'s gap apart, and those that have nothing to do with keys', () => {
    const failures = [{ ...refused, begunAt: at(9), endedAt: at(9.1) }, { ...refused, problem: 'GET /overview: TimeoutError: timed out' }];
    const emergencies = [{ credential: 'api', askedAt: at(8), key: null, healedAt: at(12) }];
    const verdict = judge({ ...GOOD, keys: [BYSTANDER, key('a', 0, 9), NOW], emergencies, application: { requests: 100, failures }, messages: { ...GOOD.messages, emergenciesTold: ['api'] } });
    expect(verdict).toEqual({ broken: [], failuresInGaps: 1, otherFailures: 1, longestGap: { credential: 'api', from: at(9), ms: 3_000 } });
  });

  test('does not count the time to the next scheduled rotation as the gap of an emergency that was never taken', () => {
    expect(judge({ ...GOOD, emergencies: [{ credential: 'api', askedAt: at(8), key: null, healedAt: at(12) }] }).longestGap).toBeNull();
  });

  test('lets an orphan of a lost answer live beside two rotations\' keys for a while: nobody ever had its value', () => {
    const orphan = key('o', 9, 30, { first_used_at: null, requests: 0 });
    expect(judge({ ...GOOD, keys: [BYSTANDER, OLD, orphan, NOW] }).broken).toEqual([]);
  });

  test('takes AWSPREVIOUS for the history that it is', () => {
    expect(judge({ ...GOOD, served: [{ ...at0(), backupIsHistory: true, backup: 'sha-a' }] }).broken).toEqual([]);
  });
});

const posted = (id: string) => ({ event_payload: { delivery_id: id } });

describe('what came by Slack', () => {
  const edit = { event_payload: { incident: 'i1' } };

  test('counts the delivery that a message was posted as, not its edits', () => {
    expect(postedAs([{ metadata: posted('d1'), earlier: [] }, { metadata: edit, earlier: [posted('d2'), edit] }])).toEqual(['d1', 'd2']);
  });

  test('counts a message that nothing was said of', () => {
    expect(postedAs([{ metadata: null, earlier: [] }])).toEqual(['']);
  });
});

describe('the search for keys', () => {
  const value = `hm_live_${'0123456789abcdef'.repeat(3)}`;

  test.each([['plain', value], ['hexadecimal', Buffer.from(value).toString('hex')], ...[0, 1, 2].map((shift) => [`base64, ${shift} bytes in`, Buffer.from('x'.repeat(shift) + value).toString('base64')])])('finds a key that is %s', (_form, text) => {
    expect(holdsKey(`before ${text} after`)).toBe(true);
  });

  test('takes a prefix for the public thing that it is', () => {
    expect(holdsKey('{"prefix":"hm_live_","id":"key_0123456789abcdef0123"}')).toBe(false);
  });
});
