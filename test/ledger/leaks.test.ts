/** Reported leaks in the ledger: taken once and whole, one question however many, one worker at a time, and never a value. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LeakDelivered, LeakSeen, SettledLeak } from '../../src/ports/leak-ledger.ts';
import { openOn, openRuntime, RUNTIMES } from '../support/runtimes.ts';
import { ACTOR, declared, fresh, keyOf, MINUTE } from './fixtures.ts';
import { LEDGERS, type OpenLedger } from './ledgers.ts';

const print = (text: string): string => createHash('sha256').update(text).digest('hex');
const value = (text: string, more: Partial<LeakSeen> = {}): LeakSeen => ({ form: 'value', fingerprint: print(text), sought: null, looksLike: null, url: 'https://example.com/x', foundAt: null, detail: null, ...more });
const delivered = (leaks: readonly LeakSeen[], more: Partial<LeakDelivered> = {}): LeakDelivered => ({ source: 'scanner', deliveryId: fresh('delivery'), leaks, malformed: 0, ...more });
const settled = (outcome: SettledLeak['outcome']): SettledLeak => ({ outcome, rotationId: null, message: 'It is.', audit: { actor: ACTOR, credential: null, rotationId: null, keyId: null, detail: {} }, notices: [], noticeOrigin: 'leak:x' });

describe.each(LEDGERS)('reported leaks on $name', (kind) => {
  let open: OpenLedger;
  beforeAll(async () => {
    open = await kind.open();
    await declared(open.ledger, 'a', 'b', 'c');
    for (const name of ['a', 'b', 'c']) await open.ledger.adopt(keyOf(name, { state: 'current', fingerprint: print(`value of ${name}`) }), ACTOR, {});
  });
  afterAll(() => open.close());

  /** Works off what waits, so that tests do not see each other's. */
  const finish = async (): Promise<void> => {
    for (const what of ['ready', 'hash', 'reference'] as const) for (const leak of await open.leaks.claim(what, 'finisher', MINUTE, 2_000)) await open.leaks.settle(leak, 'finisher', settled('unknown'));
  };

  test('10,000 of which 3 are ours: one statement, three rows, the others counted', async () => {
    const leaks = Array.from({ length: 10_000 }, (_, n) => value(`stranger ${n}`));
    for (const [at, name] of [[10, 'a'], [5_000, 'b'], [9_999, 'c']] as const) leaks[at] = value(`value of ${name}`, { url: `https://example.com/${name}` });
    const before = Date.now();
    expect(await open.leaks.take(delivered(leaks, { source: 'many' }))).toEqual({ outcome: 'taken', matched: 3, alike: 0, sought: 0 });
    expect(Date.now() - before).toBeLessThan(10_000);
    expect((await open.leaks.leaks({ source: 'many' }, 100)).map(({ credential, url }) => `${credential} ${url}`).toSorted()).toEqual(['a https://example.com/a', 'b https://example.com/b', 'c https://example.com/c']);
    expect((await open.leaks.leakFigures()).find(({ source }) => source === 'many')).toMatchObject({ deliveries: 1, leaks: 10_000, foreign: 9_997 });
    const [event] = await open.ledger.auditEvents({}, { limit: 1 });
    expect(event).toMatchObject({ type: 'leak.reported', actor: { who: 'leak:many' }, detail: { leaks: 10_000, matched: 3 } });
    await finish();
  });

  test('the same delivery again changes nothing, whoever takes it and however many at once', async () => {
    const one = delivered([value('value of a')], { source: 'again' });
    const outcomes = await Promise.all([1, 2, 3].map(() => open.leaks.take(one)));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['repeated', 'repeated', 'taken']);
    expect(await open.leaks.leaks({ source: 'again' }, 10)).toHaveLength(1);
    expect((await open.leaks.take({ ...one, source: 'another' })).outcome).toBe('taken');
    await finish();
  });

  test('those that look like keys of ours are kept, a thousand of a delivery at most; the rest is counted', async () => {
    const leaks = Array.from({ length: 1_200 }, (_, n) => value(`alike ${n}`, { looksLike: 'hm' }));
    expect(await open.leaks.take(delivered([...leaks, value('value of a', { looksLike: 'hm' })], { source: 'alike' }))).toEqual({ outcome: 'taken', matched: 1, alike: 1_000, sought: 0 });
    expect((await open.leaks.leakFigures()).find(({ source }) => source === 'alike')).toMatchObject({ leaks: 1_201, foreign: 200 });
    await finish();
  });

  test('a leak is one worker’s until it lets go, dies, or has settled it; and is settled once', async () => {
    await open.leaks.take(delivered([value('value of b')], { source: 'one' }));
    const [held] = await open.leaks.claim('ready', 'w1', MINUTE, 10);
    if (held === undefined) throw new Error('it waits');
    expect(held).toMatchObject({ credential: 'b', attempts: 1, intent: null, outcome: null });
    expect(await open.leaks.claim('ready', 'w2', MINUTE, 10)).toEqual([]);
    await open.leaks.intend(held, 'w1', 'emergency');
    await open.advanceClock(2 * MINUTE);
    const [taken] = await open.leaks.claim('ready', 'w2', MINUTE, 10);
    expect(taken).toMatchObject({ id: held.id, attempts: 2, intent: 'emergency' });
    await expect(open.leaks.settle(held, 'w1', settled('unknown'))).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await expect(open.leaks.intend(held, 'w1', 'told')).rejects.toMatchObject({ code: 'LEASE_LOST' });
    if (taken !== undefined) await open.leaks.settle(taken, 'w2', settled('emergency'));
    await expect(open.leaks.settle(taken ?? held, 'w2', settled('told'))).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await open.leaks.leaks({ source: 'one' }, 10)).toMatchObject([{ outcome: 'emergency', settledAt: expect.any(Date), message: 'It is.' }]);
    expect((await open.ledger.auditEvents({}, { limit: 10 })).filter(({ type }) => type === 'leak.emergency')).toHaveLength(1);
  });

  test('one that could not be worked on waits, with why; what waits is known', async () => {
    await open.leaks.take(delivered([value('value of c'), { ...value(''), form: 'hash', fingerprint: null, sought: 'sha256:ab' }, { ...value(''), form: 'reference', fingerprint: null, sought: '{}' }], { source: 'later' }));
    expect(await open.leaks.waiting()).toEqual({ ready: true, hash: true, reference: true });
    const [held] = await open.leaks.claim('reference', 'w1', MINUTE, 10);
    if (held === undefined) throw new Error('it waits');
    await open.leaks.postpone(held, 'w1', 'GitHub answers 503.', 5 * MINUTE);
    expect(await open.leaks.waiting()).toEqual({ ready: true, hash: true, reference: false });
    expect((await open.leaks.leaks({ source: 'later', open: true }, 10)).find(({ id }) => id === held.id)).toMatchObject({ lastError: 'GitHub answers 503.', outcome: null });
    await open.advanceClock(6 * MINUTE);
    const [again] = await open.leaks.claim('reference', 'w1', MINUTE, 10);
    if (again === undefined) throw new Error('it waits');
    await open.leaks.found(again, 'w1', { fingerprint: print('value of c'), looksLike: null, url: 'https://example.com/found', foundAt: null, detail: null });
    expect((await open.leaks.leaks({ source: 'later' }, 10)).find(({ id }) => id === held.id)).toMatchObject({ credential: 'c', sought: null, url: 'https://example.com/x' });
    await finish();
    expect(await open.leaks.waiting()).toEqual({ ready: false, hash: false, reference: false });
  });

  test('what is settled is forgotten: of others after 90 days, of ours after 400, what waits never; with its delivery, which may then come again', async () => {
    const DAY = 24 * 60 * MINUTE;
    const one = delivered([value('value of a'), value('nobody', { looksLike: 'hm' })], { source: 'old' });
    await open.leaks.take(one);
    await finish();
    await open.leaks.take(delivered([{ ...value(''), form: 'reference', fingerprint: null, sought: '{}' }], { source: 'old' }));
    const left = async (afterDays: number): Promise<readonly (string | null)[]> => {
      await open.advanceClock(afterDays * DAY);
      // A delivery takes a thousand away, and tests before this one have left more.
      for (let n = 0; n < 3; n += 1) await open.leaks.take(delivered([value('stranger')], { source: 'new' }));
      return (await open.leaks.leaks({ source: 'old' }, 10)).map(({ credential, outcome }) => credential ?? outcome);
    };
    expect(await left(89)).toEqual([null, 'unknown', 'a']);
    expect((await open.leaks.take(one)).outcome).toBe('repeated');
    expect(await left(2)).toEqual([null, 'a']);
    expect((await open.leaks.take(one)).outcome).toBe('taken');
    await finish();
    expect(await left(308)).toEqual(['a', 'a']);
    expect(await left(2)).toEqual(['a']);
    await open.advanceClock(-401 * DAY);
  });

  test('a key of ours comes before a thousand that only look so', async () => {
    await open.leaks.take(delivered([...Array.from({ length: 60 }, (_, n) => value(`before ${n}`, { looksLike: 'hm' })), value('value of a')], { source: 'order' }));
    expect((await open.leaks.claim('ready', 'finisher', MINUTE, 1)).map(({ credential }) => credential)).toEqual(['a']);
    await open.advanceClock(2 * MINUTE);
    await finish();
  });
});

describe.each(RUNTIMES.filter(({ name }) => name === 'embedded'))('reported leaks of a worker that died on $name', (runtime) => {
  test('are free at once', async () => {
    const open = await openRuntime(runtime);
    await declared(open.ledger, 'a');
    await open.ledger.adopt(keyOf('a', { state: 'current', fingerprint: print('value of a') }), ACTOR, {});
    await open.leaks.take(delivered([value('value of a')], { source: 'dead' }));
    expect(await open.leaks.claim('ready', 'w1', 60 * MINUTE, 10)).toHaveLength(1);
    const { running } = open;
    await open.queue.close(1_000);
    await open.ledger.close();
    const other = await openOn(running);
    expect(await other.leaks.claim('ready', 'w2', MINUTE, 10)).toHaveLength(1);
    await other.close();
    await running.stop();
  });
});
