import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LONGEST_STEP_MS, step, type News, type Seen } from '../../src/alerts/life.ts';
import { isClosed, isEnded, type Alert } from '../../src/core/alert.ts';
import { levelOf, type Finding } from '../../src/core/finding.ts';
import { found, LIFE, looked, MINUTE, START } from './alert-fixtures.ts';

interface Look {
  readonly seen: Seen;
  readonly muted?: boolean;
  /** Minutes since the look before. */
  readonly after?: number;
}

interface Lived {
  readonly alert: Alert | null;
  readonly states: readonly string[];
  readonly news: readonly (News | null)[];
  readonly now: number;
}

function live(looks: readonly Look[], from: Alert | null = null, start = START): Lived {
  let [alert, now] = [from, start];
  const states: string[] = [];
  const news: (News | null)[] = [];
  for (const { seen, muted = false, after = 1 } of looks) {
    now += after * MINUTE;
    const stepped = step(alert, looked(seen, muted), now, LIFE);
    alert = stepped.alert;
    states.push(alert?.state ?? '-');
    news.push(stepped.news);
  }
  return { alert, states, news, now };
}

const HIGH = found();
const MIDDLE = found({ value: 90 });
const LOW = found({ value: 10 });
const CLEAR: Seen = { what: 'clear' };
const UNSEEN: Seen = { what: 'unseen' };
const times = (n: number, look: Look): readonly Look[] => Array.from({ length: n }, () => look);
const said = (lived: Lived): readonly News[] => lived.news.filter((one) => one !== null);

const told = (rule: 'key_unused' | 'request_rate', severity: Finding['severity'], hours: number): number => {
  let alert = step(null, looked(found({ rule, severity })), START, LIFE).alert;
  for (let minute = 5; minute <= hours * 60; minute += 5) alert = step(alert, looked(found({ rule, severity })), START + minute * MINUTE, LIFE).alert;
  return alert?.told?.times ?? 0;
};

describe('levels', () => {
  it('to fire and to clear differ, and low values may be the bad ones', () => {
    expect([100, 99, 80, 81].map((value) => levelOf({ value, fireAt: 100, clearAt: 80 }))).toEqual(['fire', 'between', 'clear', 'between']);
    expect([10, 11, 20, 19].map((value) => levelOf({ value, fireAt: 10, clearAt: 20 }))).toEqual(['fire', 'between', 'clear', 'between']);
    expect(levelOf({ value: Number.NaN, fireAt: 1, clearAt: 1 })).toBe('between');
  });
});

describe('the life of an alert', () => {
  it('it fires, clears, holds and is over', () => {
    const lived = live([{ seen: HIGH }, { seen: MIDDLE }, { seen: LOW }, ...times(9, { seen: CLEAR }), { seen: CLEAR }, { seen: CLEAR }]);
    expect(lived.states).toEqual(['firing', 'firing', ...Array.from({ length: 10 }, () => 'recovering'), 'resolved', 'resolved']);
    expect(said(lived)).toEqual(['fired', 'resolved']);
    expect(lived.alert).toMatchObject({ peak: 500, told: { times: 2, over: true } });
  });

  it('it waits while pending, and goes unheard when it clears before', () => {
    const slow = found({ pendingMs: 3 * MINUTE });
    expect(live(times(4, { seen: slow })).states).toEqual(['pending', 'pending', 'pending', 'firing']);
    expect(live([{ seen: slow }, { seen: slow }, { seen: LOW }])).toMatchObject({ alert: null, news: [null, null, null] });
    expect(live([{ seen: MIDDLE }]), 'what is not at the firing level begins nothing').toMatchObject({ alert: null });
  });

  it('firing again while it recovers is the same incident, and nobody hears of it', () => {
    const lived = live([{ seen: HIGH }, { seen: LOW }, { seen: HIGH }, { seen: LOW }, { seen: HIGH }]);
    expect(lived.states).toEqual(['firing', 'recovering', 'firing', 'recovering', 'firing']);
    expect(said(lived)).toEqual(['fired']);
  });

  it('each re-fire soon after the last doubles the hold, up to a bound; a late one begins anew', () => {
    const flap = (n: number): readonly Look[] => Array.from({ length: n }, () => [{ seen: LOW }, { seen: HIGH }]).flat();
    const holds = [1, 2, 3, 30].map((n) => (live([{ seen: HIGH }, ...flap(n)]).alert?.holdMs ?? 0) / MINUTE);
    expect(holds).toEqual([20, 40, 60, 60]);
    const calm = live([{ seen: HIGH }, ...flap(3), ...times(70, { seen: HIGH }), { seen: LOW }, { seen: HIGH }]);
    expect((calm.alert?.holdMs ?? 0) / MINUTE).toBe(20);
  });

  it('it is repeated after the interval, until somebody acknowledges it; getting worse is told and ends that', () => {
    const hours = live([{ seen: HIGH }, ...times(481, { seen: HIGH })]);
    expect(said(hours)).toEqual(['fired', 'repeated', 'repeated']);
    const acknowledged: Alert = { ...(hours.alert as Alert), acknowledged: { actor: { who: 'x', why: 'y' }, at: hours.now } };
    const quiet = live(times(600, { seen: HIGH }), acknowledged, hours.now);
    expect(said(quiet)).toEqual([]);
    const worse = live([{ seen: found({ severity: 'critical' }) }, ...times(3, { seen: HIGH }), { seen: found({ severity: 'critical' }) }], quiet.alert, quiet.now);
    expect(said(worse)).toEqual(['worse']);
    expect(worse.alert).toMatchObject({ acknowledged: null, worst: 'critical' });
  });

  it('it expires when nobody looks any more, and at once when its rule or subject is gone', () => {
    const lived = live([{ seen: HIGH }, ...times(120, { seen: UNSEEN })]);
    expect([lived.states.at(-2), lived.states.at(-1), said(lived)]).toEqual(['firing', 'expired', ['fired', 'expired']]);
    expect(said(live([{ seen: HIGH }, { seen: { what: 'gone' } }]))).toEqual(['fired', 'expired']);
    expect(live([{ seen: found({ pendingMs: MINUTE }) }, { seen: { what: 'gone' } }])).toMatchObject({ alert: null, news: [null, null] });
  });

  it('nothing is said while it is muted; what is true afterwards is', () => {
    expect(live([{ seen: HIGH, muted: true }, { seen: HIGH, muted: true }, { seen: HIGH }]).news).toEqual([null, null, 'fired']);
    const over = live([{ seen: HIGH }, ...times(20, { seen: CLEAR, muted: true }), { seen: CLEAR }]);
    expect([over.states.at(-2), said(over)]).toEqual(['resolved', ['fired', 'resolved']]);
    const unheard = live([{ seen: HIGH, muted: true }, ...times(20, { seen: CLEAR, muted: true }), { seen: CLEAR }]);
    expect([unheard.states.at(-1), said(unheard), isClosed(unheard.alert as Alert)]).toEqual(['resolved', [], true]);
  });

  it('what is untidy is said again after a day, for information only after a week; what is critical like all else', () => {
    expect([told('request_rate', 'info', 25), told('key_unused', 'critical', 25)]).toEqual([7, 7]);
    expect([told('key_unused', 'warning', 25), told('key_unused', 'info', 25), told('key_unused', 'info', 169)]).toEqual([2, 1, 2]);
  });

  it('a clock that jumps ends nothing, repeats nothing and fires nothing early', () => {
    const year = 525_600;
    expect(live([{ seen: HIGH }, { seen: HIGH, after: year }, { seen: UNSEEN, after: 1 }, { seen: HIGH, after: -year }, { seen: HIGH }])).toMatchObject({ states: ['firing', 'firing', 'firing', 'firing', 'firing'], news: ['fired', null, null, null, null] });
    expect(live([{ seen: HIGH }, { seen: LOW }, { seen: LOW, after: year }]).states.at(-1)).toBe('recovering');
    expect(live([{ seen: found({ pendingMs: 30 * MINUTE }) }, { seen: found({ pendingMs: 30 * MINUTE }), after: year }]).states.at(-1)).toBe('pending');
  });
});

const anySeen: fc.Arbitrary<Seen> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ value: fc.integer({ min: 0, max: 200 }), severity: fc.constantFrom('info' as const, 'warning' as const, 'critical' as const), pendingMs: fc.constantFrom(0, 2 * MINUTE, 30 * MINUTE) }).map((more) => found(more)) },
  { weight: 4, arbitrary: fc.constantFrom(CLEAR, UNSEEN) },
  { weight: 1, arbitrary: fc.constant<Seen>({ what: 'gone' }) },
);
const anyLook: fc.Arbitrary<Look> = fc.record({ seen: anySeen, muted: fc.boolean(), after: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: -2_000, max: 2_000_000 })) });
const anyLooks = fc.array(anyLook, { maxLength: 80 });

const holds = (check: (looks: readonly Look[]) => void): void => fc.assert(fc.property(anyLooks, check), { numRuns: 300 });

describe('whatever is seen, and however clocks jump', () => {
  it('nothing is resolved or expired that did not fire, and an end is told only of what was told', () => {
    holds((looks) => {
      let [fired, heard] = [false, false];
      const lived = live(looks);
      lived.states.forEach((state, n) => {
        if (state === 'firing') fired = true;
        if (state === '-' || state === 'pending') fired = false;
        if (state === 'resolved' || state === 'expired') expect(fired).toBe(true);
        const news = lived.news[n];
        if (news === 'fired') heard = true;
        if (news === 'resolved' || news === 'expired') expect(heard).toBe(true);
        if (state === '-') heard = false;
      });
    });
  });

  it('nobody is told anything while it is muted', () => {
    holds((looks) => live(looks).news.forEach((news, n) => expect(news === null || looks[n]?.muted !== true).toBe(true)));
  });

  it('it ends once observations stop, and people who heard of it hear so', () => {
    holds((looks) => {
      const before = live(looks);
      const after = live(times(LIFE.expireMs / MINUTE + 1, { seen: UNSEEN }), before.alert, before.now);
      expect(after.alert === null || isClosed(after.alert)).toBe(true);
      const told = before.alert?.told ?? null;
      const owed = told !== null && !told.over && before.alert !== null;
      if (owed) expect(['resolved', 'expired']).toContain(said(after).at(-1));
    });
  });

  it('after it has ended nothing is said but that, once', () => {
    holds((looks) => {
      const lived = live(looks);
      if (lived.alert === null || !isEnded(lived.alert)) return;
      const after = live(times(50, { seen: HIGH, after: 60 }), lived.alert, lived.now);
      expect(said(after).length).toBeLessThanOrEqual(isClosed(lived.alert) ? 0 : 1);
    });
  });

  it('news are few: its beginning, its end, two steps up, and repeats at their interval', () => {
    fc.assert(fc.property(fc.array(anyLook.filter(({ seen }) => seen.what !== 'gone'), { maxLength: 300 }), (looks) => {
      const lived = live([{ seen: HIGH }, ...looks]);
      const { alert } = lived;
      if (alert === null || alert.firstSeenAt !== START + MINUTE) return;
      expect(said(lived).length).toBeLessThanOrEqual(4 + Math.floor(alert.age / LIFE.repeatMs));
      expect(alert.age).toBeLessThanOrEqual(looks.length * LONGEST_STEP_MS);
      expect(alert.events.length).toBeLessThanOrEqual(40);
    }), { numRuns: 200 });
  });
});
