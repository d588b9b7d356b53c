import { sql } from 'kysely';
import type { Ledger } from '../ports/ledger.ts';
import { toCredential } from './rows.ts';
import { NOW, advisoryLock, inTransaction, json, type Db, type Tx } from './sql.ts';

type CredentialMethods = 'declare' | 'credential' | 'credentials' | 'setDue';
type Declared = Parameters<Ledger['declare']>[0];
const DECLARED_AT_ONCE = 500;

export function credentialMethods(db: Db): Pick<Ledger, CredentialMethods> {
  return {
    declare: (credentials) => inTransaction(db, (tx) => declare(tx, credentials)),
    async credential(name) {
      const row = await db.selectFrom('credentials').selectAll().where('name', '=', name).executeTakeFirst();
      return row === undefined ? null : toCredential(row);
    },
    /** Bounded by what was ever declared: the configuration is the bound. */
    async credentials(only) {
      const query = db.selectFrom('credentials').selectAll();
      const chosen = only === undefined ? query : query.where('name', '=', sql<string>`any(array(select jsonb_array_elements_text(${json(only)}::jsonb)))`);
      return (await chosen.orderBy('name').execute()).map(toCredential);
    },
    async setDue(name, dueAt) {
      await db.updateTable('credentials').set({ due_at: dueAt ?? sql`'infinity'` }).where('name', '=', name).execute();
    },
  };
}

/** A credential that is new, came back or changed has no due instant until somebody computes it again. */
async function declare(tx: Tx, credentials: Declared): Promise<void> {
  await advisoryLock(tx, 'declare');
  for (let start = 0; start < credentials.length; start += DECLARED_AT_ONCE) {
    await upsert(tx, credentials.slice(start, start + DECLARED_AT_ONCE));
  }
  const names = json(credentials.map(({ plan }) => plan.credential));
  await sql`update keyturn.credentials set declared = false
    where declared and name not in (select jsonb_array_elements_text(${names}::jsonb))`.execute(tx);
}

async function upsert(tx: Tx, credentials: Declared): Promise<void> {
  const rows = credentials.map(({ plan, revision }) => ({
    name: plan.credential,
    issuer: plan.issuer.name,
    owner: plan.owner,
    revision,
    plan,
  }));
  await sql`
    insert into keyturn.credentials as c (name, issuer, owner, revision, plan, declared, first_seen_at)
    select name, issuer, owner, revision, plan, true, ${NOW}
    from jsonb_to_recordset(${json(rows)}::jsonb) as r(name text, issuer text, owner text, revision text, plan jsonb)
    on conflict (name) do update set
      issuer = excluded.issuer, owner = excluded.owner, revision = excluded.revision, plan = excluded.plan, declared = true,
      due_at = case when c.declared and c.revision = excluded.revision then c.due_at else '-infinity' end`.execute(tx);
}
