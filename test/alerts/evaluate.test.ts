import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, type AlertSettings, type World } from '../../src/alerts/judge.ts';
import type { Scan } from '../../src/alerts/look.ts';
import type { Alert, ChannelStorm, Silence } from '../../src/core/alert.ts';
import type { Finding, RuleName } from '../../src/core/finding.ts';
import type { AlertChanges, AlertDelivery } from '../../src/ports/alert-ledger.ts';
import { findingOf, LIFE, MINUTE, START } from './alert-fixtures.ts';

const SETTINGS: AlertSettings = { life: LIFE, groupWindowMs: 30_000, maintenance: [], perMinute: 10, route: () => ['ops'], channels: ['ops', 'mail'] };
const ALWAYS = { days: [1, 2, 3, 4, 5, 6, 7], fromMinute: 0, toMinute: 1_440, timezone: 'UTC' };

/** The ledger, in as far as one evaluator by itself needs it. */
class Desk {
  now = START;
  silences: Silence[] = [];
  settings: AlertSettings = SETTINGS;
  readonly alerts = new Map<string, Alert>();
  readonly storms = new Map<string, ChannelStorm>();
  readonly sent: (AlertDelivery & { readonly at: number })[] = [];
  #ids = 0;

  scan(findings: readonly Finding[], without: ReturnType<Scan['without']> = 'clear', afterMs = MINUTE): AlertChanges {
    this.now += afterMs;
    const world: World = { open: [...this.alerts.values()].filter((alert) => !isClosedNow(alert)), silences: this.silences, storms: [...this.storms.values()] };
    const changes = judge(world, { findings, without: () => without }, { settings: this.settings, now: new Date(this.now), newId: () => `id-${String((this.#ids += 1)).padStart(6, '0')}` });
    for (const { id } of changes.dropped) this.alerts.delete(id);
    for (const alert of changes.alerts) this.alerts.set(alert.id, { ...alert, version: alert.version + 1 });
    for (const storm of changes.channels) this.storms.set(storm.channel, { ...storm, version: storm.version + 1 });
    this.sent.push(...changes.deliveries.map((delivery) => ({ ...delivery, at: this.now })));
    return changes;
  }

  get titles(): readonly string[] {
    return this.sent.map(({ status, notice }) => `${status}: ${notice.title}`);
  }

  /** Messages that began a thread, by channel and incident. */
  roots(channel = 'ops'): readonly (AlertDelivery & { readonly at: number })[] {
    const seen = new Set<string>();
    return this.sent.filter((one) => one.channel === channel && !seen.has(one.incident) && seen.add(one.incident) !== undefined);
  }

  silence(forMs: number, ...matchers: Silence['matchers']): void {
    this.silences.push({ id: 's1', matchers, actor: { who: 'cli:alice', why: 'a load test' }, createdAt: new Date(this.now), endsAt: new Date(this.now + forMs), endedBy: null });
  }
}

function isClosedNow({ state, told }: Alert): boolean {
  return (state === 'resolved' || state === 'expired') && (told === null || told.over);
}

const ofRule = (rule: RuleName, more: Partial<Finding> = {}): Finding => findingOf({ rule, title: rule, ...more });

describe('a scan becomes messages', () => {
  it('one message as it begins, one as it ends, nothing in between', () => {
    const desk = new Desk();
    desk.scan([findingOf()]);
    for (let n = 0; n < 5; n += 1) desk.scan([findingOf()]);
    for (let n = 0; n < 12; n += 1) desk.scan([]);
    expect(desk.titles).toEqual(['firing: prod-api: far more requests than usual', 'resolved: Over: prod-api: far more requests than usual']);
    const [begun, over] = desk.sent;
    expect(begun).toMatchObject({ channel: 'ops', notice: { kind: 'alert', severity: 'warning', facts: { Expected: 'at most 100 requests a minute', Actual: '500 requests a minute', Owner: 'platform' } } });
    expect(begun?.incident).toBe(over?.incident);
    expect(over?.notice).toMatchObject({ severity: 'info', todo: [] });
    expect(new Set(desk.sent.map(({ notice }) => notice.dedupeKey)).size).toBe(2);
  });

  it('findings of one credential and family are one incident; a later one joins its thread, and its end is the end of all', () => {
    const desk = new Desk();
    const [errors, refused] = [ofRule('error_rate'), ofRule('failed_authentications', { subject: 'key:k2', severity: 'critical' })];
    desk.scan([errors, refused, ofRule('request_rate')]);
    expect(desk.titles.toSorted()).toEqual(['firing: failed_authentications', 'firing: request_rate']);
    expect(desk.sent.find(({ notice }) => notice.title === 'failed_authentications')?.notice.facts['With it']).toBe('error_rate');
    desk.scan([errors, refused, ofRule('request_rate'), ofRule('unusual_metric')], 'clear', 10_000);
    expect(desk.titles.slice(2)).toEqual(['firing: Also: unusual_metric']);
    desk.scan([errors, refused, ofRule('error_rate', { subject: 'key:k9', title: 'late' })]);
    expect(desk.titles.at(-1), 'after the window it is an incident of its own').toBe('firing: late');
    for (let n = 0; n < 12; n += 1) desk.scan([errors]);
    expect(desk.titles.filter((title) => title.startsWith('resolved'))).toHaveLength(2);
    for (let n = 0; n < 12; n += 1) desk.scan([]);
    expect(desk.titles.filter((title) => title.startsWith('resolved'))).toHaveLength(3);
  });

  it('an issuer that does not answer mutes what it explains, in the same scan, and no more; afterwards what is still true is said', () => {
    const desk = new Desk();
    const dead = ofRule('issuer_unavailable', { subject: 'issuer:hm', credential: null, severity: 'critical' });
    const errors = ofRule('error_rate');
    desk.scan([errors, ofRule('retired_key_in_use'), ofRule('error_rate', { subject: 'key:other', credential: 'elsewhere', issuer: 'aws', title: 'aws' }), dead]);
    expect(desk.titles.toSorted()).toEqual(['firing: aws', 'firing: issuer_unavailable', 'firing: retired_key_in_use']);
    for (let n = 0; n < 11; n += 1) desk.scan([errors, ofRule('retired_key_in_use')]);
    expect(desk.titles.filter((title) => title.includes('error_rate'))).toEqual(['firing: error_rate']);
  });

  it('a silence and a maintenance window say nothing; an end that came meanwhile is said when they are over', () => {
    const desk = new Desk();
    desk.scan([findingOf()]);
    desk.silence(60 * MINUTE, { field: 'credential', pattern: 'prod-*' }, { field: 'label.team', pattern: 'payments' });
    for (let n = 0; n < 59; n += 1) desk.scan([ofRule('retired_key_in_use')]);
    expect(desk.sent).toHaveLength(1);
    for (let n = 0; n < 2; n += 1) desk.scan([ofRule('retired_key_in_use')]);
    expect(desk.titles.slice(1).toSorted()).toEqual(['firing: retired_key_in_use', 'resolved: Over: prod-api: far more requests than usual']);
    const window = new Desk();
    window.settings = { ...SETTINGS, maintenance: [{ name: 'nights', window: ALWAYS, matchers: [{ field: 'severity', pattern: 'warning' }] }] };
    window.scan([findingOf(), findingOf({ subject: 'key:2', credential: 'b', severity: 'critical', title: 'critical' })]);
    expect(window.titles).toEqual(['firing: critical']);
  });

  it('an alert expires with its rule or subject, and channels that are gone are told nothing', () => {
    const desk = new Desk();
    desk.scan([findingOf()]);
    desk.settings = { ...SETTINGS, channels: ['mail'] };
    desk.scan([], 'gone');
    expect(desk.sent).toHaveLength(1);
    expect([...desk.alerts.values()].map(({ state }) => state)).toEqual(['expired']);
  });

  it('getting worse goes to the channels of the worse severity too', () => {
    const desk = new Desk();
    desk.settings = { ...SETTINGS, route: ({ severity }) => (severity === 'critical' ? ['ops', 'mail'] : ['ops']) };
    desk.scan([findingOf()]);
    desk.scan([findingOf({ severity: 'critical' })]);
    for (let n = 0; n < 12; n += 1) desk.scan([]);
    expect(desk.sent.map(({ channel, status, notice }) => [channel, status, notice.severity])).toEqual([
      ['ops', 'firing', 'warning'], ['ops', 'firing', 'critical'], ['mail', 'firing', 'critical'], ['ops', 'resolved', 'info'], ['mail', 'resolved', 'info'],
    ]);
  });
});

const many = (count: number, from = 0): readonly Finding[] => Array.from({ length: count }, (_, n) => findingOf({ subject: `key:${from + n}`, credential: `c${from + n}`, severity: n === 3 ? 'critical' : 'warning', title: `c${from + n}` }));
const mostInAMinute = (times: readonly number[]): number => Math.max(0, ...times.map((at) => times.filter((other) => other >= at && other < at + MINUTE).length));

describe('a storm', () => {
  it('of 10,000 incidents makes nine messages and a digest, which ends when they do', () => {
    const desk = new Desk();
    const storm = many(10_000);
    desk.scan(storm);
    expect(desk.sent).toHaveLength(10);
    expect(desk.titles[0]).toBe('firing: c3');
    const digest = desk.sent.at(-1)?.notice;
    expect(digest).toMatchObject({ kind: 'alert_digest', title: '9991 incidents in a short time', facts: { 'By rule': '9991 request_rate' } });
    desk.scan(storm);
    expect(desk.sent, 'nothing new, nothing said').toHaveLength(10);
    for (let n = 0; n < 11; n += 1) desk.scan([]);
    expect(desk.titles.slice(10).filter((title) => title.includes('incidents'))).toEqual(['resolved: Over: 9991 incidents that came together']);
    expect(desk.sent).toHaveLength(20);
    expect([...desk.alerts.values()].every(isClosedNow)).toBe(true);
  });

  it('that drips in over a minute makes no more', () => {
    const desk = new Desk();
    for (let n = 0; n < 60; n += 1) desk.scan(many((n + 1) * 20), 'clear', 1_000);
    expect(desk.roots()).toHaveLength(10);
    expect(desk.sent.length, 'the digest changes twice').toBeLessThanOrEqual(12);
    for (let n = 0; n < 5; n += 1) desk.scan(many(1_200), 'clear', MINUTE);
    expect(desk.sent.at(-1)?.notice.title, 'the last of it is said when there is time').toBe('1191 incidents in a short time');
    desk.scan([...many(1_200), ...many(1, 5_000)], 'clear', MINUTE);
    expect(desk.titles.at(-1)).toBe('firing: c5000');
  });

  it('one of a digest that gets critical gets a message of its own', () => {
    const desk = new Desk();
    desk.scan(many(30));
    desk.scan(many(30).map((finding) => (finding.subject === 'key:29' ? { ...finding, severity: 'critical' as const } : finding)), 'clear', 61_000);
    expect(desk.titles.slice(-2)).toEqual(['firing: Worse: c29', 'firing: 21 incidents in a short time']);
    expect(desk.roots()).toHaveLength(11);
  });

  it('whatever comes whenever, no minute has more first messages than configured, and everything told is ended', () => {
    const waves = fc.array(fc.record({ count: fc.integer({ min: 0, max: 40 }), after: fc.integer({ min: 0, max: 90_000 }), severity: fc.constantFrom('info' as const, 'critical' as const) }), { minLength: 1, maxLength: 12 });
    fc.assert(fc.property(waves, fc.integer({ min: 2, max: 12 }), (looks, perMinute) => {
      const desk = new Desk();
      desk.settings = { ...SETTINGS, perMinute };
      for (const { count, after, severity } of looks) desk.scan(many(count).map((finding) => ({ ...finding, severity })), 'clear', after);
      expect(mostInAMinute(desk.roots().map(({ at }) => at))).toBeLessThanOrEqual(perMinute);
      for (let n = 0; n < 70; n += 1) desk.scan([], 'clear', 2 * MINUTE);
      expect([...desk.alerts.values()].filter((alert) => !isClosedNow(alert))).toEqual([]);
      const last = new Map(desk.sent.map((one) => [one.incident, one.status]));
      const orphaned = [...last].filter(([, status]) => status !== 'resolved' && status !== 'expired');
      expect(orphaned).toEqual([]);
      expect(new Set(desk.sent.map(({ incident, channel, notice }) => `${incident} ${channel} ${notice.dedupeKey}`)).size).toBe(desk.sent.length);
    }), { numRuns: 40 });
  });
});
