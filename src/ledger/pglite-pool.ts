import { EventEmitter } from 'node:events';
import type { PGlite } from '@electric-sql/pglite';
import type { BatchRows, SqlClient, SqlNotification, SqlPool, SqlResult } from './pool.ts';
import type { Statement } from './statement.ts';
import { Turns } from './turns.ts';
import { asParameter, BatchAnswers, batchMessages, queryMessages } from './wire.ts';

const LISTEN = /^(listen|unlisten)\s+(?:"([^"]+)"|([a-z_][a-z0-9_$]*|\*))\s*;?\s*$/i;
const LEADING_COMMENTS = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;

/**
 * A client checked out of the pool. All clients share PGlite's one session, so a client keeps its turn from the
 * statement that opens a transaction to the one that ends it, and statements of others wait.
 */
class PGliteClient extends EventEmitter implements SqlClient {
  readonly #db: PGlite;
  readonly #turns: Turns;
  readonly #onRelease: (client: PGliteClient) => void;
  readonly channels = new Set<string>();
  #endTurn: (() => void) | null = null;
  #chain: Promise<unknown> = Promise.resolve();
  #released = false;

  constructor(db: PGlite, turns: Turns, onRelease: (client: PGliteClient) => void) {
    super();
    this.setMaxListeners(0);
    this.#db = db;
    this.#turns = turns;
    this.#onRelease = onRelease;
  }

  /** Statements of one client run in the order given, as on a connection. */
  query(text: string, parameters?: readonly unknown[]): Promise<SqlResult> {
    if (this.#released) return Promise.reject(new Error('the client was released already'));
    const result = this.#chain.then(() => this.#run(text, parameters));
    this.#chain = result.catch(() => undefined);
    return result;
  }

  async #run(text: string, parameters: readonly unknown[] | undefined): Promise<SqlResult> {
    this.#endTurn ??= await this.#turns.take();
    try {
      const result = await execute(this.#db, text, parameters);
      this.#noteListening(text);
      return result;
    } finally {
      if (!this.#db.isInTransaction()) this.#giveTurnBack();
    }
  }

  #giveTurnBack(): void {
    this.#endTurn?.();
    this.#endTurn = null;
  }

  #noteListening(text: string): void {
    const match = LISTEN.exec(text.replace(LEADING_COMMENTS, ''));
    if (match === null) return;
    const channel = match[2] ?? (match[3] ?? '').toLowerCase();
    if (match[1]?.toLowerCase() === 'listen') this.channels.add(channel);
    else if (channel === '*') this.channels.clear();
    else this.channels.delete(channel);
  }

  /** An open transaction is rolled back first: a client given back half-way must not lock out the others. */
  release(): void {
    if (this.#released) return;
    const rest = this.#chain.then(async () => {
      if (this.#endTurn === null) return;
      await execute(this.#db, 'rollback', undefined).catch(() => undefined);
      this.#giveTurnBack();
    });
    this.#chain = rest;
    this.#released = true;
    this.channels.clear();
    this.#onRelease(this);
  }

  settled(): Promise<unknown> {
    return this.#chain;
  }
}

async function execute(db: PGlite, text: string, parameters: readonly unknown[] | undefined): Promise<SqlResult> {
  if (parameters !== undefined && parameters.length > 0) return await queryOnce(db, text, parameters);
  const results = await db.exec(text);
  const last = results.at(-1);
  return last === undefined ? { command: '', rowCount: null, rows: [] } : shape(last);
}

type Messages = Awaited<ReturnType<PGlite['execProtocol']>>['messages'];

/** One crossing into WebAssembly, where PGlite's own `query` makes five. */
async function queryOnce(db: PGlite, text: string, parameters: readonly unknown[]): Promise<SqlResult> {
  const { messages } = await db.execProtocol(queryMessages(text, parameters.map(asParameter)));
  const rows: Record<string, unknown>[] = [];
  let [fields, tag]: [readonly Field[], string] = [[], ''];
  for (const message of messages) {
    if (message.name === 'rowDescription') ({ fields } = message as unknown as { readonly fields: readonly Field[] });
    else if (message.name === 'dataRow') rows.push(rowOf(db, fields, (message as unknown as DataRow).fields));
    else if (message.name === 'commandComplete') tag = (message as unknown as { readonly text: string }).text;
  }
  const [command = '', ...counts] = tag.split(' ');
  return { command, rowCount: counts.length === 0 ? null : Number(counts.at(-1)), rows };
}

interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

interface DataRow {
  readonly fields: readonly (string | null)[];
}

function rowOf({ parsers }: PGlite, fields: readonly Field[], values: DataRow['fields']): Record<string, unknown> {
  return Object.fromEntries(fields.map(({ name, dataTypeID }, index) => {
    const text = values[index] ?? null;
    const parse = text === null ? undefined : parsers[dataTypeID];
    return [name, text === null || parse === undefined ? text : (parse(text, dataTypeID) as unknown)];
  }));
}

function shape(result: { rows: Record<string, unknown>[]; affectedRows?: number; command?: string }): SqlResult {
  const command = (result.command ?? '').split(' ')[0] ?? '';
  const rowCount = command === 'SELECT' ? result.rows.length : (result.affectedRows ?? 0);
  return { command, rowCount, rows: result.rows };
}

function answersOf(messages: Messages): BatchRows {
  const answers = new BatchAnswers();
  for (const message of messages) {
    if (message.name === 'dataRow') answers.row((message as unknown as DataRow).fields);
    else if (message.name === 'commandComplete') answers.complete();
  }
  return answers.all();
}

/** A `pg.Pool`-shaped pool over one PGlite. Clients are cheap and unlimited; transactions exclude each other. */
export class PGlitePool extends EventEmitter implements SqlPool {
  /** In process there is no connection that could die unnoticed. */
  readonly options = { keepAlive: true };
  readonly #db: PGlite;
  readonly #turns = new Turns();
  readonly #clients = new Set<PGliteClient>();
  readonly #stopListening: () => void;
  /** Names that the session has prepared. */
  readonly #prepared = new Set<string>();
  #ended: Promise<void> | null = null;

  constructor(db: PGlite) {
    super();
    this.setMaxListeners(0);
    this.#db = db;
    this.#stopListening = db.onNotification((channel, payload) => this.#notify(channel, payload));
  }

  async query(text: string, parameters?: readonly unknown[]): Promise<SqlResult> {
    const client = await this.connect();
    try {
      return await client.query(text, parameters);
    } finally {
      client.release();
    }
  }

  /** One crossing into WebAssembly for all of them. */
  async batch(statements: readonly Statement[]): Promise<BatchRows> {
    if (this.#ended !== null) throw new Error('the embedded ledger is closed');
    const endTurn = await this.#turns.take();
    try {
      const { messages } = await this.#db.execProtocol(batchMessages(statements, this.#prepared));
      for (const { name } of statements) this.#prepared.add(name);
      return answersOf(messages);
    } finally {
      endTurn();
    }
  }

  /** Does something that blocks this process in a turn of its own: in nobody's way who comes first. */
  async inTurn(work: () => void): Promise<void> {
    const endTurn = await this.#turns.take();
    try {
      work();
    } finally {
      endTurn();
    }
  }

  async connect(): Promise<PGliteClient> {
    if (this.#ended !== null) throw new Error('the embedded ledger is closed');
    const client = new PGliteClient(this.#db, this.#turns, (released) => this.#clients.delete(released));
    this.#clients.add(client);
    return client;
  }

  /** Waits for what runs, then closes PGlite. */
  end(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    this.#stopListening();
    await Promise.all([...this.#clients].map((client) => client.settled()));
    const endTurn = await this.#turns.take();
    await this.#db.close();
    endTurn();
  }

  #notify(channel: string, payload: string): void {
    const message: SqlNotification = { channel, payload, processId: process.pid };
    for (const client of this.#clients) {
      // Not from inside the statement that caused it: a listener may want to run one of its own.
      if (client.channels.has(channel)) setImmediate(() => client.emit('notification', message));
    }
  }
}
