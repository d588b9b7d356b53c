/** The outbox against sinks that fail in every way: nothing lost, in order, at the pace that each bears. */
import { setTimeout as wait } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { deliver, type Delivering } from '../../src/alerts/deliver.ts';
import { tellOfFailing } from '../../src/alerts/failing.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Limit } from '../../src/core/pace.ts';
import type { Notice } from '../../src/core/vocabulary.ts';
import type { Channel, Outgoing } from '../../src/ports/channel.ts';
import type { Log } from '../../src/ports/log.ts';
import { createModelLedger } from '../support/model-ledger/index.ts';
import { sampleNotice } from '../contracts/channel.ts';

const MINUTE = 60_000;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const never = new AbortController().signal;

/** A sink whose answers a test decides; the ledger's clock is the test's. */
class Sink implements Channel {
  readonly type = 'fake';
  readonly capabilities = { reconcile: false };
  readonly sent: Outgoing[] = [];
  tries = 0;
  answer: (message: Outgoing) => Promise<void> | void = () => undefined;
  readonly name: string;
  readonly limits: readonly Limit[];

  constructor(name: string, limits: readonly Limit[] = []) {
    this.name = name;
    this.limits = limits;
  }

  async send(message: Outgoing): Promise<string> {
    this.tries += 1;
    await this.answer(message);
    this.sent.push(message);
    return `receipt-${this.sent.length}`;
  }

  async probe(): Promise<void> {}
}

const busy = (retryAfterMs: number): KeyturnError => new KeyturnError('CHANNEL_UNAVAILABLE', 'It asks for fewer messages.', { retryAfterMs, effect: 'none' });
const down = (): KeyturnError => new KeyturnError('CHANNEL_UNAVAILABLE', 'It answers 503.');

describe('delivering', () => {
  let now: number;
  let ops: Sink;
  let mail: Sink;
  let ledger: ReturnType<typeof createModelLedger>['ledger'];
  let delivering: Delivering;

  beforeEach(() => {
    now = Date.parse('2026-05-01T00:00:00Z');
    ({ ledger } = createModelLedger({ now: () => now }));
    [ops, mail] = [new Sink('ops'), new Sink('mail')];
    delivering = { ledger, log: quiet, worker: 'w', channel: async (name) => [ops, mail].find((sink) => sink.name === name) ?? null };
  });

  const tell = (key: string, channels: readonly string[] = ['ops'], more: Partial<Notice> = {}): Promise<void> => ledger.notify({ ...sampleNotice, ...more, dedupeKey: key }, channels, 1);
  const turn = (): Promise<number> => deliver(delivering, never);
  const keys = (sink: Sink): readonly string[] => sink.sent.map((message) => message.notice.dedupeKey);

  const attempts = async (): Promise<readonly number[]> => (await ledger.deliveries({ state: 'waiting' }, { limit: 9 })).map((one) => one.attempts).sort((a, b) => a - b);

  it('a busy channel delays no other, and its messages wait without being tried', async () => {
    ops = new Sink('ops', [{ key: 'ops', everyMs: 1, burst: 100 }]);
    ops.answer = () => {
      throw busy(10 * MINUTE);
    };
    for (const key of ['a', 'b', 'c']) await tell(key, ['ops', 'mail']);
    expect(await turn()).toBe(3);
    expect(keys(mail)).toEqual(['a', 'b', 'c']);
    expect(ops.tries).toBe(1);
    now += 9 * MINUTE;
    await turn();
    expect([ops.tries, await attempts()]).toEqual([1, [0, 0, 1]]);
    ops.answer = () => undefined;
    now += 2 * MINUTE;
    expect(await turn()).toBe(3);
  });

  it('a channel that is down is tried a few times a turn, not once for each message that waits', async () => {
    ops.answer = () => {
      throw down();
    };
    for (let n = 0; n < 20; n += 1) await tell(`n${n}`);
    await turn();
    expect(ops.tries).toBe(3);
  });

  it('a slow channel delays no other', async () => {
    const { promise, resolve: release } = Promise.withResolvers<void>();
    ops.answer = () => promise;
    for (const key of ['a', 'b']) await tell(key, ['ops', 'mail']);
    const turning = turn();
    await until(() => mail.sent.length === 2 && ops.tries === 1);
    ops.answer = () => undefined;
    release();
    expect(await turning).toBe(4);
  });

  it('keeps the pace of the sink, of all workers together', async () => {
    const everyMs = 40;
    ops = new Sink('ops', [{ key: 'ops', everyMs, burst: 1 }]);
    const began = performance.now();
    ({ ledger } = createModelLedger({ now: () => Math.floor(performance.timeOrigin + performance.now()) }));
    const at: number[] = [];
    ops.answer = () => void at.push(performance.now() - began);
    for (let n = 0; n < 8; n += 1) await tell(`n${n}`);
    const workers = ['w1', 'w2'].map((worker) => deliver({ ...delivering, ledger, worker }, never));
    const sent = (await Promise.all(workers)).reduce((sum, n) => sum + n, 0);
    expect(sent).toBe(8);
    expect(new Set(keys(ops)).size).toBe(8);
    // Timers may be late, never early by more than their own rounding: so many can't have gone any faster.
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(7 * everyMs - 2 * everyMs);
  });

  it('a second turn of the same worker leaves a channel alone that is being delivered to', async () => {
    const { promise, resolve: release } = Promise.withResolvers<void>();
    ops.answer = () => promise;
    await tell('a');
    const underWay = new Set<string>();
    const first = deliver({ ...delivering, underWay }, never);
    await until(() => ops.tries === 1);
    await tell('b');
    expect(await deliver({ ...delivering, underWay }, never)).toBe(0);
    ops.answer = () => undefined;
    release();
    await first;
    await deliver({ ...delivering, underWay }, never);
    expect(keys(ops)).toEqual(['a', 'b']);
  });

  it('nothing is lost to a channel that answers with every fault, and what is refused is kept for a person', async () => {
    const faults = [down, () => busy(3_000), () => new KeyturnError('CHANNEL_UNAVAILABLE', 'reset', { effect: 'unknown' }), () => new Error('a defect')];
    let n = 0;
    ops.answer = ({ notice }) => {
      if (notice.dedupeKey === 'bad') throw new KeyturnError('CHANNEL_REFUSED', 'no', { effect: 'none' });
      n += 1;
      const fault = faults[n % (faults.length + 2)];
      if (fault !== undefined) throw fault();
    };
    for (let i = 0; i < 30; i += 1) await tell(i === 7 ? 'bad' : `n${i}`);
    for (let turns = 0; turns < 400 && ops.sent.length < 29; turns += 1) {
      await turn();
      now += 20_000;
    }
    expect(new Set(keys(ops)).size).toBe(29);
    expect(ops.sent).toHaveLength(29);
    expect((await ledger.deliveries({ state: 'stuck' }, { limit: 9 })).map((one) => one.notice.dedupeKey)).toEqual(['bad']);
  });

  it('a worker that died between the sink’s taking a message and writing that down: another sends it again, as a later attempt', async () => {
    await tell('a');
    const [id = ''] = await ledger.deliverable(1);
    await ledger.leaseDelivery(id, 'dead', MINUTE);
    expect(await turn()).toBe(0);
    now += 2 * MINUTE;
    expect(await turn()).toBe(1);
    expect(ops.sent[0]).toMatchObject({ deliveryId: id, attempt: 2 });
  });

  it('a channel that fails for a quarter of an hour is told of on the others, once, and not on itself', async () => {
    ops.answer = () => {
      throw down();
    };
    await tell('a');
    await turn();
    await tellOfFailing(ledger, ['ops'], ['ops', 'mail']);
    now += 16 * MINUTE;
    await turn();
    for (let n = 0; n < 3; n += 1) await tellOfFailing(ledger, ['ops'], ['ops', 'mail']);
    await turn();
    expect(mail.sent.map((message) => message.notice)).toEqual([expect.objectContaining({ kind: 'channel_failing', severity: 'critical', title: 'Channel ops takes no messages' })]);
    ops.answer = () => undefined;
    now += 10 * MINUTE;
    await turn();
    expect(await ledger.channelLags()).toEqual([]);
  });
});

async function until(holds: () => boolean): Promise<void> {
  const ends = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > ends) throw new Error('it did not come about');
    await wait(2);
  }
}
