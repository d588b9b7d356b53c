import { describe, expect, it } from 'vitest';
import { alertSettings, explainRoute, planCredentials } from '../../src/config/index.ts';
import { channelsFor } from '../../src/config/routes.ts';
import { changed, GOOD, load } from './support.ts';

const MINUTE = 60_000;

const expireMs = (more: string): number => alertSettings(load(`${GOOD}${more}`).config).life.expireMs / MINUTE;

describe('the section alerts', () => {
  it('has defaults for all of it', () => {
    expect(alertSettings(load(GOOD).config)).toEqual({
      life: { repeatMs: 240 * MINUTE, holdMs: 10 * MINUTE, maxHoldMs: 120 * MINUTE, flapMs: 60 * MINUTE, expireMs: 120 * MINUTE },
      groupWindowMs: 30_000, perMinute: 10, keptMs: 90 * 1_440 * MINUTE, maintenance: [],
    });
  });

  it('expires nothing between two looks, however far apart those are configured', () => {
    expect(expireMs('alerts: { expire: 1m }\n')).toBe(45);
    expect(expireMs('worker: { intervals: { inventory: 6h } }\n')).toBe(18 * 60);
    expect(expireMs('worker: { intervals: { scan: 1h } }\n')).toBe(180);
    expect(expireMs('alerts: { expire: 1d }\n')).toBe(1_440);
  });

  it('takes windows as policies have them, and matchers as silences do', () => {
    const { config } = load(`${GOOD}alerts:\n  repeat: 1h\n  storm: { perMinute: 4 }\n  maintenance:\n    - { name: nights, days: mon-fri, hours: "22:00-04:00", timezone: Europe/Berlin, matching: [severity=warning, label.team=pay*] }\n`);
    expect(alertSettings(config)).toMatchObject({
      life: { repeatMs: 60 * MINUTE }, perMinute: 4,
      maintenance: [{ name: 'nights', window: { days: [1, 2, 3, 4, 5], fromMinute: 1_320, toMinute: 240, timezone: 'Europe/Berlin' }, matchers: [{ field: 'severity', pattern: 'warning' }, { field: 'label.team', pattern: 'pay*' }] }],
    });
  });

  it.each([
    ['storm: { perMinute: 1 }', 'alerts.storm.perMinute: is too small'],
    ['repeat: soon', 'alerts.repeat:'],
    ['maintenance: [{ name: n, hours: "22:00-04:00", matching: [team=x] }]', '"team=x" is no matcher'],
    ['maintenance: [{ name: n, hours: "22:00-04:00", matching: [rule=eror_*] }]', '"rule=eror_*" fits no alert'],
    ['maintenance: [{ name: n, hours: "25:00-04:00" }]', 'are no hours'],
  ])('%s is refused', (given, says) => {
    expect(() => load(`${GOOD}alerts:\n  ${given}\n`)).toThrow(says);
  });
});

describe('what stands beside it', () => {
  it.each([
    ['heartbeat: { url: "ftp://watch.example.com" }', 'heartbeat.url: is no address (expected http://… or https://…)'],
    ['heartbeat: { url: "https://me:secret@watch.example.com" }', 'heartbeat.url: carries a user or password'],
    ['rules: { request_rate: on }', 'rules.request_rate: is neither its keys nor off'],
  ])('%s is refused', (given, says) => {
    expect(() => load(`${GOOD}${given}\n`)).toThrow(says);
  });
});

describe('routes of alerts', () => {
  const routed = load(`${GOOD.replace('channels:\n', 'channels:\n  mail: { type: email, host: h, from: a@b.c, to: [a@b.c] }\n  extra: { type: slack, token: "${env:T}", channel: C2 }\n')}routes:
  - { channels: [ops], rules: [retired_key_*, error_rate], severity: [warning, critical] }
  - { channels: [mail], labels: { team: "pay*" } }
  - { channels: [extra], credentials: ["prod-*"], severity: [critical] }
`).config;
  const all = { channels: routed.channels, routes: routed.routes };
  const alert = { credential: 'prod-api', owner: null, labels: { team: 'payments' }, rule: 'error_rate' };

  it('go by rule and by label too; a route with rules takes nothing but alerts', () => {
    expect(channelsFor(all, alert, 'warning')).toEqual(['mail', 'ops']);
    expect(channelsFor(all, { ...alert, rule: 'request_rate', labels: {} }, 'critical')).toEqual(['extra']);
    expect(channelsFor(all, { credential: 'prod-api', owner: null }, 'critical')).toEqual(['extra']);
    expect(channelsFor(all, { ...alert, labels: {} , rule: 'request_rate', credential: 'x' }, 'info')).toEqual([]);
  });

  it('are explained line by line, with the same answer', () => {
    const { channels, by, lines } = explainRoute(all, { ...alert, rule: 'request_rate' }, 'info');
    expect([channels, by]).toEqual([['mail'], 'routes']);
    expect(lines).toEqual([
      { line: 1, channels: ['ops'], takes: false, because: 'takes rules retired_key_*, error_rate' },
      { line: 2, channels: ['mail'], takes: true, because: null },
      { line: 3, channels: ['extra'], takes: false, because: 'takes severity critical' },
    ]);
    expect(explainRoute(all, { credential: 'a', owner: null }, 'info').lines[1]?.because).toBe('takes the label team=pay*');
    expect(explainRoute({ channels: all.channels, routes: undefined }, alert, 'info')).toMatchObject({ by: 'everything', lines: [] });
    expect(explainRoute(all, { ...alert, notify: ['extra'] }, 'info')).toMatchObject({ by: 'notify', channels: ['extra'] });
  });

  it('a rule that there is not is refused, and notify of a credential is in its plan', () => {
    expect(() => load(`${GOOD}routes: [{ channels: [ops], rules: [eror_rate] }]\n`)).toThrow('is no rule');
    expect(planCredentials(load(changed('hooks: [reload]', 'notify: [ops]')).config)[0]?.plan.notify).toEqual(['ops']);
    expect(planCredentials(load(GOOD).config)[0]?.plan).not.toHaveProperty('notify');
  });
});
