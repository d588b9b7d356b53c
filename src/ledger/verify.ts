import { sql } from 'kysely';
import type { Anchor } from '../core/anchor.ts';
import type { AuditEvent, AuditVerdict } from '../ports/ledger.ts';
import { toAuditEvent } from './audit.ts';
import { GENESIS, HEAD_KEY, chainHash, isChainHead, type ChainHead } from './chain.ts';
import type { Db } from './sql.ts';

const VERIFY_BATCH = 1000;

type Bad = AuditVerdict['firstBad'];

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

/**
 * Follows the chain to its recorded end in batches, holds it against anchors that were kept elsewhere, and names the
 * first event that does not fit. What fits neither the chain nor an anchor is named by the chain, which says more.
 */
export async function verify(db: Db, key: Buffer, anchors: readonly Anchor[]): Promise<AuditVerdict> {
  const { head, lastPos, events } = await extent(db);
  const walked = await walk(db, key, lastPos);
  const firstBad = walked.bad ?? badEnd(key, head, walked, lastPos) ?? (await badAnchor(db, walked.pos, anchors));
  return { ok: firstBad === null, events, sealed: walked.pos, head: walked.pos === 0 ? null : walked.hash, firstBad };
}

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
    for (const sealed of batch) {
      const why = misfit(key, hash, pos, sealed);
      if (why !== null) return { pos, hash, bad: { seq: pos + 1, why } };
      pos = sealed.event.seq;
      hash = sealed.event.hash ?? '';
    }
  }
  return { pos, hash, bad: null };
}

interface Sealed {
  readonly event: AuditEvent;
  /** The sealer wrote whole milliseconds, and the hash knows no more: what is finer came later. */
  readonly wholeMs: boolean;
}

async function sealedAfter(db: Db, pos: number, lastPos: number): Promise<readonly Sealed[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .select(sql<boolean>`at = date_trunc('milliseconds', at)`.as('whole_ms'))
    .where('pos', '>', String(pos))
    .where('pos', '<=', String(lastPos))
    .orderBy('pos')
    .limit(VERIFY_BATCH)
    .execute();
  return rows.map((row) => ({ event: toAuditEvent(row, Number(row.pos)), wholeMs: row.whole_ms }));
}

function misfit(key: Buffer, previous: string, pos: number, { event, wholeMs }: Sealed): string | null {
  if (event.seq !== pos + 1) return 'this event was removed';
  if (event.hash === null) return 'this event has a place in the chain but no hash: it was inserted by hand';
  if (!wholeMs || chainHash(key, previous, event) !== event.hash) return 'this event was changed, moved or inserted after it was sealed';
  return null;
}

function badEnd(key: Buffer, head: ChainHead | null, walked: Walked, lastPos: number): Bad {
  if (head === null) return { seq: walked.pos + 1, why: "the record of the chain's end was removed" };
  if (!isChainHead(key, head)) return { seq: walked.pos + 1, why: "the record of the chain's end was changed" };
  if (head.pos > lastPos) return { seq: lastPos + 1, why: `the last ${head.pos - lastPos} events were removed` };
  if (head.pos < lastPos) return { seq: head.pos + 1, why: 'this event was appended by something that is not the sealer' };
  return head.hash === walked.hash ? null : { seq: walked.pos, why: "this event is not the chain's recorded end" };
}

/** What a chain that is whole in itself cannot show: that it is an older copy, or another one, since an anchor was kept. */
async function badAnchor(db: Db, lastPos: number, anchors: readonly Anchor[]): Promise<Bad> {
  const inOrder = anchors.toSorted((a, b) => a.seq - b.seq);
  const hashes = await hashesAt(db, inOrder.map(({ seq }) => seq).filter((seq) => seq <= lastPos));
  let agreed = 0;
  for (const { seq, hash } of inOrder) {
    if (seq > lastPos) return { seq: lastPos + 1, why: `the chain ends before the anchored event ${seq}: at least ${seq - lastPos} event(s) were cut off with the record of its end, as an older copy of the ledger would do` };
    if (hashes.get(seq) !== hash) return { seq: agreed + 1, why: `event ${seq} is not the one that was anchored: events after ${agreed === 0 ? 'the beginning' : `event ${agreed}, which still is as anchored,`} were replaced or belong to another ledger` };
    agreed = seq;
  }
  return null;
}

async function hashesAt(db: Db, seqs: readonly number[]): Promise<ReadonlyMap<number, string | null>> {
  if (seqs.length === 0) return new Map();
  const rows = await db.selectFrom('audit').select(['pos', 'hash']).where('pos', 'in', seqs.map(String)).execute();
  return new Map(rows.map((row) => [Number(row.pos), row.hash]));
}
