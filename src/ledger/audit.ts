import { sql, type Selectable } from 'kysely';
import { scrub } from '../core/secret.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { AuditEntry, AuditEvent, Ledger } from '../ports/ledger.ts';
import { AT_NOW, statement, type Statement } from './statement.ts';
import type { Tables } from './tables.ts';
import { NOW, bounded, json, type Db, type Tx } from './sql.ts';

export type AuditRow = Selectable<Tables['audit']>;

/** Milliseconds are all that the hash and JavaScript's Date know of; more would be lost unseen. */
const AT = sql<Date>`date_trunc('milliseconds', ${NOW})`;

/** Writes entries in the transaction of what they tell of; the sealer chains them once it is committed. */
export async function appendAudit(tx: Tx, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => ({
    at: AT,
    type: entry.type,
    actor: scrub(json(entry.actor)),
    credential: entry.credential,
    rotation_id: entry.rotationId,
    key_id: entry.keyId,
    detail: scrub(json(entry.detail)),
    pos: null,
    hash: null,
  }));
  await tx.insertInto('audit').values(rows).execute();
}

/** The same, as a part of a batch. */
export function auditStatements(entries: readonly AuditEntry[]): readonly Statement[] {
  if (entries.length === 0) return [];
  return [statement`
    insert into keyturn.audit (at, type, actor, credential, rotation_id, key_id, detail)
    select date_trunc('milliseconds', ${AT_NOW}), type, actor, credential, rotation_id, key_id, detail
    from jsonb_to_recordset(${auditRows(entries)}::jsonb)
      as e(type text, actor jsonb, credential text, rotation_id text, key_id text, detail jsonb)`];
}

/** For `jsonb_to_recordset`: type, actor, credential, rotation_id, key_id, detail. */
export function auditRows(entries: readonly AuditEntry[]): string {
  return scrub(json(entries.map(({ type, actor, credential, rotationId, keyId, detail }) => ({ type, actor, credential, rotation_id: rotationId, key_id: keyId, detail }))));
}

/** An event as people and the hash see it: `seq` is its place in the chain, or the one it will get. */
export function toAuditEvent(row: AuditRow, seq: number): AuditEvent {
  return {
    seq,
    at: row.at,
    type: row.type,
    actor: row.actor as Actor,
    credential: row.credential,
    rotationId: row.rotation_id,
    keyId: row.key_id,
    detail: row.detail as AuditEvent['detail'],
    hash: row.hash,
  };
}

export function auditMethods(db: Db): Pick<Ledger, 'audit' | 'auditEvents'> {
  return {
    audit: (entry) => db.transaction().execute((tx) => appendAudit(tx, [entry])),
    auditEvents: (filter, page) => auditEvents(db, filter, page),
  };
}

/** Newest first. Unsealed events, always few, take the places that follow the chain's end. */
async function auditEvents(
  db: Db,
  filter: Parameters<Ledger['auditEvents']>[0],
  page: Parameters<Ledger['auditEvents']>[1],
): Promise<readonly AuditEvent[]> {
  const limit = bounded(page);
  const credential = filter.credential ?? null;
  const before = page.before ?? null;
  const { rows } = await sql<AuditRow & { seq: string }>`
    with unsealed as (
      select a.*, (select coalesce(max(pos), 0) from keyturn.audit) + row_number() over (order by id) as seq
      from keyturn.audit a where pos is null
    ), sealed as (
      select a.*, pos as seq from keyturn.audit a
      where pos is not null and (${credential}::text is null or credential = ${credential}::text)
        and (${before}::bigint is null or pos < ${before}::bigint)
      order by pos desc limit ${limit}
    )
    select * from unsealed
    where (${credential}::text is null or credential = ${credential}::text) and (${before}::bigint is null or seq < ${before}::bigint)
    union all select * from sealed
    order by seq desc limit ${limit}`.execute(db);
  return rows.map((row) => toAuditEvent(row, Number(row.seq)));
}
