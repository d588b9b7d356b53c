/** Queues beside the worker's own code: jobs that wait in its lanes, and a bare job of BullMQ to compare with. */
import { PGlitePool } from '../../src/ledger/pglite-pool.ts';
import type { SqlPool } from '../../src/ledger/index.ts';
import { postgresPool } from '../../src/ledger/postgres.ts';
import type { Lane } from '../../src/ports/queue.ts';
import type { LaneQueue, Payload, QueueBackend } from '../../src/queue/backend.ts';
import { postgresBackend, type QueuePool } from '../../src/queue/postgres.ts';
import { redisBackend, redisFromUrl } from '../../src/queue/redis.ts';
import type { Runtime } from './runtimes.ts';

/** As src/queue names its keys; that jobs arrive is seen by the worker's own counts. */
const PREFIX = '{keyturn}';
const AT_ONCE = 1_000;
const SLOTS = 4;

/** What waits: jobs that find nothing to do, as after a storm of wake-ups. */
const WAITING: readonly { readonly lane: Lane; readonly job: string; readonly payload: Payload }[] = [
  { lane: 'rotation', job: 'advance', payload: { rotation: '00000000000000000000000000' } },
  { lane: 'revocation', job: 'revoke-debts', payload: {} },
  { lane: 'upkeep', job: 'seal-audit', payload: {} },
  { lane: 'delivery', job: 'deliver', payload: {} },
  { lane: 'usage', job: 'read-usage', payload: {} },
];

export interface Backlog {
  /** Adds so many jobs, spread over every lane but the emergency's, which stand still meanwhile. */
  fill(count: number): Promise<void>;
  /** Takes all that wait away. */
  empty(): Promise<void>;
  /** A queue of its own with a worker that does `work` for each job; gives what adds one. */
  bare(work: (payload: Payload) => Promise<void>): Promise<(payload: Payload) => Promise<void>>;
  close(): Promise<void>;
}

const caught = new Set<SqlPool>();

/**
 * PGlite serves a single process: its queue is filled through the worker's own pool, which is caught when it is first
 * used. To be called before the worker opens.
 */
export function catchEmbeddedPool(): void {
  const { prototype } = PGlitePool;
  const connect: unknown = Reflect.get(prototype, 'connect');
  Object.assign(prototype, {
    connect(this: SqlPool, ...given: unknown[]): unknown {
      caught.add(this);
      return Reflect.apply(connect as (...given: unknown[]) => unknown, this, given);
    },
  });
}

export async function openBacklog(runtime: Pick<Runtime, 'databaseUrl' | 'redisUrl'>): Promise<Backlog> {
  const own = runtime.databaseUrl !== null && runtime.redisUrl === null ? postgresPool(runtime.databaseUrl) : null;
  const backend = await backendOf(runtime, own);
  const queues = WAITING.map((kind) => ({ ...kind, queue: backend.queue(kind.lane) }));
  const closing: (() => Promise<unknown>)[] = queues.map(({ queue }) => () => queue.close());
  return {
    async fill(count) {
      // Else an embedded worker works them off as fast as they are made.
      await Promise.all(queues.map(({ queue }) => queue.pause()));
      for (const { queue, job, payload } of queues) await add(queue, job, payload, Math.ceil(count / queues.length));
      await Promise.all(queues.map(({ queue }) => queue.resume()));
    },
    async empty() {
      await Promise.all(queues.map(({ queue }) => queue.drain()));
    },
    async bare(work) {
      const [queue, worker] = [backend.queue('bare'), backend.worker('bare', (job) => work(job.data), { concurrency: SLOTS })];
      closing.push(() => worker.close(), () => queue.close());
      return async (payload) => void (await queue.add('revoke', payload));
    },
    async close() {
      await Promise.allSettled(closing.map((close) => close()));
      await backend.close();
      await own?.end();
    },
  };
}

async function backendOf({ redisUrl }: Pick<Runtime, 'redisUrl'>, own: SqlPool | null): Promise<QueueBackend> {
  if (redisUrl !== null) return await redisBackend(redisFromUrl(redisUrl), PREFIX, () => undefined);
  const [pool = null] = own === null ? caught : [own];
  if (pool === null) throw new Error('the embedded pool was not caught');
  return await postgresBackend(pool as unknown as QueuePool, 'postgres');
}

async function add(queue: LaneQueue, name: string, data: Payload, count: number): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    await queue.addBulk(Array.from({ length: Math.min(left, AT_ONCE) }, () => ({ name, data })));
  }
}
