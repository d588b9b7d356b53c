import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, type Connection, type PoolClient, type Submittable } from 'pg';
import { isEmergency, isUrgent } from '../core/urgency.ts';
import { sqlState } from './failures.ts';
import { GiveWay } from './give-way.ts';
import { QUEUE_SCHEMA, type BatchRows, type SqlPool } from './pool.ts';
import type { Statement } from './statement.ts';
import { BatchAnswers, batchMessages } from './wire.ts';

/** Ten for work, and one for each of the six queue lanes, which listen on a connection of their own. */
const DEFAULT_POOL_SIZE = 16;
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
  pool.on('connect', (client) => forgetful(client).on('error', () => undefined));
  givingWay(pool);
  return Object.assign(pool, { batch: (statements: readonly Statement[]) => batch(pool, statements) }) as unknown as SqlPool;
}

type Connected = (error: Error | undefined, client?: PoolClient, release?: PoolClient['release']) => void;

/** Who is no part of an emergency begins nothing while one is at the server: a connection that others have is not free, and their statements are its neighbours'. */
function givingWay(pool: Pool): void {
  const connect = pool.connect.bind(pool) as () => Promise<PoolClient>;
  const [giveWay, theirs] = [new GiveWay(), new WeakSet<PoolClient>()];
  const take = async (since: number): Promise<PoolClient> => {
    if (!isUrgent()) for (let ms = giveWay.leftMs(since); ms > 0; ms = giveWay.leftMs(since)) await sleep(ms);
    if (!isEmergency()) return await connect();
    giveWay.note();
    const client = await connect();
    giveWay.note();
    theirs.add(client);
    return client;
  };
  pool.on('release', (_error, client) => {
    if (theirs.delete(client)) giveWay.note();
  });
  const patient = (done?: Connected): Promise<PoolClient> | void => {
    const taken = take(performance.now());
    return done === undefined ? taken : void taken.then((client) => done(undefined, client, (error) => client.release(error)), (error: Error) => done(error));
  };
  pool.connect = patient as Pool['connect'];
}

type Query = (...given: readonly unknown[]) => unknown;

/**
 * The promise that node-postgres itself makes of a query outlives it on V8's heap, with all that was answered, until the next
 * full collection: reading much in pages then grows the heap as if it were read at once. With a callback nothing stays.
 */
function forgetful(client: PoolClient): PoolClient {
  const query = client.query.bind(client) as Query;
  const promised: Query = (...given) => {
    const [first] = given;
    if (typeof given.at(-1) === 'function' || (typeof first === 'object' && first !== null && 'submit' in first)) return query(...given);
    return new Promise((resolve, reject) => void query(...given, (error: Error | null, result: unknown) => (error === null || error === undefined ? resolve(result) : reject(error))));
  };
  return Object.assign(client, { query: promised as PoolClient['query'] });
}

/** Names that a session has prepared. */
const prepared = new WeakMap<PoolClient, Set<string>>();
/** A pooler in between gave us another server's session, or somebody discarded what ours had prepared. */
const NO_SUCH_STATEMENT = '26000';
/** An administrator or a shutdown ended the session. */
const ENDED = /^57P0/;

async function batch(pool: Pool, statements: readonly Statement[]): Promise<BatchRows> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    return await submit(client, statements).catch((error: unknown) => {
      if (sqlState(error) !== NO_SUCH_STATEMENT) throw error;
      prepared.delete(client);
      return submit(client, statements);
    });
  } catch (error) {
    // What the server itself said leaves the session as it was, unless it ended it; anything else is the connection's end.
    if (error instanceof Error && (!('severity' in error) || ENDED.test(sqlState(error) ?? ''))) broken = error;
    throw error;
  } finally {
    client.release(broken);
  }
}

function submit(client: PoolClient, statements: readonly Statement[]): Promise<BatchRows> {
  const known = prepared.get(client) ?? new Set<string>();
  prepared.set(client, known);
  return new Promise((resolve, reject) => {
    const answered = (rows: BatchRows): void => {
      for (const { name } of statements) known.add(name);
      resolve(rows);
    };
    client.query(new BatchQuery(batchMessages(statements, known), answered, reject));
  });
}

/** What node-postgres calls while a batch is its connection's query. */
class BatchQuery implements Submittable {
  readonly #messages: Buffer;
  readonly #answers = new BatchAnswers();
  readonly #resolve: (rows: BatchRows) => void;
  readonly #reject: (error: Error) => void;

  constructor(messages: Buffer, resolve: (rows: BatchRows) => void, reject: (error: Error) => void) {
    this.#messages = messages;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    connection.stream.write(this.#messages);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#answers.row(fields);
  }

  handleCommandComplete(): void {
    this.#answers.complete();
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#answers.all());
  }

  /** Never comes: rows are not described, pages are not asked for, no statement is empty. */
  handleRowDescription(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
}

/** Called for each new connection before it is handed out. */
function setSearchPath(client: PoolClient, done: (error?: Error) => void): void {
  client.query(`set search_path to ${QUEUE_SCHEMA}`).then(() => done(), done);
}
