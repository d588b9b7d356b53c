import { sql } from 'kysely';
import type { PlannedText } from '../core/plan.ts';
import type { Ledger } from '../ports/ledger.ts';
import { toCredential } from './rows.ts';
import { NOW, advisoryLock, bounded, inTransaction, json, type Db, type Tx } from './sql.ts';

type CredentialMethods = 'declare' | 'credential' | 'credentials' | 'declaredCredentials' | 'issuers' | 'setDue';

export function credentialMethods(db: Db): Pick<Ledger, CredentialMethods> {
  return {
    declare: (planned) => inTransaction(db, (tx) => declare(tx, planned)),
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
    async declaredCredentials({ issuer, owner, withKey }, { limit, after }) {
      let query = db.selectFrom('credentials').selectAll().where('declared', '=', true);
      if (issuer !== undefined) query = query.where('issuer', '=', issuer);
      if (owner !== undefined) query = query.where('owner', '=', owner);
      if (withKey === true) query = query.where('current_key_id', 'is not', null);
      if (after !== undefined) query = query.where('name', '>', after);
      return (await query.orderBy('name').limit(bounded({ limit })).execute()).map(toCredential);
    },
    async issuers() {
      const rows = await db.selectFrom('credentials').select('issuer').distinct().execute();
      return rows.map(({ issuer }) => issuer).sort(); // not by the database's collation
    },
    async setDue(name, dueAt) {
      await db.updateTable('credentials').set({ due_at: dueAt ?? sql`'infinity'` }).where('name', '=', name).execute();
    },
  };
}

/** A credential that is new, came back or changed has no due instant until somebody computes it again. */
async function declare(tx: Tx, planned: Iterable<PlannedText>): Promise<void> {
  await advisoryLock(tx, 'declare');
  for (const text of planned) await upsert(tx, text);
  // What this transaction did not write is declared no more.
  await sql`update keyturn.credentials set declared = false where declared and xmin <> pg_current_xact_id()::xid`.execute(tx);
}

async function upsert(tx: Tx, planned: PlannedText): Promise<void> {
  await sql`
    insert into keyturn.credentials as c (name, issuer, owner, revision, plan, declared, first_seen_at)
    select plan ->> 'credential', plan -> 'issuer' ->> 'name', plan ->> 'owner', revision, plan, true, ${NOW}
    from jsonb_to_recordset(${planned}::jsonb) as r(plan jsonb, revision text)
    on conflict (name) do update set
      issuer = excluded.issuer, owner = excluded.owner, revision = excluded.revision, plan = excluded.plan, declared = true,
      due_at = case when c.declared and c.revision = excluded.revision then c.due_at else '-infinity' end`.execute(tx);
}
