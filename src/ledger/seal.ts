import { sql } from 'kysely';
import type { Anchor } from '../core/anchor.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Ledger } from '../ports/ledger.ts';
import { toAuditEvent } from './audit.ts';
import { HEAD_KEY, chainHash, chainHead, isChainHead, type ChainHead } from './chain.ts';
import { json, type Db, type Tx } from './sql.ts';
import { verify } from './verify.ts';

const MAX_SEALED_AT_ONCE = 1000;

/** Sealing and verifying under `key`, the installation's audit key. */
export function sealMethods(db: Db, key: Buffer): Pick<Ledger, 'seal' | 'auditHead' | 'verifyAudit'> {
  return {
    seal: (limit) => db.transaction().execute((tx) => seal(tx, key, Math.min(limit, MAX_SEALED_AT_ONCE))),
    auditHead: () => auditHead(db, key),
    verifyAudit: (anchors = []) => verify(db, key, anchors),
  };
}

async function auditHead(db: Db, key: Buffer): Promise<Anchor | null> {
  const head = await soundHead(db, key);
  return head.pos === 0 ? null : { seq: head.pos, hash: head.hash };
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
  let { pos, hash } = await soundHead(tx, key);
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

async function soundHead(db: Db, key: Buffer): Promise<ChainHead> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', HEAD_KEY).executeTakeFirst();
  const head = row === undefined ? null : (row.value as ChainHead);
  if (head === null || !isChainHead(key, head)) throw broken();
  return head;
}
