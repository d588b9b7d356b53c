/** What all workers share of time, and how channels fare: the same words for SQL on each runtime and for the model. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../../src/ports/ledger.ts';
import { noticeOf } from './fixtures.ts';
import { LEDGERS, type OpenLedger } from './ledgers.ts';

const MINUTE = 60_000;
/** The clock of the SQL ledgers goes on by itself while a test runs. */
const SLACK_MS = 5_000;
const NOON = new Date('2027-01-01T12:00:00Z');

describe.each(LEDGERS)('time that workers share on $name', ({ open: openLedger }) => {
  let open: OpenLedger;
  let ledger: Ledger;
  beforeAll(async () => {
    open = await openLedger();
    ({ ledger } = open);
    await open.setClock(NOON);
  });
  afterAll(() => open.close());

  test('a bucket gives its burst at once, then one at each interval, to all workers together', async () => {
    const limit = { key: 'burst', everyMs: MINUTE, burst: 2 };
    const { ledgers: [one, other], close } = await open.twoWorkers();
    expect(await one.takePace([limit])).toBe(0);
    expect(await other.takePace([limit])).toBe(0);
    for (const ledgerOf of [one, other]) {
      const waits = await ledgerOf.takePace([limit]);
      expect(waits).toBeGreaterThan(MINUTE - SLACK_MS);
      expect(waits).toBeLessThanOrEqual(MINUTE);
    }
    await open.advanceClock(MINUTE);
    expect(await one.takePace([limit])).toBe(0);
    expect(await other.takePace([limit])).toBeGreaterThan(0);
    await close();
  });

  test('of many who ask at once, one gets the place', async () => {
    const limit = { key: 'many', everyMs: MINUTE, burst: 1 };
    const places = await Promise.all(Array.from({ length: 5 }, () => ledger.takePace([limit])));
    expect(places.filter((ms) => ms === 0)).toHaveLength(1);
  });

  test('of several limits all give one, or none does: who waits for the one uses up nothing of the other', async () => {
    const own = { key: 'own', everyMs: MINUTE, burst: 1 };
    const shared = { key: 'shared', everyMs: 10 * MINUTE, burst: 1 };
    expect(await ledger.takePace([shared])).toBe(0);
    expect(await ledger.takePace([own, shared])).toBeGreaterThan(9 * MINUTE);
    expect(await ledger.takePace([own])).toBe(0);
    await open.advanceClock(10 * MINUTE);
    const both = await Promise.all([[own, shared], [shared, own], [own, shared]].map((limits) => ledger.takePace(limits)));
    expect(both.filter((ms) => ms === 0)).toHaveLength(1);
  });

  test('a sink that asks for a rest gets it', async () => {
    const limit = { key: 'rest', everyMs: 1_000, burst: 5 };
    await ledger.restPace(limit, 10 * MINUTE);
    expect(await ledger.takePace([limit])).toBeGreaterThan(9 * MINUTE);
    await open.advanceClock(10 * MINUTE);
    expect(await ledger.takePace([limit])).toBe(0);
  });

  test('remembers when something was last done', async () => {
    expect(await ledger.sinceDone('nothing')).toBeNull();
    await ledger.noteDone('sweep');
    await open.advanceClock(MINUTE);
    const since = await ledger.sinceDone('sweep');
    expect(since).toBeGreaterThanOrEqual(MINUTE);
    expect(since).toBeLessThan(MINUTE + SLACK_MS);
    await ledger.noteDone('sweep');
    expect(await ledger.sinceDone('sweep')).toBeLessThan(SLACK_MS);
  });

  test('tells which channels have something due, what waits there, and since when nothing gets through', async () => {
    await open.emptyOutbox();
    await ledger.notify(noticeOf('a'), ['ops', 'mail'], 1);
    expect(await ledger.dueChannels()).toEqual(['mail', 'ops']);
    const [id = ''] = await ledger.deliverable(9, 'ops');
    const first = await ledger.leaseDelivery(id, 'w', MINUTE);
    if (first === null) throw new Error('not deliverable');
    expect(await ledger.dueChannels()).toEqual(['mail']);
    await open.advanceClock(20 * MINUTE);
    await ledger.undelivered(first, '503', MINUTE);
    const [mail, ops] = await ledger.channelLags();
    expect(mail).toMatchObject({ channel: 'mail', waiting: 1, stuck: 0, failingMs: null, lastError: null });
    expect(ops).toMatchObject({ channel: 'ops', waiting: 1, stuck: 0, lastError: '503' });
    expect(ops?.failingMs).toBeGreaterThanOrEqual(20 * MINUTE);
    await ledger.notify(noticeOf('b'), ['ops'], 1);
    const [later = ''] = await ledger.deliverable(9, 'ops');
    const second = await ledger.leaseDelivery(later, 'w', MINUTE);
    if (second === null) throw new Error('not deliverable');
    await ledger.delivered(second, 'r');
    await open.advanceClock(MINUTE);
    const failing = (await ledger.channelLags()).find(({ channel }) => channel === 'ops')?.failingMs;
    expect(failing).toBeGreaterThanOrEqual(MINUTE);
    expect(failing).toBeLessThan(MINUTE + SLACK_MS);
  });
});
