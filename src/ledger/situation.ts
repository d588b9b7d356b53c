import type { KeyRecord, RevocationDebt } from '../core/vocabulary.ts';
import type { Situation } from '../ports/ledger.ts';
import { debtOf, keyOf, type JsonRow } from './rows.ts';
import { statement, type Statement } from './statement.ts';

interface Answer {
  readonly now: string;
  readonly old_key: JsonRow<'keys'> | null;
  readonly new_key: JsonRow<'keys'> | null;
  readonly current_key_id: string | null;
  readonly debts: readonly JsonRow<'debts'>[] | null;
}

const MAX_OPEN_DEBTS = 10_000;

/** Sees what the statements before it in the same batch wrote. */
export function situationStatement(rotationId: string): Statement {
  return statement`
    select json_build_object(
      'now', keyturn.now(),
      'old_key', (select to_jsonb(k) from keyturn.keys k where k.id = r.old_key_id),
      'new_key', (select to_jsonb(k) from keyturn.keys k where k.id = r.new_key_id),
      'current_key_id', (select c.current_key_id from keyturn.credentials c where c.name = r.credential),
      'debts', (select jsonb_agg(to_jsonb(d) order by d.id) from (
        select * from keyturn.debts where credential = r.credential and settled_at is null order by id limit ${MAX_OPEN_DEBTS}::int) d)
    )::text from keyturn.rotations r where r.id = ${rotationId}`;
}

export function toSituation(answer: unknown): Situation {
  const { now, old_key, new_key, current_key_id, debts } = answer as Answer;
  const key = (row: Answer['old_key']): KeyRecord | null => (row === null ? null : keyOf(row));
  return {
    now: new Date(now), oldKey: key(old_key), newKey: key(new_key), currentKeyId: current_key_id,
    openDebts: (debts ?? []).map((row): RevocationDebt => debtOf(row)),
  };
}
