/** What a scan finds in usage, on real ledgers: from counts in the ledger to alerts with their messages. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCAN } from '../../src/app/inspection.ts';
import { noteless } from './noteless.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { DAY, MINUTE, openStage, scanConfig, SOURCE, START, type Stage } from './scan-stage.ts';

const NAMES = ['steady', 'moving', 'retired', 'revoked', 'broken', 'guessed', 'stranger', 'sleeper', 'limited', 'nightly', 'indoors', 'twice', 'dying', 'blind', 'unlooked', 'noisy'];
const RULES = { limited: 'rules: { request_rate: { perMinute: 100, for: 5m } }', nightly: 'rules: { outside_hours: { days: mon-fri, hours: "07:00-19:00" } }', indoors: 'rules: { outside_networks: { networks: [10.0.0.0/8] } }' };
const CONFIG = scanConfig(NAMES, '', RULES);
const times = (n: number, count: number): number[] => Array.from({ length: n }, () => count);
/** Steady with some noise, always the same. */
const around = (n: number, mean: number): number[] => Array.from({ length: n }, (_, i) => mean + ((i * 7) % 5) - 2);

describe.each(RUNTIMES.filter(({ name }) => name !== 'redis'))('a scan of usage on $name', (runtime) => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage(runtime, CONFIG)));
  afterAll(() => stage.close());
  const rulesOf = async (credential: string) => (await stage.alerts({ credential, open: true })).map(({ rule, state }) => `${rule} ${state}`).sort();

  test('a burst on a steady credential is told of within the scan that sees it, and is over an hour after its end', async () => {
    const key = await stage.key('steady', 'current');
    const day = START + DAY;
    await stage.use({ until: day, counts: [{ key, from: START, each: around(1_440, 20) }] });
    expect(await stage.scan(day)).toMatchObject({ findings: 0 });
    await stage.use({ until: day + 2 * MINUTE, counts: [{ key, from: day, each: [200, 220] }] });
    await stage.scan(day + 2 * MINUTE);
    const [alert] = await stage.alerts({ credential: 'steady' });
    expect(alert).toMatchObject({ rule: 'unusual_traffic', state: 'firing', actual: expect.stringMatching(/^(420|220|200) requests$/) });
    expect(alert?.expected).toMatch(/^\d+ to \d+ requests in \d minutes?$/);
    for (let m = 7; m < 120; m += 5) {
      await stage.use({ until: day + m * MINUTE, counts: [{ key, from: day + (m - 5) * MINUTE, each: around(5, 20) }] });
      await stage.scan(day + m * MINUTE);
    }
    expect(await stage.alerts({ credential: 'steady', open: true })).toEqual([]);
    expect(await stage.alerts({ credential: 'steady' })).toMatchObject([{ state: 'resolved' }]);
  }, 120_000);

  test('a rotation moves traffic from one key to the other, and nothing is unusual', async () => {
    const [old, key] = [await stage.key('moving', 'draining'), await stage.key('moving', 'current')];
    const from = START + 2 * DAY;
    await stage.use({ until: from, counts: [{ key: old, from: START, each: around(2_880, 30) }] });
    await stage.scan(from);
    const oldShare = Array.from({ length: 60 }, (_, n) => Math.max(0, 30 - n));
    for (let m = 0; m < 60; m += 3) {
      const now = oldShare.slice(m, m + 3);
      await stage.use({ until: from + (m + 3) * MINUTE, counts: [{ key: old, from: from + m * MINUTE, each: now }, { key, from: from + m * MINUTE, each: now.map((count) => 30 - count) }] });
      await stage.scan(from + (m + 3) * MINUTE);
    }
    expect(await stage.alerts({ credential: 'moving' })).toEqual([]);
  });

  test('an old key that is used after its overlap is told of, with who uses it, and clears when it is quiet', async () => {
    const now = START + 3 * DAY;
    const old = await stage.key('retired', 'draining', { drainsSince: now - 90 * MINUTE });
    await stage.key('retired', 'current');
    await stage.use({ until: now - 40 * MINUTE, counts: [{ key: old, from: now - 80 * MINUTE, each: times(30, 3) }] });
    await stage.scan(now - 40 * MINUTE);
    expect(await rulesOf('retired'), 'within the overlap that is no news').toEqual([]);
    await stage.use({ until: now, counts: [{ key: old, from: now - 5 * MINUTE, each: times(5, 3) }], callers: [{ key: old, address: '10.1.2.3', agent: 'billing/2.1', at: now - MINUTE }] });
    await stage.scan(now);
    expect(await rulesOf('retired')).toEqual(['retired_key_in_use firing']);
    expect(await stage.detail('retired', 'retired_key_in_use')).toMatchObject({ subject: `key:${old.id}`, facts: { 'Used by': '10.1.2.3 (billing/2.1)' }, happened: expect.stringContaining('15 times') });
    for (let m = 5; m <= 40; m += 5) {
      await stage.use({ until: now + m * MINUTE });
      await stage.scan(now + m * MINUTE);
    }
    expect(await rulesOf('retired')).toEqual([]);
  });

  test('a key that was revoked and is tried is critical, and said to be worse when it is served', async () => {
    const now = START + 4 * DAY;
    const dead = await stage.key('revoked', 'revoked', { revokedAt: now - 60 * MINUTE });
    await stage.use({ until: now, counts: [{ key: dead, from: now - 60 * MINUTE, each: [9] }] });
    await stage.scan(now);
    expect(await rulesOf('revoked'), 'what was under way as it died is no attempt').toEqual([]);
    await stage.use({ until: now + MINUTE, counts: [{ key: dead, from: now, each: [{ requests: 2, denied: 2 }] }], callers: [{ key: dead, address: '203.0.113.9', agent: '', at: now, denied: 2 }] });
    await stage.scan(now + MINUTE);
    expect(await stage.detail('revoked', 'revoked_key_tried')).toMatchObject({ severity: 'critical', title: 'revoked: a revoked key is tried', facts: { 'Tried by': '203.0.113.9' } });
    await stage.use({ until: now + 2 * MINUTE, counts: [{ key: dead, from: now + MINUTE, each: [1] }] });
    await stage.scan(now + 2 * MINUTE);
    expect((await stage.alerts({ credential: 'revoked' })).map(({ title }) => title).sort()).toEqual(['revoked: a revoked key is tried', 'revoked: a revoked key still works']);
  });

  test('failures, refused keys, a rate beyond the declared, hours and networks: each is told of by its own rule', async () => {
    const now = START + 7 * DAY + 22 * 60 * MINUTE;
    const keys = Object.fromEntries(await Promise.all(['broken', 'guessed', 'limited', 'nightly', 'indoors'].map(async (name) => [name, await stage.key(name, 'current')] as const)));
    const key = (name: string) => keys[name] ?? (() => { throw new Error(name); })();
    await stage.use({ until: now, counts: [
      { key: key('broken'), from: now - 10 * MINUTE, each: Array.from({ length: 10 }, () => ({ requests: 10, failed: 4 })) },
      { key: key('guessed'), from: now - 10 * MINUTE, each: Array.from({ length: 10 }, () => ({ requests: 5, denied: 4 })) },
      { key: key('limited'), from: now - 6 * MINUTE, each: times(6, 150) },
      { key: key('nightly'), from: now - MINUTE, each: [1] },
      { key: key('indoors'), from: now - MINUTE, each: [2] },
    ], callers: [{ key: key('indoors'), address: '10.9.9.9', at: now - MINUTE }, { key: key('indoors'), address: '2001:db8::9', at: now - MINUTE }] });
    await stage.scan(now);
    expect(await rulesOf('broken')).toEqual(['error_rate firing']);
    expect(await rulesOf('guessed')).toEqual(['failed_authentications firing']);
    expect(await rulesOf('limited')).toEqual(['request_rate firing']);
    expect(await rulesOf('nightly')).toEqual(['outside_hours firing']);
    expect(await rulesOf('indoors')).toEqual(['outside_networks firing']);
    expect((await stage.alerts({ credential: 'indoors' }))[0]).toMatchObject({ actual: '2001:db8::9 (app/1.0)', severity: 'critical' });
  });

  test('networks and programs are learned for a week, then what is new is told of for a day; refused attempts teach nothing', async () => {
    const key = await stage.key('stranger', 'current');
    const begin = START + 10 * DAY;
    const visit = async (at: number, address: string, agent: string, denied = 0) => {
      await stage.use({ until: at + MINUTE, counts: [{ key, from: at, each: [{ requests: 1, denied }] }], callers: [{ key, address, agent, at, denied }] });
      await stage.scan(at + MINUTE);
    };
    await visit(begin, '10.0.0.1', 'app/1.0');
    await visit(begin + 3 * DAY, '10.0.1.1', 'app/1.1');
    expect(await rulesOf('stranger'), 'it is still being learned').toEqual([]);
    await visit(begin + 8 * DAY, '10.0.1.200', 'app/2.0');
    await visit(begin + 8 * DAY + MINUTE, '198.51.100.7', 'curl/8.5', 1);
    expect(await rulesOf('stranger'), 'a network that is known, another version, and an attempt').toEqual([]);
    await visit(begin + 8 * DAY + 2 * MINUTE, '198.51.100.7', 'curl/8.5');
    expect(await rulesOf('stranger')).toEqual(['new_network firing', 'new_user_agent firing']);
    expect(await stage.detail('stranger', 'new_network')).toMatchObject({ actual: '198.51.100.7 (curl/8.5)', facts: { Network: '198.51.100.0/24' } });
    for (let h = 24; h <= 28; h += 1) await visit(begin + 8 * DAY + h * 60 * MINUTE, '10.0.0.1', 'app/2.0');
    expect(await rulesOf('stranger'), 'by then it is known').toEqual([]);
  });

  test('a credential that was silent for a month and is used again is told of', async () => {
    const key = await stage.key('sleeper', 'current');
    const begin = START + 20 * DAY;
    await stage.use({ until: begin + MINUTE, counts: [{ key, from: begin, each: [5] }] });
    await stage.scan(begin + MINUTE);
    const later = begin + 31 * DAY;
    await stage.use({ until: later + MINUTE, counts: [{ key, from: later, each: [1] }] });
    await stage.scan(later + MINUTE);
    expect(await rulesOf('sleeper')).toEqual(['dormant_key_waking firing']);
    expect((await stage.alerts({ credential: 'sleeper' }))[0]).toMatchObject({ actual: 'used again after 31 days' });
  });

  test('a scan that dies after it learned and before it told finds the same again, and learns nothing twice', async () => {
    const key = await stage.key('dying', 'current');
    const at = START + 60 * DAY;
    await stage.use({ until: at + DAY, counts: [{ key, from: at, each: around(1_440, 20) }] });
    await stage.scan(at + DAY);
    await stage.use({ until: at + DAY + 2 * MINUTE, counts: [{ key, from: at + DAY, each: [300, 300] }] });
    await expect(stage.scan(at + DAY + 2 * MINUTE, noteless(stage.context))).rejects.toThrow('died here');
    const [learned] = await stage.scans.watched(SOURCE, ['dying']);
    expect(await stage.alerts({ credential: 'dying' })).toEqual([]);
    await stage.scan(at + DAY + 2 * MINUTE);
    expect(await rulesOf('dying')).toEqual(['unusual_traffic firing']);
    const [again] = await stage.scans.watched(SOURCE, ['dying']);
    expect(again).toMatchObject({ until: learned?.until, counts: learned?.counts, record: learned?.record });
  });

  test('a scan that could not look at every source is not done: that it stands still is told elsewhere', async () => {
    const key = await stage.key('unlooked', 'current');
    const at = START + 65 * DAY;
    await stage.use({ until: at, counts: [{ key, from: at - MINUTE, each: [1] }] });
    await stage.scan(at);
    expect(await stage.ledger.sinceDone(SCAN)).toBeLessThan(MINUTE);
    const blind = { ...stage.context, scans: { ...stage.scans, activeCredentials: async () => { throw new Error('the ledger is slow today'); } } };
    await stage.scan(at + 5 * MINUTE, blind);
    expect(await stage.ledger.sinceDone(SCAN)).toBeGreaterThan(4 * MINUTE);
    await stage.scan(at + 5 * MINUTE);
    expect(await stage.ledger.sinceDone(SCAN)).toBeLessThan(MINUTE);
  });

  test('of a source that shows nothing new no alert ends; a rule that is turned off ends its alerts', async () => {
    const key = await stage.key('blind', 'current');
    const now = START + 70 * DAY;
    await stage.use({ until: now, counts: [{ key, from: now - 10 * MINUTE, each: Array.from({ length: 10 }, () => ({ requests: 20, failed: 20 })) }] });
    await stage.scan(now);
    expect(await rulesOf('blind')).toEqual(['error_rate firing']);
    for (let m = 1; m <= 60; m += 5) await stage.scan(now + m * MINUTE);
    expect(await rulesOf('blind'), 'nobody has seen that it is over').toEqual(['error_rate firing']);
    await stage.declare(scanConfig(NAMES, 'rules: { error_rate: off }', RULES));
    await stage.scan(now + 61 * MINUTE);
    expect(await rulesOf('blind')).toEqual([]);
    await stage.declare(CONFIG);
  });

  test('what callers call themselves reaches people as text, on one line', async () => {
    const now = START + 75 * DAY;
    const key = await stage.key('noisy', 'draining', { drainsSince: now - DAY });
    await stage.key('noisy', 'current');
    await stage.use({ until: now, counts: [{ key, from: now - MINUTE, each: [1] }], callers: [{ key, address: '10.0.0.1', agent: '<!channel> `x` <script>alert(1)</script>', at: now - MINUTE }] });
    await stage.scan(now);
    const alert = await stage.detail('noisy', 'retired_key_in_use');
    expect(alert.facts['Used by']).toBe('10.0.0.1 (<!channel> `x` <script>alert(1)</script>)');
    expect(alert.happened.split('\n')).toHaveLength(1);
  });

  // The embedded ledger belongs to one worker.
  if (runtime.name === 'postgres') test('two workers that scan at once tell once, and learn once', async () => {
    const key = await stage.key('twice', 'current');
    const at = START + 80 * DAY;
    await stage.use({ until: at, counts: [{ key, from: at - 600 * MINUTE, each: around(600, 20) }] });
    await stage.scan(at);
    const other = await stage.another();
    try {
      await stage.use({ until: at + 2 * MINUTE, counts: [{ key, from: at, each: [400, 400] }] });
      await Promise.all([stage.scan(at + 2 * MINUTE), stage.scan(at + 2 * MINUTE, other.context)]);
      expect(await stage.alerts({ credential: 'twice' })).toMatchObject([{ rule: 'unusual_traffic' }]);
      expect(await stage.detail('twice', 'unusual_traffic')).toMatchObject({ timesTold: 1 });
      expect(await stage.scans.watched(SOURCE, ['twice'])).toMatchObject([{ until: at + 2 * MINUTE }]);
    } finally {
      await other.close();
    }
  });
});
