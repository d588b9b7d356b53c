import { Queue, Worker } from 'bullmq';
import { Redis, type Cluster } from 'ioredis';
import { KeyturnError } from '../core/errors.ts';
import { JOB_OPTIONS, STREAMS, type LaneQueue, type QueueBackend } from './backend.ts';
import { within } from './within.ts';

const READY_WITHIN_MS = 5_000;
const QUIT_WITHIN_MS = 1_000;
const RETRY_AT_MOST_MS = 2_000;

/** Makes a connection; BullMQ needs `maxRetriesPerRequest: null`. For Sentinel and Cluster, which a URL cannot name. */
export type RedisFactory = () => Redis | Cluster;

/** A connection to the server of `redis://` or `rediss://`, which comes back by itself whenever it was away. */
export function redisFromUrl(url: string): RedisFactory {
  return () =>
    new Redis(url, {
      maxRetriesPerRequest: null,
      connectionName: 'keyturn',
      retryStrategy: (times) => Math.min(times * 100, RETRY_AT_MOST_MS),
    });
}

/** BullMQ on Redis or Valkey. Throws QUEUE_UNREACHABLE when there is no answer at first; later it waits for one. */
export async function redisBackend(
  connect: RedisFactory,
  prefix: string,
  onError: (error: Error) => void,
): Promise<QueueBackend> {
  const connection = connect();
  connection.on('error', onError);
  try {
    await within(READY_WITHIN_MS, connection.ping());
  } catch (error) {
    connection.disconnect();
    throw new KeyturnError('QUEUE_UNREACHABLE', `Redis gives no answer within ${READY_WITHIN_MS / 1000} seconds: there is no queue to wake work up with.`, {
      cause: error,
      todo: 'Check that the server runs and that REDIS_URL names its host, port and password, or unset it to queue on PostgreSQL.',
      effect: 'none',
    });
  }
  return {
    name: 'redis',
    reachable: () => connection.status === 'ready',
    ping: async () => void (await connection.ping()),
    queue: (lane) => new Queue(lane, { connection, prefix, defaultJobOptions: JOB_OPTIONS, streams: STREAMS }) as unknown as LaneQueue,
    worker: (lane, processor, tuning) => new Worker(lane, processor, { ...tuning, connection, prefix }),
    close: async () => {
      await within(QUIT_WITHIN_MS, connection.quit()).catch(() => connection.disconnect());
    },
  };
}
