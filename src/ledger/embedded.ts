import { closeSync, fsyncSync, openSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { describeError, KeyturnError } from '../core/errors.ts';
import { PGlitePool } from './pglite-pool.ts';
import { QUEUE_SCHEMA } from './pool.ts';

/** A checkpoint once this much has gone to the log: PGlite's single process never starts one by itself. */
const CHECKPOINT_AFTER_BYTES = 32 * 1024 * 1024;
const CHECKPOINT_LOOK_MS = 60_000;
/** Kernels stamp writes coarsely: a file touched this lately may have been written again since, unseen. */
const MTIME_DOUBT_MS = 100;
const INT8 = 20;
/** A piece of its log is as large. */
const FULL_BELOW_MIB = 16;

/**
 * PGlite writes each commit to its log file before it acknowledges it, but never fsyncs that file: emscripten's
 * fdatasync does nothing. A killed process loses nothing, a power cut may. So Node fsyncs the log when `sync` asks,
 * and PGlite's own fsyncs, which it makes at checkpoints, are made real, each with the log ahead of it.
 */
class SyncedFiles extends NodeFS {
  readonly #log: LogFiles;

  constructor(directory: string, log: LogFiles) {
    super(directory);
    this.#log = log;
  }

  override async init(...parameters: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...parameters);
    const patch = (module: unknown): void => {
      const { NODEFS } = module as { NODEFS: { stream_ops: Record<string, unknown> } };
      NODEFS.stream_ops['fsync'] = (stream: { nfd?: number }): number => {
        this.#log.sync();
        if (stream.nfd !== undefined) fsyncSync(stream.nfd);
        return 0;
      };
    };
    const preRun = emscriptenOpts.preRun ?? [];
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(Array.isArray(preRun) ? preRun : [preRun]), patch] } };
  }
}

/** The write-ahead log's files; fsyncs those that changed since it last did. */
class LogFiles {
  readonly #directory: string;
  readonly #synced = new Map<string, number>();

  constructor(dataDir: string) {
    this.#directory = join(dataDir, 'pg_wal');
  }

  sync(): void {
    let created = false;
    for (const name of listed(this.#directory)) {
      const path = join(this.#directory, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined || !stat.isFile() || this.#synced.get(name) === stat.mtimeMs) continue;
      created ||= !this.#synced.has(name);
      fsyncPath(path);
      this.#synced.set(name, Date.now() - stat.mtimeMs > MTIME_DOUBT_MS ? stat.mtimeMs : Number.NaN);
    }
    if (created) fsyncPath(this.#directory);
  }
}

function listed(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // initdb has not made it yet
  }
}

function fsyncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export interface Embedded {
  readonly pool: PGlitePool;
  /** Makes everything acknowledged so far survive a power cut. */
  readonly sync: () => Promise<void>;
  /** Checkpoints when the log has grown; called by itself once a minute. */
  readonly checkpoint: (afterBytes?: number) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** Opens (or makes) PGlite's database in `directory`, which the caller must hold the lock of. Throws LEDGER_UNREACHABLE. */
export async function openEmbedded(directory: string): Promise<Embedded> {
  const log = new LogFiles(directory);
  const db = await PGlite.create({
    fs: new SyncedFiles(directory, log),
    startParams: startParameters(),
    // As node-postgres gives them: text, since a number cannot hold every bigint.
    parsers: { [INT8]: (text: string) => text },
  }).catch((error: unknown) => { throw cannotOpen(directory, error); });
  const pool = new PGlitePool(db);
  const checkpoint = (afterBytes = CHECKPOINT_AFTER_BYTES): Promise<boolean> => checkpointWhenGrown(pool, afterBytes);
  const timer = setInterval(() => void checkpoint().catch(() => undefined), CHECKPOINT_LOOK_MS).unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await pool.end();
  };
  return { pool, sync: () => pool.inTurn(() => log.sync()), checkpoint, close };
}

/** PGlite does not say why; a full disk is what it is most often. */
function cannotOpen(directory: string, cause: unknown): KeyturnError {
  const { bavail, bsize } = statfsSync(directory);
  const freeMiB = Math.floor((bavail * bsize) / 1024 / 1024);
  const [why, todo] = freeMiB < FULL_BELOW_MIB
    ? [`its disk has ${freeMiB} MiB left`, 'Make room there. Nothing that it holds is lost.']
    : [describeError(cause), 'Start again; if that fails too, put back a copy of the data directory (README, "Backup and restore").'];
  return new KeyturnError('LEDGER_UNREACHABLE', `The embedded ledger in ${directory} cannot be opened (${why}): nothing is rotated until it can.`, { cause, todo });
}

/** PGlite's own start parameters without `-F` (never fsync) and with a search path for BullMQ's unqualified names. */
function startParameters(): string[] {
  const kept = PGlite.defaultStartParams.filter((parameter) => parameter !== '-F');
  const searchPath = kept.map((p) => (p.startsWith('search_path=') ? `search_path=${QUEUE_SCHEMA}` : p));
  return [...searchPath, '-c', 'max_wal_size=64MB', '-c', 'min_wal_size=32MB'];
}

async function checkpointWhenGrown(pool: PGlitePool, afterBytes: number): Promise<boolean> {
  const { rows } = await pool.query(
    'select pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn) >= $1::numeric as grown from pg_control_checkpoint()',
    [String(afterBytes)],
  );
  if (rows[0]?.['grown'] !== true) return false;
  await pool.query('checkpoint');
  return true;
}
