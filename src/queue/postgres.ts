import { PostgresConnection, PostgresQueueBackend, Queue, Worker, runMigrations, type BackendFactory } from 'bullmq';
import { JOB_OPTIONS, STREAMS, type LaneWorker, type QueueBackend } from './backend.ts';

/** BullMQ's tables; the sessions of `pool` have it in their search path. */
const SCHEMA = 'keyturn_queue';

/** The part of a pg-shaped pool that the queue asks of whoever opens it. */
export type QueuePool = Extract<ConstructorParameters<typeof PostgresConnection>[0], { connect: unknown }>;

/**
 * BullMQ's PostgreSQL backend on the ledger's pool, in a schema of its own, migrated first. An embedded one has a
 * single process, whose earlier life may have left jobs locked for a while: it starts empty, and the sweep refills it.
 */
export async function postgresBackend(pool: QueuePool, name: 'postgres' | 'embedded'): Promise<QueueBackend> {
  await migrate(pool);
  if (name === 'embedded') await empty(pool);
  return {
    name,
    reachable: () => true,
    ping: async () => void (await pool.query('select 1')),
    queue: (lane) =>
      new Queue(lane, { connection: undefined, defaultJobOptions: JOB_OPTIONS, streams: STREAMS }, backendOn(pool)),
    worker: (lane, processor, tuning) =>
      new Worker(lane, processor, { ...tuning, connection: {} }, backendOn(pool)) as unknown as LaneWorker,
    close: async () => undefined,
  };
}

/** As BullMQ's own factory, but with a schema: it takes one only for pools that it makes itself. */
function backendOn(pool: QueuePool): BackendFactory<PostgresQueueBackend, unknown> {
  return (queue, options) => {
    const connection = Object.assign(new PostgresConnection(pool), { schema: SCHEMA });
    return new PostgresQueueBackend(connection, queue, options as ConstructorParameters<typeof PostgresQueueBackend>[2]);
  };
}

async function migrate(pool: QueuePool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client, SCHEMA);
  } finally {
    client.release();
  }
}

async function empty(pool: QueuePool): Promise<void> {
  const { rows } = await pool.query<{ list: string }>(
    `select string_agg(format('%I.%I', schemaname, tablename), ', ') as list from pg_tables where schemaname = $1 and tablename <> 'migration'`,
    [SCHEMA],
  );
  const list = rows[0]?.list;
  if (list !== undefined) await pool.query(`truncate ${list}`);
}
