/** A chain of audit events to attack, with what somebody could do who has the database's password but not the root key. */
import type { AuditEntry, Ledger } from '../../src/ports/ledger.ts';
import type { SqlPool } from '../../src/ledger/index.ts';
import { ACTOR } from './fixtures.ts';

export const entry = (n: number, credential: string | null = null): AuditEntry => ({
  type: 'test', actor: ACTOR, credential, rotationId: null, keyId: null, detail: { n, z: { b: 1, a: [2, null] } },
});

export async function written(ledger: Ledger, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) await ledger.audit(entry(n, `c${n % 3}`));
  await sealAll(ledger);
}

export async function sealAll(ledger: Ledger): Promise<void> {
  while ((await ledger.seal(4)) > 0);
}

/** Runs statements with the append-only triggers out of the way. */
export async function tamper(pool: SqlPool, ...statements: readonly string[]): Promise<void> {
  await pool.query('alter table keyturn.audit disable trigger user');
  for (const statement of statements) await pool.query(statement);
  await pool.query('alter table keyturn.audit enable trigger user');
}

/** The ledger's audit table and the record of the chain's end, put aside under a name; `putBack` restores them, as an older backup would. */
export async function putAside(pool: SqlPool, name: string): Promise<void> {
  await pool.query(`drop table if exists keyturn.${name}_audit`);
  await pool.query(`drop table if exists keyturn.${name}_meta`);
  await pool.query(`create table keyturn.${name}_audit as select * from keyturn.audit`);
  await pool.query(`create table keyturn.${name}_meta as select * from keyturn.meta where key = 'audit.head'`);
}

export async function putBack(pool: SqlPool, name: string): Promise<void> {
  await tamper(
    pool,
    'delete from keyturn.audit',
    "delete from keyturn.meta where key = 'audit.head'",
    `insert into keyturn.audit overriding system value select * from keyturn.${name}_audit`,
    `insert into keyturn.meta select * from keyturn.${name}_meta`,
  );
}
