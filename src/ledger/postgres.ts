import { Pool, type PoolClient } from 'pg';
import { QUEUE_SCHEMA, type SqlPool } from './pool.ts';

/** Ten for work, and one for each of the five queue lanes, which listen on a connection of their own. */
const DEFAULT_POOL_SIZE = 15;
const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** A pool over a PostgreSQL server. TLS as the URL says (`?sslmode=verify-full`). Connects when first used. */
export function postgresPool(databaseUrl: string, poolSize = DEFAULT_POOL_SIZE): SqlPool {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: poolSize,
    application_name: 'keyturn',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: CONNECT_TIMEOUT_MS,
    verify: setSearchPath,
  });
  pool.setMaxListeners(0); // BullMQ listens for errors once a queue and once a worker
  // A connection that dies idle is dropped and replaced by the pool; nobody waits on it.
  pool.on('error', () => undefined);
  // One that dies in use fails the statement it runs; without a listener it would end the process too.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool as unknown as SqlPool;
}

/** Called for each new connection before it is handed out. */
function setSearchPath(client: PoolClient, done: (error?: Error) => void): void {
  client.query(`set search_path to ${QUEUE_SCHEMA}`).then(() => done(), done);
}
