/** The real SQL ledger under the simulation: one database, emptied before each run, on the run's own time. */
import { Secret } from '../../src/core/secret.ts';
import { openLedger, type LedgerOptions, type SqlPool } from '../../src/ledger/index.ts';
import type { LeakLedger } from '../../src/ports/leak-ledger.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { LedgerUnderTest, OpenLedger } from './run.ts';

export interface SqlLedgers {
  readonly open: OpenLedger;
  close(): Promise<void>;
}

const ROOT_KEY = new Secret('root-key-of-the-simulation-0123456789');

export async function sqlLedgers(options: Omit<LedgerOptions, 'rootKey'>): Promise<SqlLedgers> {
  const { ledger, leaks, pool } = await openLedger({ ...options, rootKey: ROOT_KEY });
  await pool.query(`
    begin;
    create schema keyturn_test;
    create table keyturn_test.clock (at timestamptz not null);
    insert into keyturn_test.clock values (clock_timestamp());
    create or replace function keyturn.now() returns timestamptz language sql volatile as 'select at from keyturn_test.clock';
    commit`);
  const { rows: [meta] } = await pool.query("select value::text as head from keyturn.meta where key = 'audit.head'");
  const empty = async (): Promise<void> => {
    await pool.query('alter table keyturn.audit disable trigger user');
    await pool.query(`truncate ${(await tables(pool)).join(', ')}`);
    await pool.query('alter table keyturn.audit enable trigger user');
    await pool.query("update keyturn.meta set value = $1::jsonb where key = 'audit.head'", [meta?.['head']]);
  };
  return {
    open: async (now) => {
      await empty();
      const timely = onTime(pool, now);
      return underTest(timely(ledger), timely(leaks), pool);
    },
    close: () => ledger.close(),
  };
}

async function tables(pool: SqlPool): Promise<readonly string[]> {
  const { rows } = await pool.query("select tablename from pg_tables where schemaname = 'keyturn' and tablename not in ('meta', 'migration', 'migration_lock')");
  return rows.map((row) => `keyturn.${String(row['tablename'])}`);
}

/** The run takes one step at a time, so that one clock for the whole database is enough. */
function onTime(pool: SqlPool, now: () => number): <Part extends object>(part: Part) => Part {
  let set = Number.NaN;
  return <Part extends object>(part: Part) => {
    const members = Object.entries(part).map(([name, member]: [string, unknown]) => {
      if (typeof member !== 'function') return [name, member];
      return [name, async (...given: unknown[]): Promise<unknown> => {
        const at = now();
        if (at !== set) await pool.query('update keyturn_test.clock set at = $1::timestamptz', [new Date(at).toISOString()]);
        set = at;
        return await (member as (...given: unknown[]) => Promise<unknown>)(...given);
      }];
    });
    return Object.fromEntries(members) as Part;
  };
}

function underTest(ledger: Ledger, leaks: LeakLedger, pool: SqlPool): LedgerUnderTest {
  return {
    ledger,
    leaks,
    async freeLeases() {
      for (const table of ['rotations', 'debts', 'deliveries', 'leaks']) await pool.query(`update keyturn.${table} set worker = null, lease_until = null`);
    },
    async dump() {
      const held = await Promise.all((await tables(pool)).map(async (table) => (await pool.query(`select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text as held from ${table} t`)).rows[0]?.['held']));
      return held.join('\n');
    },
    close: async () => undefined,
  };
}
