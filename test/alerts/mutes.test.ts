import { describe, expect, it } from 'vitest';
import { matches, muteOf, mutesAt } from '../../src/alerts/mutes.ts';
import { admit, calm } from '../../src/alerts/storm.ts';
import { alertNotice, digestNotice, MESSAGES, plainAlertNotice } from '../../src/alerts/alert-notices.ts';
import { noticeOf, type Draft } from '../../src/alerts/incidents.ts';
import { renderHtml, renderSlack, renderText } from '../../src/alerts/templates/index.ts';
import type { Silence } from '../../src/core/alert.ts';
import { FINDING_RULES } from '../../src/core/finding.ts';
import { matcherText, parseMatcher } from '../../src/core/matcher.ts';
import { findingOf, firing, MINUTE, START } from './alert-fixtures.ts';

const NOW = new Date(START);
const silence = (id: string, minutes: number, ...matchers: string[]): Silence => ({ id, matchers: matchers.map(parseMatcher), actor: { who: 'cli:alice', why: 'a load test' }, createdAt: NOW, endsAt: new Date(START + minutes * MINUTE), endedBy: null });
const none = { silences: [], maintenance: [], inhibitors: [] };

describe('matchers', () => {
  const finding = findingOf();
  it.each([
    ['rule=request_rate', true], ['rule=request*', true], ['credential=prod-*', true], ['credential=prod', false], ['issuer=hm', true], ['owner=plat*', true],
    ['severity=warning', true], ['severity=critical', false], ['label.team=pay*', true], ['label.other=*', false], ['label.team=', null], ['subject=x', null], ['credential', null], ['rule', null], ['', null],
  ] as const)('%s', (text, fits) => {
    if (fits === null) return expect(() => parseMatcher(text)).toThrow('is no matcher');
    expect(matches(finding, [parseMatcher(text)])).toBe(fits);
    expect(matcherText(parseMatcher(text))).toBe(text);
  });

  it('must all hold, and what has no owner is matched by no owner', () => {
    expect(matches(finding, ['rule=request_rate', 'credential=other'].map(parseMatcher))).toBe(false);
    expect(matches(findingOf({ owner: null, credential: null }), [parseMatcher('owner=*')])).toBe(false);
    expect(matches(findingOf({ labels: { toString: 'x' } }), [parseMatcher('label.constructor=*')]), 'what every object has is no label').toBe(false);
  });
});

describe('what mutes an alert', () => {
  it('a silence in force, the one that ends last first', () => {
    const at = mutesAt([silence('a', 10, 'rule=*'), silence('b', 60, 'credential=prod-*'), silence('c', 0, 'rule=*'), { ...silence('d', 90, 'rule=*'), endedBy: { who: 'x', why: '' } }], [], NOW);
    expect(muteOf(findingOf(), { ...none, ...at })).toEqual({ by: 'silence', id: 'b', until: START + 60 * MINUTE, why: 'silenced by cli:alice: a load test' });
    expect(muteOf(findingOf({ credential: 'other' }), { ...none, ...at })).toMatchObject({ id: 'a' });
  });

  it('a maintenance window while it is open, in its zone', () => {
    const window = { days: [1], fromMinute: 12 * 60, toMinute: 14 * 60, timezone: 'Europe/Berlin' };
    const at = (now: string) => mutesAt([], [{ name: 'mondays', window, matchers: [parseMatcher('owner=platform')] }], new Date(now));
    expect(muteOf(findingOf(), { ...none, ...at('2026-03-02T12:30:00Z') })).toMatchObject({ by: 'maintenance', id: 'mondays', until: Date.parse('2026-03-02T13:00:00Z') });
    expect(muteOf(findingOf(), { ...none, ...at('2026-03-02T13:00:00Z') })).toBeNull();
    expect(muteOf(findingOf({ owner: 'other' }), { ...none, ...at('2026-03-02T12:30:00Z') })).toBeNull();
  });

  it('an issuer or source that is down, for what that explains and for nothing else', () => {
    const issuer = firing('down', { rule: 'issuer_unavailable', subject: 'issuer:hm', credential: null, source: null });
    const source = firing('blind', { rule: 'source_unavailable', subject: 'source:audit', credential: null, issuer: null });
    const muted = (rule: keyof typeof FINDING_RULES, more = {}) => muteOf(findingOf({ rule, ...more }), { ...none, inhibitors: [issuer, source] })?.id ?? null;
    expect([muted('error_rate'), muted('error_rate', { issuer: 'aws' }), muted('error_rate', { issuer: null, source: null })]).toEqual(['down', 'blind', null]);
    expect(Object.keys(FINDING_RULES).filter((rule) => muted(rule as keyof typeof FINDING_RULES) === null)).toEqual(Object.entries(FINDING_RULES).filter(([, { family }]) => family === 'security' || family === 'keyturn').map(([rule]) => rule));
    expect(muteOf(findingOf({ rule: 'error_rate' }), { ...none, inhibitors: [{ ...issuer, state: 'resolved' }] })).toBeNull();
  });
});

const newcomers = (n: number) => Array.from({ length: n }, (_, i) => ({ incident: `i${i}`, severity: 'warning' as const, digest: null }));

it('clocks that jump make no storm of a calm day, and none of a storm a calm day', () => {
  const first = admit(calm('ops'), newcomers(9), START, 10, () => 'd1');
  expect([first.single.size, first.digested.size]).toEqual([9, 0]);
  expect(admit(first.state, newcomers(9), START + 365 * 86_400_000, 10, () => 'd2').single.size).toBe(9);
  expect(admit(first.state, newcomers(9), START - 365 * 86_400_000, 10, () => 'd2').single.size).toBe(9);
  const storm = admit(first.state, newcomers(50), START + 1_000, 10, () => 'd3');
  expect([storm.single.size, new Set(storm.digested.values())]).toEqual([0, new Set(['d3'])]);
});

describe('what people are told', () => {
  const lead = firing('01JA', { facts: { Key: 'hm_live_… (id key_1)', Caller: '<b>&*_`x`' } }, { endedAt: START + 90 * MINUTE, events: [{ at: START, what: 'expired', detail: 'it was not looked at for too long' }] });
  const others = Array.from({ length: 8 }, (_, n) => firing(`o${n}`, { title: `other ${n}` }));

  it.each(MESSAGES)('of %s is whole sentences, with what was expected and what is', (message) => {
    const notice = alertNotice({ message, lead, others, now: START + 95 * MINUTE });
    expect(notice.title).not.toMatch(/[\n.]$/);
    for (const text of [notice.happened, notice.means, ...notice.todo]) expect(text).toMatch(/^[A-Z`].*[.?…]$/s);
    expect(JSON.stringify(notice)).not.toMatch(/undefined|null,"owner|NaN|\.\./);
    expect(notice.facts).toMatchObject({ Expected: 'at most 100 requests a minute', Since: expect.stringMatching(/^2026-03-02 12:00 UTC \(1 hour/), 'With it': 'other 0, other 1, other 2, other 3, other 4 and 3 more' });
    expect(notice.todo.length > 0).toBe(notice.severity !== 'info');
    for (const form of [renderHtml(notice), renderText(notice), JSON.stringify(renderSlack(notice))]) expect(form).toContain('at most 100 requests a minute');
  });

  it('of a digest are counts and the worst few', () => {
    const digest = { id: 'd', openedAt: START, lastAt: START, saidAt: null, dirty: true, total: 900, bySeverity: { info: 0, warning: 897, critical: 3 } };
    const told = digestNotice({ digest, open: others, now: START + MINUTE });
    expect(told).toMatchObject({ title: '900 incidents in a short time', severity: 'warning', happened: 'Since 2026-03-02 12:00 UTC (1 minute) 900 incidents began: 3 critical and 897 warning. Not over yet: 8 alerts.' });
    expect(Object.keys(told.facts)).toHaveLength(6);
    expect(digestNotice({ digest, open: [], now: START + MINUTE })).toMatchObject({ severity: 'info', todo: [], happened: expect.stringContaining('All are over.') });
  });

  it('goes out plainly when it cannot be written', () => {
    const draft: Draft = { incident: '01JA', message: 'fired', status: 'firing', lead, about: [lead], others, threads: {} };
    const notice = noticeOf(draft, NOW, () => { throw new Error('a defect'); });
    expect(notice).toEqual(plainAlertNotice({ message: 'fired', lead, others, now: START }));
    expect(notice.dedupeKey).toBe(noticeOf(draft, NOW).dedupeKey);
    const broken: Draft = { ...draft, lead: { ...lead, finding: { ...lead.finding, todo: null as unknown as [], facts: { get bad(): string { throw new Error('x'); } } } } };
    expect(noticeOf(broken, NOW).title).toBe('Alert fired: request_rate');
  });
});
