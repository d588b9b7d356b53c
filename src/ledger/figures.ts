import { sql } from 'kysely';
import type { LedgerFigures } from '../ports/ledger.ts';
import { NOW, type Db } from './sql.ts';

interface FiguresRow {
  rotations: Record<string, number> | null;
  keys: Record<string, number> | null;
  debts: number;
  debt_age: number | null;
  waiting: number;
  stuck: number;
  delivery_age: number | null;
  unsealed: number;
}

const ageMs = (column: string) => sql`(extract(epoch from ${NOW} - min(${sql.ref(column)})) * 1000)::float8`;

/** Counts and ages in one statement. */
export async function figures(db: Db): Promise<LedgerFigures> {
  const { rows } = await sql<FiguresRow>`
    select (select jsonb_object_agg(state, n) from (select state, count(*)::int n from keyturn.rotations group by state) s) as rotations,
           (select jsonb_object_agg(state, n) from (select state, count(*)::int n from keyturn.keys group by state) s) as keys,
           d.n as debts, d.age as debt_age, w.n as waiting, w.age as delivery_age,
           (select count(*)::int from keyturn.deliveries where state = 'stuck') as stuck,
           (select count(*)::int from keyturn.audit where pos is null) as unsealed
    from (select count(*)::int n, ${ageMs('created_at')} age from keyturn.debts where settled_at is null) d,
         (select count(*)::int n, ${ageMs('created_at')} age from keyturn.deliveries where state = 'waiting') w`.execute(db);
  const row = rows[0];
  return {
    rotationsByState: row?.rotations ?? {},
    keysByState: row?.keys ?? {},
    openDebts: row?.debts ?? 0,
    oldestDebtAgeMs: row?.debt_age ?? null,
    deliveriesWaiting: row?.waiting ?? 0,
    deliveriesStuck: row?.stuck ?? 0,
    oldestDeliveryAgeMs: row?.delivery_age ?? null,
    unsealedAudit: row?.unsealed ?? 0,
  };
}
