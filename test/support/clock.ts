/** The ledger's clock, moved from outside: `keyturn.now()` is replaced, so no test switch is needed in `src`. */
import type { SqlPool } from '../../src/ledger/index.ts';

/** Moves the ledger's clock forward (or back) by this many milliseconds; it goes on ticking. */
export async function advanceClock(pool: SqlPool, ms: number): Promise<void> {
  await replaceClock(pool);
  await pool.query('update keyturn_test.clock set shift_ms = shift_ms + $1::float8', [ms]);
}

/** Sets the ledger's clock; it goes on ticking from there. */
export async function setClock(pool: SqlPool, at: Date): Promise<void> {
  await replaceClock(pool);
  await pool.query('update keyturn_test.clock set shift_ms = extract(epoch from $1::timestamptz - clock_timestamp()) * 1000', [at.toISOString()]);
}

async function replaceClock(pool: SqlPool): Promise<void> {
  const { rows } = await pool.query("select to_regclass('keyturn_test.clock') is not null as there");
  if (rows[0]?.['there'] === true) return;
  await pool.query(`
    begin;
    create schema keyturn_test;
    create table keyturn_test.clock (shift_ms float8 not null);
    insert into keyturn_test.clock values (0);
    create or replace function keyturn.now() returns timestamptz language sql volatile
      as 'select clock_timestamp() + (select shift_ms from keyturn_test.clock) * interval ''1 millisecond''';
    commit`);
}

/** Sets the ledger's clock and stops it there, so that each instant is known to the millisecond. Not to be mixed with the others. */
export async function stopClock(pool: SqlPool, at: Date): Promise<void> {
  const { rows } = await pool.query("select to_regclass('keyturn_test.stopped') is not null as there");
  if (rows[0]?.['there'] !== true) {
    await pool.query(`
      begin;
      create schema keyturn_test;
      create table keyturn_test.stopped (at timestamptz not null);
      insert into keyturn_test.stopped values ('epoch');
      create or replace function keyturn.now() returns timestamptz language sql volatile as 'select at from keyturn_test.stopped';
      commit`);
  }
  await pool.query('update keyturn_test.stopped set at = $1::timestamptz', [at.toISOString()]);
}
