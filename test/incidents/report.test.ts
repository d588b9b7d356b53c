/** What a report says of what is known, and what it asks. */
import { describe, expect, test } from 'vitest';
import { documentOf, htmlOf, markdownOf, reportNotice, reportOf, reportSchema, severityOf, type IncidentFacts } from '../../src/incidents/index.ts';
import { firing } from '../alerts/alert-fixtures.ts';
import { APPLICATION, ASKED, at, bucket, callerOf, DAY, DEAD, dyingOf, factsOf, HISTORY, HOUR, keyOf, LEAKED, MINUTE, recoveryOf, REPLACEMENT, STRANGER, USAGE } from './incident-fixtures.ts';

const about = (facts: IncidentFacts): readonly string[] => reportOf(facts).questions.map(({ text }) => text);
const question = (facts: IncidentFacts, word: string): string => about(facts).find((text) => text.includes(word)) ?? `no question about ${word}: ${about(facts).join('\n')}`;

describe('the exposure window', () => {
  test('begins with the creation of the key while nothing tells when it leaked, and says so', () => {
    expect(reportOf(factsOf()).window).toEqual({ from: at(ASKED - 7 * DAY).toISOString(), basis: 'creation', until: at(DEAD).toISOString(), open: false });
    expect(question(factsOf(), 'Since when')).toContain('begins when the key was made');
  });

  test('begins with the earliest evidence, and counts from its minute on', () => {
    const earliestAt = at(Date.parse('2026-03-04T09:00:00Z'));
    const report = reportOf(factsOf({ leak: { foundAt: at(ASKED), earliestAt, where: 'https://example.com/paste/1', by: 'github' } }));
    expect(report.window).toMatchObject({ from: earliestAt.toISOString(), basis: 'evidence' });
    expect(report.usage.seen).toMatchObject([{ requests: 500 }]);
    expect(report.questions.filter(({ about }) => about === 'leak')).toEqual([]);
  });

  test('never begins before the key was made, nor after it died', () => {
    expect(reportOf(factsOf({ leak: { foundAt: null, earliestAt: at(ASKED - 90 * DAY), where: null, by: null } })).window).toMatchObject({ basis: 'creation', from: at(ASKED - 7 * DAY).toISOString() });
    const late = reportOf(factsOf({ leak: { foundAt: null, earliestAt: at(DEAD + HOUR), where: null, by: null } })).window;
    expect([late.from, late.until]).toEqual([at(DEAD).toISOString(), at(DEAD).toISOString()]);
  });

  test('of several keys is from the first to the last; while one lives it is open', () => {
    const older = keyOf('older', { createdAt: at(ASKED - 20 * DAY), revokedAt: null, state: 'condemned' });
    const report = reportOf(factsOf({ dying: [dyingOf(LEAKED), dyingOf(older, { attempts: 3, lastError: 'The issuer answers 503' })] }));
    expect(report.window).toMatchObject({ from: at(ASKED - 20 * DAY).toISOString(), until: at(ASKED + 10 * MINUTE).toISOString(), open: true });
    expect([report.status, severityOf(report)]).toEqual(['revoking', 'critical']);
    expect(report.questions[0]?.text).toContain('tried 3 times, and failed with `The issuer answers 503`');
    expect(report.summary).toContain('The 2 keys of `prod-api` should be dead since 2026-03-04 10:20:30 UTC, and 1 of them still lives.');
  });
});

describe('requests', () => {
  test('are counted by the hour, to the minute at the edges; what was refused in the minute of the death came after it', () => {
    const { usage } = reportOf(factsOf());
    // 500 and 300 in whole hours; of the last hour 190 before, and the 10 of its last minute that were served.
    expect(usage.seen).toEqual([expect.objectContaining({ source: 'gateway', requests: 1_000, failed: 4, denied: 0, refusedAfter: 30, usedAfter: 0 })]);
    expect(usage.hours.map(({ at: hour, requests }) => [hour.slice(0, 13), requests])).toEqual([['2026-03-02T09', 500], ['2026-03-04T09', 300], ['2026-03-04T10', 200]]);
  });

  test('of an hour whose minutes are no longer kept are counted whole', () => {
    const kept = { ...USAGE.kept, minutesFrom: at(ASKED + HOUR) };
    expect(reportOf(factsOf({}, { kept, minutes: [] })).usage.seen).toMatchObject([{ requests: 1_030 }]);
  });

  test('that were refused between death and recovery are counted apart', () => {
    expect(reportOf(factsOf()).usage.seen).toMatchObject([{ refusedInGap: 5 }]);
    expect(reportOf(factsOf({ recovery: recoveryOf({ recoveredAt: null, state: 'confirmed' }) })).usage.seen).toMatchObject([{ refusedInGap: 30 }]);
    expect(reportOf(factsOf({ recovery: null })).usage.seen).toMatchObject([{ refusedInGap: null }]);
  });

  test('that were served in a whole minute after the death stand out, and call somebody', () => {
    const report = reportOf(factsOf({}, { minutes: [...USAGE.minutes, bucket(DEAD + 5 * MINUTE, 7)] }));
    expect(report.standsOut[0]).toMatchObject({ what: 'used_after_revocation', text: expect.stringContaining('7 requests were served after') });
    expect(severityOf(report)).toBe('critical');
  });

  test('of two sources stand side by side and are never added up', () => {
    const hours = [...USAGE.hours, bucket(Date.parse('2026-03-04T09:00:00Z'), 290, { source: 'audit' })];
    const report = reportOf(factsOf({}, { hours }));
    expect(report.usage.seen.map(({ source, requests }) => [source, requests])).toEqual([['audit', 290], ['gateway', 1_000]]);
    expect(report.summary).toContain('1,000 requests were made with it by 2 callers, 1 of which was not seen before, as `gateway` tells');
  });

  test('are asked about where no source is configured, none saw the key, or one has not shown all yet', () => {
    const none = factsOf({}, { hours: [], minutes: [], callers: [], sources: [], histories: [] });
    expect(question(none, 'No usage source is configured')).toContain('counted nowhere');
    expect(reportOf(none).summary).toContain('was counted nowhere');
    const [source] = USAGE.sources;
    if (source === undefined) throw new Error('there is one');
    expect(question(factsOf({}, { hours: [], minutes: [], callers: [] }), 'see this key at all')).toContain('`gateway`');
    expect(question(factsOf({}, { sources: [{ ...source, shownUntil: at(ASKED - 3 * MINUTE) }] }), 'last 3 minutes')).toContain('`gateway` has told nothing of it yet');
    expect(question(factsOf({}, { sources: [{ ...source, failingSince: at(ASKED - HOUR) }] }), 'cannot be read since')).toContain('09:20:30');
    expect(question(factsOf({}, { sources: [{ ...source, unknown: 12, unknownExample: 'key_x' }] }), '12 requests')).toContain('`key_x`');
  });
});

const standing = (facts: IncidentFacts) => reportOf(facts).usage.callers.map(({ address, network, agent, usesReplacement }) => [address, network, agent, usesReplacement]);

const leak = (earliestAt: number) => ({ foundAt: null, earliestAt: at(earliestAt), where: null, by: null });

describe('callers', () => {
  test('have their share, and are new where neither network nor program was seen before', () => {
    const report = reportOf(factsOf());
    expect(report.usage.callers.map(({ address, share, network, agent }) => [address, share, network, agent])).toEqual([['10.0.0.7', 0.9, 'known', 'known'], ['203.0.113.9', 0.1, 'new', 'new']]);
    expect(report.standsOut).toContainEqual(expect.objectContaining({ what: 'new_network', at: at(ASKED - 40 * MINUTE).toISOString(), text: expect.stringContaining('`203.0.113.9` with `python-requests/2.31` used the key for 100 requests (10 %)') }));
    expect(question(factsOf(), 'Who is behind')).toContain('`203.0.113.9`');
  });

  test('cannot be told apart while they are learned, by a full list, or without a history', () => {
    for (const histories of [[{ ...HISTORY, ripeAt: at(ASKED + DAY) }], [{ ...HISTORY, networks: null, programs: null }], []]) {
      expect(standing(factsOf({}, { histories }))).toEqual([['10.0.0.7', 'unknown', 'unknown', null], ['203.0.113.9', 'unknown', 'unknown', null]]);
    }
  });

  test('after a leak nobody who came since is known, however long that is; before the history begins nothing is', () => {
    expect(standing(factsOf({ leak: leak(ASKED - HOUR) }))).toEqual([['10.0.0.7', 'known', 'known', null], ['203.0.113.9', 'new', 'new', null]]);
    expect(standing(factsOf({ leak: leak(ASKED - 40 * DAY) }))).toEqual([['10.0.0.7', 'unknown', 'unknown', null], ['203.0.113.9', 'unknown', 'unknown', null]]);
  });

  test('who use the replacement read the stores, and are ours; those who do not are asked about', () => {
    const moved = callerOf('10.0.0.8', 'billing/2.2', { keyId: REPLACEMENT.id, firstSeen: at(DEAD + MINUTE), lastSeen: at(DEAD + MINUTE) });
    const facts = factsOf({}, { histories: [], callers: [APPLICATION, STRANGER, moved] });
    expect(standing(facts)).toEqual([['10.0.0.7', 'known', 'known', true], ['203.0.113.9', 'unknown', 'unknown', false]]);
    expect(question(facts, 'belong to you')).toContain('`203.0.113.9` with `python-requests/2.31`');
    expect(question(facts, 'belong to you')).not.toContain('10.0.0.7');
  });

  test('who were only refused are no users, new or not', () => {
    const tried = callerOf('198.51.100.1', 'curl/8', { requests: 9, denied: 9 });
    const report = reportOf(factsOf({}, { callers: [APPLICATION, tried] }));
    expect(report.standsOut.filter(({ what }) => what.startsWith('new'))).toEqual([]);
    expect(markdownOf(documentOf(report))).toContain('only tried');
  });

  test('that were last seen before the window do not belong to it', () => {
    expect(reportOf(factsOf({}, { callers: [callerOf('10.9.9.9', 'old/1', { lastSeen: at(ASKED - 8 * DAY) })] })).usage.callers).toEqual([]);
  });
});

const what = (history: Partial<typeof HISTORY>): readonly string[] => reportOf(factsOf({}, { histories: [{ ...HISTORY, ...history }] })).standsOut.map(({ what }) => what);

test('a burst and a waking within the window stand out; those of another time do not', () => {
  const peak = { at: ASKED - 20 * MINUTE, seen: ASKED, score: 9, minutes: 5, actual: 400, low: 10, high: 40 };
  const woke = { at: ASKED - HOUR, silentMs: 3 * DAY };
  expect(what({ peak, woke })).toEqual(expect.arrayContaining(['unusual_traffic', 'woke']));
  expect(what({ peak: { ...peak, at: ASKED - 30 * DAY }, woke: { ...woke, at: ASKED - 30 * DAY } })).toEqual(['new_network', 'tried_after_revocation']);
});

test('a key that the ledger does not know, or whose value it never saw, is reported and asked about', () => {
  const unknown = reportOf(factsOf({ dying: [dyingOf(null, { revokedAt: at(DEAD), outcome: 'gone' })] }));
  expect(unknown.keys).toEqual([expect.objectContaining({ issuerKeyId: 'issuer-unknown', createdAt: null, valueKnown: false, outcome: 'gone' })]);
  expect(unknown.window).toMatchObject({ basis: 'asked', from: at(ASKED).toISOString() });
  expect(question(factsOf({ dying: [dyingOf({ ...LEAKED, fingerprint: null })] }), 'never saw its value')).toContain('issuer-leaked');
});

test('what was done with it is asked, as no source tells; what is no longer kept and callers beyond what is kept too', () => {
  expect(question(factsOf(), 'What was done')).toContain('`memory:read` and `memory:write`');
  expect(question(factsOf({}, { kept: { ...USAGE.kept, callersFrom: at(ASKED - DAY) } }), 'no longer kept')).toContain('callers that were not seen since');
  const many = Array.from({ length: 64 }, (_, n) => callerOf(`10.0.${n}.1`, 'billing/2'));
  expect(question(factsOf({}, { callers: many }), 'Who else called')).toContain('48 callers');
});

test('where a source tells what was asked of its scopes, that is shown in place of the question, and what it was not allowed stands out', () => {
  const use = { keyId: LEAKED.id, source: 'audit', requests: 12, refused: 0, firstSeen: at(ASKED - HOUR), lastSeen: at(ASKED - MINUTE) };
  const facts = factsOf({}, { scopes: [{ ...use, scope: 'memory:read' }, { ...use, scope: 'admin', requests: 3, refused: 3 }, { ...use, keyId: 'another', scope: 'memory:write' }] });
  const report = reportOf(facts);
  expect(report.usage.scopes.used?.map(({ issuerKeyId, scope, requests, refused }) => [issuerKeyId, scope, requests, refused])).toEqual([['issuer-leaked', 'memory:read', 12, 0], ['issuer-leaked', 'admin', 3, 3]]);
  expect(report.questions.filter(({ about }) => about === 'scopes')).toEqual([]);
  expect(report.standsOut.find(({ what }) => what === 'beyond_scopes')?.text).toContain('3 requests asked for `admin`');
  expect(markdownOf(documentOf(report))).toContain('| `audit` | `issuer-leaked` | `admin` | 3 | 3 |');
  expect(reportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
});

test('times run from the request to death, to each store and to each application', () => {
  const { keys, recovery, status, summary } = reportOf(factsOf());
  expect([keys[0]?.revokedAfterMs, recovery?.gapMs, recovery?.stores, recovery?.applications, status]).toEqual([
    840, 4_000, [{ place: 'env file /srv/app.env', at: at(DEAD + 2_000).toISOString(), afterMs: 2_840 }], [{ check: 'health', at: at(DEAD + 4_000).toISOString(), afterMs: 4_840 }], 'recovered',
  ]);
  expect(summary).toContain('was revoked 840 ms after that was asked for.');
  expect(summary).toContain('no working key for 4.0 seconds, and all are healthy again.');
});

test.each([
  ['recovering', { now: at(ASKED + MINUTE), recovery: recoveryOf({ state: 'promoting', recoveredAt: null, places: [{ name: 'vault', at: null }] }) }, 'vault'],
  ['held', { recovery: recoveryOf({ state: 'confirmed', recoveredAt: null, applications: [{ name: 'health', at: null }] }) }, 'health'],
  ['not_replaced', { recovery: null }, null],
  ['not_replaced', { recovery: recoveryOf({ state: 'done', recoveredAt: null, newKey: null, places: [], applications: [] }) }, null],
  ['not_replaced', { recovery: recoveryOf({ state: 'reporting', recoveredAt: null, newKey: null, places: [], applications: [] }) }, null],
  ['superseded', { recovery: recoveryOf({ state: 'aborted', reason: 'preempted', recoveredAt: null }), dying: [] }, null],
  ['revoking', { dying: [] , recovery: recoveryOf({ state: 'requested', recoveredAt: null }) }, null],
] as const)('one that is %s says so, in every form', (status, more, missing) => {
  const report = reportOf(factsOf(more));
  expect([report.status, reportSchema.parse(JSON.parse(JSON.stringify(report)))]).toEqual([status, report]);
  if (missing !== null) expect(question(factsOf(more), 'What keeps applications')).toContain(missing);
  for (const text of [report.summary, markdownOf(documentOf(report)), htmlOf(documentOf(report)), JSON.stringify(reportNotice({ report, version: 1, news: [] }))]) expect(text).not.toMatch(/undefined|NaN|Invalid/);
});

test('alerts of the time and the audit events belong to it, with their hashes where they are sealed', () => {
  const before = { ...firing('01JB', { title: 'long ago' }), firedAt: ASKED - 30 * DAY, endedAt: ASKED - 29 * DAY };
  const report = reportOf(factsOf({ alerts: [{ ...firing('01JA'), firedAt: ASKED - HOUR }, before] }));
  expect(report.alerts.map(({ id }) => id)).toEqual(['01JA']);
  expect(report.audit).toMatchObject([{ seq: 41, what: 'requested: pasted into a public issue', hash: 'a'.repeat(64) }, { seq: 42, what: 'key issuer-leaked: revoked', hash: null }]);
  expect(reportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
});
