/** The heartbeat is called while all is well and only then; what it judges by is told by metrics, `status` and `doctor` too. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { beat, SWEEP, troubles } from '../../src/app/heartbeat.ts';
import type { Context } from '../../src/app/context.ts';
import { doctor } from '../../src/app/doctor.ts';
import { createHealth } from '../../src/app/health.ts';
import { status } from '../../src/app/status.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { Queue } from '../../src/ports/queue.ts';
import { load } from '../config/support.ts';
import { refusal } from '../contracts/channel.ts';
import { noticeOf } from '../ledger/fixtures.ts';
import { startAnswers, type Answers } from '../support/answers.ts';
import { createModelLedger } from '../support/model-ledger/index.ts';

const MINUTE = 60_000;
const VARIABLE = 'KEYTURN_TEST_HEARTBEAT';
const TOKEN = 'ping-0123456789abcdef';
const { config } = load('version: 1');
const never = new AbortController().signal;

describe('the call to the watcher', () => {
  let watcher: Answers;
  afterEach(async () => {
    delete process.env[VARIABLE];
    await watcher?.stop();
  });
  const called = (url: string | { from: 'env'; name: string } = watcher.url, timeout = 3_000) => beat({ url, every: MINUTE, timeout }, never);

  test('is a GET, and any answer of success will do', async () => {
    watcher = await startAnswers({ status: 204 });
    await called();
    expect(watcher.asked).toMatchObject([{ method: 'GET', path: '/healthz', headers: { 'user-agent': 'keyturn' } }]);
  });

  test.each([[{ status: 500 }, /answered 500/], [{ status: 404 }, /answered 404/], [{ status: 302, headers: { location: '/elsewhere' } }, /answered 302/], [{ fault: 'cut' }, /gave no answer/], [{ fault: 'hang' }, /does not answer in time/]] as const)('%j is none', async (reply, says) => {
    watcher = await startAnswers(reply);
    expect(await refusal(called(watcher.url, 500))).toMatchObject({ code: 'CHANNEL_UNAVAILABLE', sentence: expect.stringMatching(says) });
    expect(watcher.asked).toHaveLength(1);
  });

  test('does not wait for the end of an answer that has none', async () => {
    watcher = await startAnswers({ fault: 'endless' });
    await called();
  });

  test('by an address with a token in it calls that address, and shows it nowhere', async () => {
    watcher = await startAnswers({ status: 503 });
    process.env[VARIABLE] = `${watcher.url}?token=${TOKEN}`;
    const error = await refusal(called({ from: 'env', name: VARIABLE }));
    expect(watcher.asked[0]?.path).toBe(`/healthz?token=${TOKEN}`);
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(TOKEN);
    process.env[VARIABLE] = `ftp://watcher.example/${TOKEN}`;
    const wrong = await refusal(called({ from: 'env', name: VARIABLE }));
    expect(wrong.code).toBe('CONFIG_INVALID');
    expect(`${wrong.stack} ${JSON.stringify(wrong)}`).not.toContain(TOKEN);
  });
});

describe('whether all is well', () => {
  let now: number;
  let ledger: Ledger;
  let healthy: boolean;
  const queue = { healthy: async () => healthy, counts: async () => [], backend: 'redis' } as unknown as Queue;
  const found = (sweepMs = MINUTE): Promise<readonly string[]> => troubles({ ledger, queue, sweepMs });
  const failing = async (channel: string): Promise<void> => {
    await ledger.notify(noticeOf(`to ${channel}`), [channel], 1);
    const [id = ''] = await ledger.deliverable(1, channel);
    const delivery = await ledger.leaseDelivery(id, 'w', MINUTE);
    if (delivery === null) throw new Error('not deliverable');
    await ledger.undelivered(delivery, 'Slack answered HTTP 503.', MINUTE);
  };
  const metrics = async (): Promise<readonly string[]> => (await createHealth({ ledger, drills: { latest: async () => [] }, queue, version: '1' }).metrics()).split('\n').filter((line) => /^keyturn_(channel|up)/.test(line));

  beforeEach(async () => {
    now = Date.parse('2026-05-01T00:00:00Z');
    healthy = true;
    ({ ledger } = createModelLedger({ now: () => now }));
    await ledger.noteDone(SWEEP);
  });

  test('it is, after a sweep, and for three of its intervals; at least five minutes', async () => {
    expect(await found()).toEqual([]);
    now += 5 * MINUTE;
    expect(await found()).toEqual([]);
    now += 1;
    expect(await found()).toEqual(['No sweep was done lately.']);
    expect(await found(10 * MINUTE)).toEqual([]);
    now += 26 * MINUTE;
    expect(await found(10 * MINUTE)).toEqual(['No sweep was done lately.']);
  });

  test('it is not before the first sweep, without the queue, or without the ledger', async () => {
    healthy = false;
    expect(await found()).toEqual(['The queue does not answer.']);
    healthy = true;
    expect(await troubles({ ledger: createModelLedger({ now: () => now }).ledger, queue, sweepMs: MINUTE })).toEqual(['No sweep was done lately.']);
    const down = { ...ledger, ping: async () => { throw new Error('connection refused'); } };
    expect(await troubles({ ledger: down, queue, sweepMs: MINUTE })).toEqual([expect.stringContaining('connection refused')]);
  });

  test('it is not once a channel takes nothing for a quarter of an hour, whether it refuses or nobody gets to it', async () => {
    await failing('ops');
    await ledger.notify(noticeOf('to mail'), ['mail'], 1);
    now += 14 * MINUTE;
    await ledger.noteDone(SWEEP);
    expect(await found()).toEqual([]);
    now += MINUTE;
    expect(await found()).toEqual(['Messages to mail do not get through.', 'Messages to ops do not get through.']);
  });

  test('`status` and `doctor` tell of a channel that fails for that long, with what it said last, and leave it alone before', async () => {
    await failing('ops');
    const context = { ledger, queue, alerts: { open: async () => [] }, engine: { ledger, worker: 'w' }, warnings: () => [], channelDefinitions: () => [], sources: { names: () => [] }, intake: { left: () => [] }, leakSources: { names: () => [] }, drills: { latest: async () => [], schedules: async () => [] }, responses: { figures: async () => ({ hour: 0, byIssuer: {}, waiting: 0, tripped: 0 }) }, leaks: { leakFigures: async () => [], leaks: async () => [] }, config: () => config, version: '1', startedAt: new Date(now) } as unknown as Context;
    const told = async () => (await doctor(context)).filter(({ subject }) => subject === 'channel');
    now += 14 * MINUTE;
    expect(await told()).toEqual([]);
    now += 6 * MINUTE;
    expect(await told()).toEqual([{ subject: 'channel', name: 'ops', level: 'problem', message: 'Nothing got through for 20 minutes; 1 wait, 0 were refused. The last attempt: Slack answered HTTP 503.' }]);
    expect((await status(context)).channels).toEqual([{ channel: 'ops', waiting: 1, stuck: 0, oldestAgeMs: 20 * MINUTE, failingMs: 20 * MINUTE, lastError: 'Slack answered HTTP 503.' }]);
  });

  test('metrics tell by channel how old the oldest waiting message is and for how long it fails, and nothing of a channel that is well', async () => {
    expect(await metrics()).toEqual(['keyturn_up 1']);
    await failing('ops');
    await ledger.notify(noticeOf('to mail'), ['mail'], 1);
    now += 90_000;
    expect(await metrics()).toEqual(['keyturn_channel_delivery_lag_seconds{channel="mail"} 90', 'keyturn_channel_delivery_lag_seconds{channel="ops"} 90', 'keyturn_channel_failing_seconds{channel="ops"} 90', 'keyturn_up 1']);
    for (const channel of ['mail', 'ops']) {
      const [id = ''] = await ledger.deliverable(1, channel);
      const delivery = await ledger.leaseDelivery(id, 'w', MINUTE);
      if (delivery !== null) await ledger.delivered(delivery, 'r');
    }
    expect(await metrics()).toEqual(['keyturn_up 1']);
  });
});
