import { sql } from 'kysely';
import { KeyturnError } from '../core/errors.ts';
import type { AuditEvent, AuditVerdict, Ledger } from '../ports/ledger.ts';
import { toAuditEvent } from './audit.ts';
import { GENESIS, chainHash, chainHead, isChainHead, type ChainHead } from './chain.ts';
import { json, type Db, type Tx } from './sql.ts';

export const HEAD_KEY = 'audit.head';
const MAX_SEALED_AT_ONCE = 1000;
const VERIFY_BATCH = 1000;

/** Sealing and verifying under `key`, the installation's audit key. */
export function sealMethods(db: Db, key: Buffer): Pick<Ledger, 'seal' | 'verifyAudit'> {
  return {
    seal: (limit) => db.transaction().execute((tx) => seal(tx, key, Math.min(limit, MAX_SEALED_AT_ONCE))),
    verifyAudit: () => verify(db, key),
  };
}

/**
 * Events get their place when they are sealed, not when they are inserted: a transaction that commits late may
 * hold smaller ids than ones sealed already, and then simply follows them.
 */
async function seal(tx: Tx, key: Buffer, limit: number): Promise<number> {
  const { rows } = await sql<{ mine: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${HEAD_KEY}, 0)) as mine`.execute(tx);
  if (rows[0]?.mine !== true) return 0;
  const events = await tx.selectFrom('audit').selectAll().where('pos', 'is', null).orderBy('id').limit(limit).execute();
  if (events.length === 0) return 0;
  const head = await readHead(tx);
  if (head === null || !isChainHead(key, head)) throw broken();
  let { pos, hash } = head;
  const sealed = events.map((row) => {
    pos += 1;
    hash = chainHash(key, hash, toAuditEvent(row, pos));
    return { id: row.id, pos, hash };
  });
  await sql`update keyturn.audit a set pos = s.pos, hash = s.hash
    from jsonb_to_recordset(${json(sealed)}::jsonb) as s(id bigint, pos bigint, hash text) where a.id = s.id`.execute(tx);
  await tx.updateTable('meta').set({ value: json(chainHead(key, pos, hash)) }).where('key', '=', HEAD_KEY).execute();
  return sealed.length;
}

function broken(): KeyturnError {
  return new KeyturnError('AUDIT_BROKEN', "The record of the audit chain's end is missing or was changed: sealing on would hide what happened.", {
    todo: 'Run `keyturn audit verify`, find out who wrote to the ledger, and compare with your last anchor or backup.',
    effect: 'none',
  });
}

async function readHead(db: Db): Promise<ChainHead | null> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', HEAD_KEY).executeTakeFirst();
  return row === undefined ? null : (row.value as ChainHead);
}

interface Extent {
  readonly head: ChainHead | null;
  readonly lastPos: number;
  readonly events: number;
}

/** One statement, so that a sealer at work is seen wholly or not at all. */
async function extent(db: Db): Promise<Extent> {
  const { rows } = await sql<{ head: ChainHead | null; last: string; events: string }>`
    select (select value from keyturn.meta where key = ${HEAD_KEY}) as head,
           (select coalesce(max(pos), 0) from keyturn.audit) as last,
           (select count(*) from keyturn.audit) as events`.execute(db);
  const row = rows[0];
  return { head: row?.head ?? null, lastPos: Number(row?.last ?? 0), events: Number(row?.events ?? 0) };
}

/** Follows the chain to its recorded end in batches, and names the first event that does not fit. */
async function verify(db: Db, key: Buffer): Promise<AuditVerdict> {
  const { head, lastPos, events } = await extent(db);
  const walked = await walk(db, key, lastPos);
  const firstBad = walked.bad ?? badEnd(key, head, walked, lastPos);
  return { ok: firstBad === null, events, sealed: walked.pos, head: walked.pos === 0 ? null : walked.hash, firstBad };
}

type Bad = AuditVerdict['firstBad'];

interface Walked {
  readonly pos: number;
  readonly hash: string;
  readonly bad: Bad;
}

async function walk(db: Db, key: Buffer, lastPos: number): Promise<Walked> {
  let pos = 0;
  let hash = GENESIS;
  while (pos < lastPos) {
    const batch = await sealedAfter(db, pos, lastPos);
    if (batch.length === 0) return { pos, hash, bad: { seq: pos + 1, why: 'this event was removed' } };
    for (const event of batch) {
      const why = misfit(key, hash, pos, event);
      if (why !== null) return { pos, hash, bad: { seq: pos + 1, why } };
      pos = event.seq;
      hash = event.hash ?? '';
    }
  }
  return { pos, hash, bad: null };
}

async function sealedAfter(db: Db, pos: number, lastPos: number): Promise<readonly AuditEvent[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .where('pos', '>', String(pos))
    .where('pos', '<=', String(lastPos))
    .orderBy('pos')
    .limit(VERIFY_BATCH)
    .execute();
  return rows.map((row) => toAuditEvent(row, Number(row.pos)));
}

function misfit(key: Buffer, previous: string, pos: number, event: AuditEvent): string | null {
  if (event.seq !== pos + 1) return 'this event was removed';
  if (event.hash === null) return 'this event has a place in the chain but no hash: it was inserted by hand';
  if (chainHash(key, previous, event) !== event.hash) return 'this event was changed, moved or inserted after it was sealed';
  return null;
}

function badEnd(key: Buffer, head: ChainHead | null, walked: Walked, lastPos: number): Bad {
  if (head === null) return { seq: walked.pos + 1, why: "the record of the chain's end was removed" };
  if (!isChainHead(key, head)) return { seq: walked.pos + 1, why: "the record of the chain's end was changed" };
  if (head.pos > lastPos) return { seq: lastPos + 1, why: `the last ${head.pos - lastPos} events were removed` };
  if (head.pos < lastPos) return { seq: head.pos + 1, why: 'this event was appended by something that is not the sealer' };
  return head.hash === walked.hash ? null : { seq: walked.pos, why: "this event is not the chain's recorded end" };
}
