import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sqlState } from '../../src/ledger/failures.ts';
import { LANES, type JobDefinition, type Lane, type Queue } from '../../src/ports/queue.ts';
import { openQueue, redisFromUrl } from '../../src/queue/index.ts';
import { until } from '../support/processes.ts';
import { proxyTo } from '../support/proxy.ts';
import { RUNTIMES, openOn, openRuntime, type OpenRuntime } from '../support/runtimes.ts';

const CONCURRENCY = Object.fromEntries(LANES.map((lane) => [lane, 2])) as Record<Lane, number>;

function job(name: string, run: JobDefinition['run'], more: Partial<JobDefinition> = {}): JobDefinition {
  return { name, lane: 'rotation', everyMs: null, run, ...more };
}

function start(queue: Queue, ...jobs: readonly JobDefinition[]): Promise<void> {
  return queue.start(jobs, { concurrency: CONCURRENCY });
}

/** One wake for each id, which is also its key. */
function wakes(...ids: readonly string[]) {
  return ids.map((id) => ({ payload: { id }, dedupeKey: id }));
}

/** A job that runs until told to end. */
function gate() {
  const runs: { readonly payload: unknown; readonly signal: AbortSignal; readonly end: () => void }[] = [];
  const definition = job('gated', (payload, signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    runs.push({ payload, signal, end: resolve });
    return promise;
  });
  return { runs, definition };
}

describe.each(RUNTIMES)('the queue on $name', (runtime) => {
  let open: OpenRuntime;
  const complaints: string[] = [];
  beforeEach(async () => {
    complaints.length = 0;
    const events = { error: (error: Error, where: string) => void complaints.push(`${where}: ${error.message}`) };
    open = await openRuntime(runtime, { reassertMs: 500, events });
  });
  afterEach(() => open.close());

  test('wakes a job with its payload, in its lane', async () => {
    expect(open.queue.backend).toBe(runtime.name);
    const seen: unknown[] = [];
    await start(open.queue, ...LANES.map((lane) => job(`in-${lane}`, async (payload) => void seen.push([lane, payload]), { lane })));
    for (const lane of LANES) expect(await open.queue.wake(`in-${lane}`, { id: lane })).toBe(true);
    await until(() => seen.length === LANES.length);
    expect(seen).toEqual(expect.arrayContaining(LANES.map((lane) => [lane, { id: lane }])));
    expect(await open.queue.healthy()).toBe(true);
    await until(async () => (await open.queue.counts()).every((lane) => lane.active + lane.waiting + lane.failed === 0));
    expect((await open.queue.counts()).map((c) => c.lane)).toEqual(LANES);
  });

  test('answers false for a wake before its start and for a job that nobody defined', async () => {
    expect(await open.queue.wake('gated', {})).toBe(false);
    await start(open.queue);
    expect(await open.queue.wake('gated', {})).toBe(false);
    await expect(start(open.queue, gate().definition)).resolves.toBeUndefined();
  });

  test('wakes with one key that wait are one; one that comes during a run is kept for after it', async () => {
    const { runs, definition } = gate();
    await start(open.queue, definition);
    const wake = () => open.queue.wake('gated', { id: 'r1' }, { dedupeKey: 'r1' });
    await wake();
    await until(() => runs.length === 1);
    await Promise.all([wake(), wake(), wake()]);
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    await until(() => runs.length === 2);
    runs[1]?.end();
    await until(async () => (await open.queue.counts()).every((lane) => lane.active + lane.waiting === 0));
    expect(runs).toHaveLength(2);
    await wake();
    await until(() => runs.length === 3);
    runs[2]?.end();
  });

  test('wakes that come together are as many single ones: one a key while they wait, one more after a run, each with its payload', async () => {
    const { runs, definition } = gate();
    await start(open.queue, definition, job('other', async () => undefined, { lane: 'delivery' }));
    const ids = () => runs.map(({ payload }) => (payload as { id: string }).id).sort();
    expect(await open.queue.wakeAll('gated', [])).toBe(true);
    expect(await open.queue.wakeAll('nobody', wakes('a'))).toBe(false);
    expect(await open.queue.wakeAll('gated', wakes('a', 'a', 'b'))).toBe(true);
    await until(() => runs.length === 2);
    expect(ids()).toEqual(['a', 'b']);
    // Both slots are taken: what comes now for a running key is kept for after it, what waits is one a key.
    await Promise.all([open.queue.wakeAll('gated', wakes('a', 'c')), open.queue.wakeAll('gated', wakes('c', 'a'))]);
    await open.queue.wake('gated', { id: 'c' }, { dedupeKey: 'c' });
    expect(runs).toHaveLength(2);
    const ended = setInterval(() => runs.forEach((run) => run.end()), 10);
    await until(async () => runs.length >= 4 && (await open.queue.counts()).every((lane) => lane.active + lane.waiting === 0));
    clearInterval(ended);
    expect(ids()).toEqual(['a', 'a', 'b', 'c']);
    expect(complaints).toEqual([]);
  });

  test('many wakes together keep each its own delay', async () => {
    await start(open.queue, job('timed', async () => undefined));
    const delayed = async () => (await open.queue.counts()).find((c) => c.lane === 'rotation')?.delayed;
    await open.queue.wakeAll('timed', [{ payload: {}, delayMs: 60_000, dedupeKey: 'k' }, { payload: {}, delayMs: 50_000, dedupeKey: 'k' }, { payload: {}, delayMs: 60_000 }]);
    expect(await delayed()).toBe(2);
  });

  test('a delayed wake waits, gives way to one for now, and the last delay counts', async () => {
    const at: number[] = [];
    await start(open.queue, job('timed', async () => void at.push(Date.now())));
    const began = Date.now();
    const later = (delayMs: number) => open.queue.wake('timed', {}, { delayMs, dedupeKey: 'k' });
    await later(60_000);
    expect((await open.queue.counts()).find((c) => c.lane === 'rotation')?.delayed).toBe(1);
    await open.queue.wake('timed', {}, { dedupeKey: 'k' });
    await until(() => at.length === 1);
    await later(400);
    expect((await open.queue.counts()).find((c) => c.lane === 'rotation')?.delayed).toBe(1);
    await until(() => at.length === 2);
    expect((at[1] ?? 0) - began).toBeGreaterThanOrEqual(400);
  });

  test('a failed job is told of, not retried, and the next one runs', async () => {
    const failures: string[] = [];
    await open.close();
    open = await openRuntime(runtime, { events: { jobFailed: (name, error) => void failures.push(`${name}: ${error.message}`) } });
    let runs = 0;
    await start(open.queue, job('flaky', async () => {
      runs += 1;
      if (runs === 1) throw new Error('boom');
    }));
    await open.queue.wake('flaky', {}, { dedupeKey: 'f' });
    await until(() => failures.length === 1);
    await until(async () => (await open.queue.counts()).some((lane) => lane.failed === 1));
    await open.queue.wake('flaky', {}, { dedupeKey: 'f' });
    await until(() => runs === 2);
    expect(failures).toEqual(['flaky: boom']);
  });

  test('a job with an interval runs by itself, again and again', async () => {
    let ticks = 0;
    await start(open.queue, job('tick', async () => void (ticks += 1), { everyMs: 200, lane: 'upkeep' }));
    await until(() => ticks >= 4);
    expect(complaints).toEqual([]);
  });

  test('a lane that is full does not hold up another', async () => {
    const { runs, definition } = gate();
    let emergencies = 0;
    await start(open.queue, definition, job('emergency', async () => void (emergencies += 1), { lane: 'emergency' }));
    for (let n = 0; n < 6; n += 1) await open.queue.wake('gated', { n: String(n) });
    await until(() => runs.length === 2);
    await open.queue.wake('emergency', {});
    await until(() => emergencies === 1);
    expect(runs).toHaveLength(2);
    await until(() => {
      runs.forEach((run) => run.end());
      return runs.length === 6;
    });
    runs.forEach((run) => run.end());
  });

  test('while an emergency is worked on nothing else begins, but no longer than two seconds', async () => {
    const { runs, definition } = gate();
    const began: string[] = [];
    await start(open.queue, { ...definition, lane: 'emergency' }, job('routine', async (payload) => void began.push((payload as { id: string }).id)));
    await open.queue.wake('gated', { id: 'leak' });
    await until(() => runs.length === 1);
    await open.queue.wake('routine', { id: 'first' });
    await until(async () => (await open.queue.counts()).find(({ lane }) => lane === 'rotation')?.active === 1);
    expect(began).toEqual([]);
    runs[0]?.end();
    await until(() => began.length === 1);
    await open.queue.wake('gated', { id: 'slow' });
    await until(() => runs.length === 2);
    await open.queue.wake('routine', { id: 'second' });
    await until(() => began.length === 2);
    expect(began).toEqual(['first', 'second']);
    runs[1]?.end();
  });

  test('an emergency begins where it is asked for before its wake is answered; more than there are slots come through the queue', async () => {
    const { runs, definition } = gate();
    await start(open.queue, { ...definition, lane: 'emergency' });
    const woken = ['a', 'b', 'c', 'd', 'e'].map((id) => open.queue.wake('gated', { id }));
    const ids = () => runs.map(({ payload }) => (payload as { id: string }).id);
    expect(ids()).toEqual(['a', 'b']);
    expect(await Promise.all(woken)).toEqual([true, true, true, true, true]);
    const ended = setInterval(() => runs.forEach((run) => run.end()), 10);
    await until(async () => new Set(ids()).size === 5 && (await open.queue.counts()).every((lane) => lane.active + lane.waiting + lane.delayed === 0));
    clearInterval(ended);
    // Where there may be another worker, a second wake is there for it in case that this one dies.
    expect(ids().filter((id) => id === 'a' || id === 'b')).toHaveLength(open.queue.backend === 'embedded' ? 2 : 4);
  });

  test('a wake for later does not begin at once, and closing waits for what did', async () => {
    const { runs, definition } = gate();
    await start(open.queue, { ...definition, lane: 'emergency' });
    await open.queue.wake('gated', { id: 'later' }, { delayMs: 60_000 });
    expect(runs).toHaveLength(0);
    void open.queue.wake('gated', { id: 'now' });
    let closed = false;
    const closing = open.queue.close(20_000).then(() => (closed = true));
    void open.queue.wake('gated', { id: 'too late' });
    await new Promise((resolve) => setImmediate(resolve));
    expect([runs.length, closed, runs[0]?.signal.aborted]).toEqual([1, false, false]);
    runs[0]?.end();
    await closing;
  });

  test('closing waits for what runs, and takes nothing more', async () => {
    const { runs, definition } = gate();
    await start(open.queue, definition);
    await open.queue.wake('gated', {});
    await until(() => runs.length === 1);
    let closed = false;
    const closing = open.queue.close(20_000).then(() => (closed = true));
    expect(await open.queue.wake('gated', {})).toBe(false);
    expect([closed, runs[0]?.signal.aborted]).toEqual([false, false]);
    runs[0]?.end();
    await closing;
    expect(runs).toHaveLength(1);
    expect(await open.queue.healthy()).toBe(false);
  });

  test('at the deadline running jobs are told to stop', async () => {
    let aborted = false;
    await start(open.queue, job('long', (_payload, signal) => new Promise((resolve) => signal.addEventListener('abort', () => {
      aborted = true;
      resolve();
    }))));
    await open.queue.wake('long', {});
    await until(async () => (await open.queue.counts()).some((lane) => lane.active === 1));
    await open.queue.close(200);
    expect(aborted).toBe(true);
  });

  test('a job that ignores its signal does not hold up the end for ever', async () => {
    const { runs, definition } = gate();
    await start(open.queue, definition);
    await open.queue.wake('gated', {});
    await until(() => runs.length === 1);
    const began = Date.now();
    await open.queue.close(100);
    expect(Date.now() - began).toBeLessThan(10_000);
    runs[0]?.end();
  });

  test('a queue that was emptied gets its schedulers back by itself', async () => {
    let ticks = 0;
    await start(open.queue, job('tick', async () => void (ticks += 1), { everyMs: 300, lane: 'upkeep' }));
    await until(() => ticks >= 1);
    await emptied(open);
    const before = ticks;
    await until(() => ticks >= before + 2);
  });

  test('a scheduler of a job that is no more is removed, and a changed interval is taken over', async () => {
    let [old, ticks] = [0, 0];
    await start(open.queue, job('old', async () => void (old += 1), { everyMs: 100, lane: 'upkeep' }), job('tick', async () => void (ticks += 1), { everyMs: 3_600_000, lane: 'upkeep' }));
    await until(() => old >= 2);
    await open.queue.close(1_000);
    const [before, ticksBefore] = [old, ticks];
    const { databaseUrl, redisUrl } = open.running;
    const next = await openQueue({ pool: open.pool, kind: databaseUrl === undefined ? 'embedded' : 'postgres', ...(redisUrl === undefined ? {} : { redisUrl }) });
    await start(next, job('tick', async () => void (ticks += 1), { everyMs: 200, lane: 'upkeep' }));
    await until(() => ticks >= ticksBefore + 3);
    expect(old).toBe(before);
    await next.close(1_000);
  });
});

/** Takes everything out of the queue behind its back. */
const DEADLOCK = '40P01';

async function eventuallyRuns(run: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await run();
      return;
    } catch (error) {
      if (sqlState(error) !== DEADLOCK) throw error;
    }
  }
}

async function emptied({ running, pool }: OpenRuntime): Promise<void> {
  if (running.redisUrl === undefined) {
    const { rows } = await pool.query("select string_agg('keyturn_queue.' || tablename, ', ') as list from pg_tables where schemaname = 'keyturn_queue' and tablename <> 'migration'");
    // Its locks may cross those of a worker's write; one of both is then told to try again.
    await eventuallyRuns(() => pool.query(`truncate ${String(rows[0]?.['list'])}`));
    return;
  }
  const client = new Redis(running.redisUrl);
  await client.flushall();
  client.disconnect();
}

for (const runtime of RUNTIMES.filter((one) => one.name !== 'embedded')) {
  describe(`two workers on ${runtime.name}`, () => {
    test('share the work: each job runs once, and what one leaves behind the other takes', async () => {
      const one = await openRuntime(runtime);
      const two = await openOn(one.running);
      const seen: string[] = [];
      const definition = job('shared', async (payload) => void seen.push((payload as { n: string }).n));
      await Promise.all([start(one.queue, definition), start(two.queue, definition)]);
      const all = Array.from({ length: 40 }, (_, n) => String(n));
      await Promise.all(all.map((n) => one.queue.wake('shared', { n }, { dedupeKey: n })));
      await until(() => seen.length >= 40);
      await one.queue.close(1_000);
      await two.queue.wake('shared', { n: 'last' });
      await until(() => seen.includes('last'));
      expect([...seen].sort()).toEqual([...all, 'last'].sort());
      await two.close();
      await one.close();
    });
  });
}

for (const runtime of RUNTIMES.filter((one) => one.name !== 'embedded')) {
  describe(`a worker on ${runtime.name} that is killed`, () => {
    test('leaves its job to another, and its key with it', async () => {
      const open = await openRuntime(runtime);
      const { databaseUrl = '', redisUrl = '', dataDir } = open.running;
      const child = spawn(process.execPath, [join(import.meta.dirname, 'hanging-worker.ts'), dataDir, databaseUrl, redisUrl], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      const seen: unknown[] = [];
      await start(open.queue, job('hang', async (payload) => void seen.push(payload)));
      await until(() => seen.length > 0, 40_000);
      expect(seen).toEqual([{ id: 'left' }]);
      await until(async () => (await open.queue.counts()).every((lane) => lane.active === 0));
      await open.queue.wake('hang', { id: 'next' }, { dedupeKey: 'k' });
      await until(() => seen.length > 1);
      await open.close();
    });
  });
}

for (const runtime of RUNTIMES.filter((one) => one.name === 'postgres')) {
  describe('a PostgreSQL that goes away', () => {
    test('makes wakes answer false, hurts nobody, and is used again when it is back', async () => {
      const running = await runtime.start();
      const proxy = await proxyTo(running.databaseUrl ?? '');
      const open = await openOn({ ...running, databaseUrl: proxy.url }, { reassertMs: 500 });
      let [runs, ticks] = [0, 0];
      await start(open.queue, job('work', async () => void (runs += 1)), job('tick', async () => void (ticks += 1), { everyMs: 300, lane: 'upkeep' }));
      await open.queue.wake('work', {});
      await until(() => runs === 1 && ticks >= 1);
      proxy.cut();
      await until(async () => !(await open.queue.wake('work', {})));
      expect(await open.queue.healthy()).toBe(false);
      proxy.mend();
      const before = ticks;
      await until(() => open.queue.wake('work', {}), 30_000);
      await until(() => runs >= 2 && ticks > before, 30_000);
      const woken = Date.now();
      await open.queue.wake('work', {});
      await until(() => runs >= 3);
      expect(Date.now() - woken).toBeLessThan(4_000); // by notification, sooner than by looking
      await open.close();
      await proxy.close();
      await running.stop();
    });
  });
}

for (const runtime of RUNTIMES.filter((one) => one.name === 'redis')) {
  describe('a Redis that goes away', () => {
    test('makes wakes answer false at once, holds up no emergency, hurts nobody, and is used again when it is back', async () => {
      const running = await runtime.start();
      const proxy = await proxyTo(running.redisUrl ?? '');
      const complaints: string[] = [];
      const open = await openOn({ ...running, redisUrl: proxy.url }, { reassertMs: 500, events: { error: (e, where) => void complaints.push(`${where}: ${e.message}`) } });
      let [runs, ticks, emergencies] = [0, 0, 0];
      const { runs: held, definition } = gate();
      await start(open.queue, job('work', async () => void (runs += 1)), job('tick', async () => void (ticks += 1), { everyMs: 300, lane: 'upkeep' }), job('leaked', async () => void (emergencies += 1), { lane: 'emergency' }), { ...definition, lane: 'emergency' });
      await open.queue.wake('work', {});
      await until(() => runs === 1 && ticks >= 1);
      proxy.cut();
      await until(async () => !(await open.queue.wake('work', {})));
      const began = Date.now();
      expect(await open.queue.wake('work', {})).toBe(false);
      expect(Date.now() - began).toBeLessThan(1_000);
      expect([await open.queue.wake('leaked', {}), emergencies]).toEqual([true, 1]);
      expect([await open.queue.wake('leaked', {}, { delayMs: 20 }), emergencies]).toEqual([true, 1]);
      await until(() => emergencies === 2);
      // More than there are slots.
      expect(await Promise.all(['a', 'b', 'c'].map((id) => open.queue.wake('gated', { id })))).toEqual([true, true, true]);
      expect(held).toHaveLength(2);
      held.forEach(({ end }) => end());
      await until(() => held.length === 3);
      held[2]?.end();
      expect(await open.queue.healthy()).toBe(false);
      await expect(open.queue.counts()).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE' });
      expect(complaints.length).toBeGreaterThan(0);
      proxy.mend();
      const before = ticks;
      await until(() => open.queue.wake('work', {}), 30_000);
      await until(() => runs >= 2 && ticks > before, 30_000);
      await open.close();
      await proxy.close();
      await running.stop();
    });

    test('at the start is one clear sentence that keeps its password', async () => {
      const refused = openQueue({ pool: null, kind: 'postgres', redisUrl: 'redis://user:hunter2hunter2@127.0.0.1:1' });
      await expect(refused).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE', message: expect.not.stringContaining('hunter2') });
    });

    test('may be closed while it is away', async () => {
      const running = await runtime.start();
      const proxy = await proxyTo(running.redisUrl ?? '');
      const open = await openOn({ ...running, redisUrl: proxy.url });
      await start(open.queue, job('tick', async () => undefined, { everyMs: 300, lane: 'upkeep' }));
      proxy.cut();
      const began = Date.now();
      await open.queue.close(500);
      expect(Date.now() - began).toBeLessThan(10_000);
      await open.close();
      await proxy.close();
      await running.stop();
    });

    test('may be reached through a connection that somebody else makes', async () => {
      const running = await runtime.start();
      const open = await openOn({ name: 'redis', dataDir: running.dataDir, databaseUrl: running.databaseUrl ?? '', stop: running.stop }, { redis: redisFromUrl(running.redisUrl ?? '') });
      expect(open.queue.backend).toBe('redis');
      await open.close();
      await running.stop();
    });
  });
}
