import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, SandboxError } from '../errors.ts';

/** Times are epoch milliseconds, lists are JSON. Values of keys are nowhere: only their SHA-256. */
const SCHEMA = `
create table if not exists keys (
  id text primary key, sha256 text not null unique, name text not null, prefix text not null, scopes text not null,
  graph_id text, origin text not null, created_at integer not null, visible_at integer not null, active_at integer not null,
  first_used_at integer, last_used_at integer, revoked_at integer, requests integer not null default 0,
  failures integer not null default 0, refused integer not null default 0, last_refused_at integer
);
create table if not exists events (
  seq integer primary key autoincrement, type text not null, key_id text, key_prefix text, at integer not null,
  ip text, user_agent text, method text, path text, status integer
);
create index if not exists events_by_key on events (key_id, seq);
create table if not exists counters (
  key_id text not null, method text not null, route text not null, status integer not null, count integer not null,
  primary key (key_id, method, route, status)
) without rowid;
create table if not exists hours (
  hour text primary key, requests integer not null, queries integer not null, nodes integer not null
) without rowid;
create table if not exists nodes (
  graph_id text not null, key text not null, description text not null, node_type text, data text,
  updated_at integer not null, primary key (graph_id, key)
);
create table if not exists edges (
  graph_id text not null, from_key text not null, to_key text not null, relationship text not null,
  primary key (graph_id, from_key, to_key, relationship)
);`;

/**
 * Opens the sandbox's state: `sandbox.db` in `dataDir`, or memory only.
 *
 * SQLite's write-ahead log without an fsync per commit: an acknowledged write survives SIGKILL of this process
 * (it is in the kernel's hands), and a request costs microseconds. Power loss may take the last moments.
 * The exclusive lock keeps a second sandbox out of the same directory.
 */
export function openDatabase(dataDir: string | undefined): DatabaseSync {
  if (dataDir === undefined) return prepared(':memory:');
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    return prepared(join(dataDir, 'sandbox.db'));
  } catch (error) {
    if (error instanceof Error && error.message.includes('locked')) {
      throw new SandboxError('DATA_DIR_IN_USE', `Another sandbox holds ${dataDir}, so this one cannot start. Stop the other one, or give another --data-dir.`, { cause: error });
    }
    const why = error instanceof Error ? error.message : codeOf(error);
    throw new SandboxError('DATA_DIR_UNUSABLE', `The data directory ${dataDir} cannot be used (${why}). Give a writable directory of this sandbox with --data-dir.`, { cause: error });
  }
}

function prepared(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  try {
    db.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = normal');
    db.exec(SCHEMA);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Runs `work` as one transaction: all of it or nothing. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('begin immediate');
  try {
    const result = work();
    db.exec('commit');
    return result;
  } catch (error) {
    db.exec('rollback');
    throw error;
  }
}
