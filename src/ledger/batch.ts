/** Batches as the ledger uses them: JSON answers, refusals, and a second run after a deadlock. */
import { mayRunAgain, sqlState } from './failures.ts';
import type { SqlPool } from './pool.ts';
import { fragment, statement, type Fragment, type Statement } from './statement.ts';

/** Raised by `keyturn.refuse`. */
const REFUSED = 'KT001';
const MAX_RUNS = 5;

/** Runs statements as one transaction; answers, of each, the JSON value of its first row, or null. */
export type Batch = (statements: readonly Statement[]) => Promise<readonly unknown[]>;

/** What `keyturn.refuse` was told; the transaction was rolled back. */
export class Refused extends Error {
  readonly refusal: unknown;

  constructor(refusal: unknown) {
    super('refused');
    this.refusal = refusal;
  }
}

/** Throws `Refused`. Runs again when PostgreSQL broke a deadlock by ending it. */
export function batchOver(pool: Pick<SqlPool, 'batch'>): Batch {
  return async (statements) => {
    for (let run = 1; ; run += 1) {
      try {
        return (await pool.batch(statements)).map((rows) => (rows[0] == null ? null : (JSON.parse(rows[0]) as unknown)));
      } catch (error) {
        if (sqlState(error) === REFUSED && error instanceof Error) throw new Refused(JSON.parse(error.message));
        if (run >= MAX_RUNS || !mayRunAgain(error)) throw error;
      }
    }
  };
}

/** Refuses with what `refusal` gives, a JSON text, when it gives one. */
export function refuseIf(refusal: Fragment): Statement {
  return statement`select keyturn.refuse(r.refusal) from (select ${refusal} as refusal offset 0) r where r.refusal is not null`;
}

/** Answers what `answer` gives, and refuses with `refusal`, a JSON text, when that is null. */
export function orRefuse(answer: Fragment, refusal: Fragment): Fragment {
  return fragment`coalesce(${answer}, keyturn.refuse(${refusal}))`;
}

/** A refusal that is known beforehand. */
export function because(refusal: { readonly outcome: string; readonly [detail: string]: unknown }): Fragment {
  return fragment`${JSON.stringify(refusal)}`;
}
