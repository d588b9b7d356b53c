import { KeyturnError } from '../../../src/core/errors.ts';
import { GENESIS, chainHash, chainHead, isChainHead } from '../../../src/ledger/chain.ts';
import type { AuditEvent, AuditVerdict } from '../../../src/ports/ledger.ts';
import { toAuditEvent } from './rows.ts';
import type { State } from './state.ts';

const MAX_SEALED_AT_ONCE = 1000;

/** Sealing and verifying under `key`, the installation's audit key. */
export function sealMethods(state: State, key: Buffer) {
  return {
    seal: (limit: number) => seal(state, key, Math.min(limit, MAX_SEALED_AT_ONCE)),
    auditHead: () => (state.head === null || state.head.pos === 0 ? null : { seq: state.head.pos, hash: state.head.hash }),
    /** Anchors are for SQL's copies of old chains; the model has none. */
    verifyAudit: () => verify(state, key),
  };
}

function seal(state: State, key: Buffer, limit: number): number {
  const events = state.by.unsealed.of('unsealed').sort((a, b) => a.id - b.id).slice(0, limit);
  if (events.length === 0) return 0;
  if (state.head === null || !isChainHead(key, state.head)) throw broken();
  let { pos, hash } = state.head;
  for (const row of events) {
    pos += 1;
    hash = chainHash(key, hash, toAuditEvent(row, pos));
    state.audit.put({ ...row, pos, hash });
  }
  state.counts.lastPos = pos;
  state.head = chainHead(key, pos, hash);
  return events.length;
}

function broken(): KeyturnError {
  return new KeyturnError('AUDIT_BROKEN', "The record of the audit chain's end is missing or was changed: sealing on would hide what happened.", {
    todo: 'Run `keyturn audit verify`, find out who wrote to the ledger, and compare with your last anchor or backup.',
    effect: 'none',
  });
}

type Bad = AuditVerdict['firstBad'];

/** Follows the chain to its recorded end and names the first event that does not fit. */
function verify(state: State, key: Buffer): AuditVerdict {
  const sealed = state.audit.all().flatMap((row) => (row.pos === null ? [] : [toAuditEvent(row, row.pos)]));
  sealed.sort((a, b) => a.seq - b.seq);
  let [pos, hash, bad]: [number, string, Bad] = [0, GENESIS, null];
  for (const event of sealed) {
    const why = misfit(key, hash, pos, event);
    if (why !== null) bad = { seq: pos + 1, why };
    if (bad !== null) break;
    [pos, hash] = [event.seq, event.hash ?? ''];
  }
  const firstBad = bad ?? badEnd(state, key, pos, hash);
  return { ok: firstBad === null, events: state.audit.size, sealed: pos, head: pos === 0 ? null : hash, firstBad };
}

function misfit(key: Buffer, previous: string, pos: number, event: AuditEvent): string | null {
  if (event.seq !== pos + 1) return 'this event was removed';
  if (event.hash === null) return 'this event has a place in the chain but no hash: it was inserted by hand';
  return chainHash(key, previous, event) === event.hash ? null : 'this event was changed, moved or inserted after it was sealed';
}

function badEnd({ head }: State, key: Buffer, pos: number, hash: string): Bad {
  if (head === null) return { seq: pos + 1, why: "the record of the chain's end was removed" };
  if (!isChainHead(key, head)) return { seq: pos + 1, why: "the record of the chain's end was changed" };
  if (head.pos > pos) return { seq: pos + 1, why: `the last ${head.pos - pos} events were removed` };
  if (head.pos < pos) return { seq: head.pos + 1, why: 'this event was appended by something that is not the sealer' };
  return head.hash === hash ? null : { seq: pos, why: "this event is not the chain's recorded end" };
}
