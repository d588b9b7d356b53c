/** The two ledgers that are driven by the same operations, each with the ids and records that it handed out. */
import type { RevocationDebt } from '../../../src/core/vocabulary.ts';
import { openLedger, type SqlPool } from '../../../src/ledger/index.ts';
import type { Delivery, DueCredential, Ledger, Lease } from '../../../src/ports/ledger.ts';
import { stopClock } from '../../support/clock.ts';
import { createModelLedger } from '../../support/model-ledger/index.ts';
import { ROOT_KEY, type Runtime } from '../../support/runtimes.ts';

/** Ids of rows in the order of their making, so that one number means the same row on both sides. */
export interface Ids {
  readonly rotations: readonly string[];
  readonly keys: readonly string[];
  readonly debts: readonly string[];
  readonly deliveries: readonly string[];
}

export interface Side {
  readonly ledger: Ledger;
  ids: Ids;
  /** What this side handed out to its workers; some of it is stale by now. */
  readonly leases: Lease[];
  readonly debts: RevocationDebt[];
  readonly due: DueCredential[];
  readonly deliveries: Delivery[];
  readonly setClock: (at: number) => Promise<void>;
  readonly readIds: () => Promise<Ids>;
}

export const BEGINNING = Date.parse('2026-01-01T00:00:00Z');

function sideOf(ledger: Ledger, setClock: Side['setClock'], readIds: Side['readIds']): Side {
  return { ledger, ids: { rotations: [], keys: [], debts: [], deliveries: [] }, leases: [], debts: [], due: [], deliveries: [], setClock, readIds };
}

export function modelSide(): Side {
  let now = BEGINNING;
  const { ledger, state } = createModelLedger({ now: () => now });
  const idsOf = (table: keyof Ids): string[] => state[table].all().map((row) => row.id).sort();
  return sideOf(
    ledger,
    async (at) => void (now = at),
    async () => ({ rotations: idsOf('rotations'), keys: idsOf('keys'), debts: idsOf('debts'), deliveries: idsOf('deliveries') }),
  );
}

const TABLES = ['rotations', 'keys', 'debts', 'deliveries'] as const;
const ALL_IDS = `select ${TABLES.map((table) => `array(select id::text from keyturn.${table} order by id) as ${table}`).join(', ')}`;
const KEPT = ['transitions', 'location_locks', 'slot_reservations', 'watches', 'pauses', 'credentials', 'audit', ...TABLES];

async function readIds(pool: SqlPool): Promise<Ids> {
  const { rows } = await pool.query(ALL_IDS);
  return rows[0] as unknown as Ids;
}

export interface SqlSide {
  /** The same database each time, emptied. */
  readonly fresh: () => Promise<Side>;
  readonly close: () => Promise<void>;
}

export async function sqlSide(runtime: Runtime): Promise<SqlSide> {
  const { dataDir, databaseUrl, stop } = await runtime.start();
  const { ledger, pool } = await openLedger({ dataDir, rootKey: ROOT_KEY, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
  const { rows } = await pool.query("select value::text from keyturn.meta where key = 'audit.head'");
  const fresh = async (): Promise<Side> => {
    await pool.query('alter table keyturn.audit disable trigger user');
    await pool.query(`truncate ${KEPT.map((table) => `keyturn.${table}`).join(', ')} restart identity`);
    await pool.query(`delete from keyturn.meta where key like 'done.%' or key like 'pace.%'`);
    await pool.query('alter table keyturn.audit enable trigger user');
    await pool.query("update keyturn.meta set value = $1::jsonb where key = 'audit.head'", [rows[0]?.['value']]);
    await stopClock(pool, new Date(BEGINNING));
    return sideOf(ledger, (at) => stopClock(pool, new Date(at)), () => readIds(pool));
  };
  const close = async (): Promise<void> => {
    await ledger.close();
    await stop();
  };
  return { fresh, close };
}
