import { sql } from 'kysely';
import type { PlannedText } from '../core/plan.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { Ledger, Retired } from '../ports/ledger.ts';
import { toCredential } from './rows.ts';
import { NOW, advisoryLock, bounded, inTransaction, oneOf, type Db, type Tx } from './sql.ts';

type CredentialMethods = 'declare' | 'credential' | 'credentials' | 'declaredCredentials' | 'issuers' | 'setDue' | 'retired';

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
      const chosen = only === undefined ? query : query.where('name', '=', oneOf(only));
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
    retired: (only) => retired(db, only),
    async setDue(name, dueAt) {
      await db.updateTable('credentials').set({ due_at: dueAt ?? sql`'infinity'` }).where('name', '=', name).execute();
    },
  };
}

/** Its newest rotation is an emergency that was to create nothing and left no key, and nobody has brought one since. */
async function retired(db: Db, only: readonly string[] | undefined): Promise<readonly Retired[]> {
  const { rows } = await sql<{ name: string; id: string; actor: Actor; since: Date }>`
    select c.name, l.id, l.actor, l.finished_at as since
    from keyturn.credentials c cross join lateral (select * from keyturn.rotations r where r.credential = c.name order by r.id desc limit 1) l
    where c.current_key_id is null ${only === undefined ? sql`` : sql`and c.name = ${oneOf(only)}`}
      and l.kind = 'emergency' and l.finished_at is not null and l.new_key_id is null and l.asked -> 'revocation' ->> 'replace' = 'false'
      and not exists (select from keyturn.keys k where k.credential = c.name and k.id > l.id)
    order by c.name`.execute(db);
  return rows.map(({ name: credential, id: rotationId, actor, since }) => ({ credential, rotationId, actor, since }));
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
