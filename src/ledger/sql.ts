import { CompiledQuery, sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { Page } from '../ports/ledger.ts';
import { mayRunAgain } from './failures.ts';
import type { Statement } from './statement.ts';
import type { Tables } from './tables.ts';

export type Db = Kysely<Tables>;
export type Tx = Transaction<Tables>;

const MAX_PAGE = 1000;
const MAX_TRANSACTION_RUNS = 5;

/** The ledger's clock in a statement. A scalar subquery, so that it is read once and indexes can be searched with it. */
export const NOW: RawBuilder<Date> = sql<Date>`(select keyturn.now())`;

/** The instant `ms` milliseconds after the ledger's now. */
export function nowPlus(ms: number): RawBuilder<Date> {
  return sql<Date>`(select keyturn.now() + ${ms}::float8 * interval '1 millisecond')`;
}

/** True in SQL when nobody holds the row's lease. */
export const LEASE_FREE: RawBuilder<boolean> = sql<boolean>`(lease_until is null or lease_until <= ${NOW})`;

/** JSON columns are always bound as text: the two drivers treat arrays differently. */
export function json(value: unknown): string {
  return JSON.stringify(value);
}

/** To be compared with `=`: any of these, in one parameter however many they are. */
export function oneOf(values: readonly string[]): RawBuilder<string> {
  return sql<string>`any(array(select jsonb_array_elements_text(${json(values)}::jsonb)))`;
}

/** Serialises, until the transaction ends, everybody who asks with the same words. */
export async function advisoryLock(tx: Tx, ...words: readonly string[]): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${words.join('\u0001')}, 0))`.execute(tx);
}

/** Runs a statement within a transaction that was begun by itself. Answers as in a batch: the JSON value of its first row, or null. */
export async function runIn(tx: Tx, { text, values }: Statement): Promise<unknown> {
  const { rows } = await tx.executeQuery<Readonly<Record<string, string | null>>>(CompiledQuery.raw(text, [...values]));
  const [answer = null] = Object.values(rows[0] ?? {});
  return answer === null ? null : (JSON.parse(answer) as unknown);
}

/** Runs `work` in one transaction, again from its start when PostgreSQL broke a deadlock by ending it. */
export async function inTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let run = 1; ; run += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (run >= MAX_TRANSACTION_RUNS || !mayRunAgain(error)) throw error;
    }
  }
}

/** Every listing is bounded. */
export function bounded(page: Pick<Page, 'limit'>): number {
  return Math.min(Math.max(Math.trunc(page.limit), 1), MAX_PAGE);
}
