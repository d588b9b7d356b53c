/**
 * The part of node-postgres that the ledger and the queue use. `pg.Pool` fits it, and so does the in-process
 * adapter over PGlite: everything above speaks to either without knowing which.
 */
import type { Statement } from './statement.ts';

export interface SqlResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: Record<string, unknown>[];
}

export interface SqlNotification {
  readonly channel: string;
  readonly payload: string;
  readonly processId: number;
}

export interface SqlClient {
  query(text: string, parameters?: readonly unknown[]): Promise<SqlResult>;
  release(destroy?: boolean | Error): void;
  on(event: 'notification', listener: (message: SqlNotification) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'end', listener: () => void): this;
  removeListener(event: 'notification', listener: (message: SqlNotification) => void): this;
  removeAllListeners(event?: string): this;
}

/** Of each statement of a batch, in order, the first column of its rows. */
export type BatchRows = readonly (readonly (string | null)[])[];

export interface SqlPool {
  /** Runs statements in one round trip and one transaction: an error of one undoes all, and those after it do not run. */
  batch(statements: readonly Statement[]): Promise<BatchRows>;
  /** As in `pg.Pool`: `keepAlive` tells BullMQ that a dead connection would be noticed. */
  readonly options: { readonly keepAlive?: boolean };
  query(text: string, parameters?: readonly unknown[]): Promise<SqlResult>;
  connect(): Promise<SqlClient>;
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'connect', listener: (client: SqlClient) => void): this;
  removeAllListeners(event?: string): this;
}

/** Schema of the ledger's own tables; its statements always name it. */
export const LEDGER_SCHEMA = 'keyturn';
/** Schema of BullMQ's tables; its statements name none, so every session's `search_path` points here. */
export const QUEUE_SCHEMA = 'keyturn_queue';
