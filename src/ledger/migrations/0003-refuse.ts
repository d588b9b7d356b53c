import { sql, type Kysely } from 'kysely';

/**
 * Statements that travel together are one transaction: one that finds that its condition does not hold calls this, so that
 * nothing of them is written. What stood in the way is the error's message, as JSON.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`create function keyturn.refuse(refusal text) returns text language plpgsql volatile as $$
   begin
     raise exception using errcode = 'KT001', message = refusal;
   end $$`).execute(db);
}
