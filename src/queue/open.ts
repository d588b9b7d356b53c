import type { Queue } from '../ports/queue.ts';
import { LaneQueues, type QueueEvents } from './lanes.ts';
import { postgresBackend, type QueuePool } from './postgres.ts';
import { redisBackend, redisFromUrl, type RedisFactory } from './redis.ts';

/** Braces make it one hash slot on a Redis Cluster, which BullMQ's scripts need. */
const PREFIX = '{keyturn}';
const REASSERT_MS = 30_000;
const REPEAT_ERRORS_MS = 60_000;

export interface QueueOptions {
  /** `redis://` or `rediss://`; without it and without `redis`, BullMQ runs on `pool`. */
  readonly redisUrl?: string;
  /** Makes a connection instead: for Sentinel and Cluster. */
  readonly redis?: RedisFactory;
  /** The ledger's pool. Stays the ledger's: closing the queue leaves it open. */
  readonly pool: unknown;
  readonly kind: 'embedded' | 'postgres';
  /** Of Redis keys. */
  readonly prefix?: string;
  readonly events?: Partial<QueueEvents>;
  /** How often schedulers are put back if the queue lost them. */
  readonly reassertMs?: number;
}

/** Opens the queue. Throws QUEUE_UNREACHABLE when Redis gives no answer; later absences are waited out. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const events: QueueEvents = { error: throttled(options.events?.error), jobFailed: options.events?.jobFailed ?? (() => undefined) };
  const connect = options.redis ?? (options.redisUrl === undefined ? undefined : redisFromUrl(options.redisUrl));
  const backend =
    connect === undefined
      ? await postgresBackend(options.pool as QueuePool, options.kind)
      : await redisBackend(connect, options.prefix ?? PREFIX, (error) => events.error(error, 'connection'));
  return new LaneQueues(backend, events, options.reassertMs ?? REASSERT_MS);
}

/** A queue that is away makes every connection complain at every attempt: the same complaint is passed on once a minute. */
function throttled(report: QueueEvents['error'] | undefined): QueueEvents['error'] {
  const last = new Map<string, number>();
  return (error, where) => {
    const key = `${where} ${error.message}`;
    const now = Date.now();
    if (now - (last.get(key) ?? 0) < REPEAT_ERRORS_MS) return;
    if (last.size > 100) last.clear();
    last.set(key, now);
    report?.(error, where);
  };
}
