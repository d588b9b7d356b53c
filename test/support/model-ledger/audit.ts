import type { AuditEntry, AuditEvent, Ledger } from '../../../src/ports/ledger.ts';
import { frozenCopy } from './json.ts';
import { bounded, toAuditEvent } from './rows.ts';
import type { State } from './state.ts';

/** Writes an entry in the transaction of what it tells of; unlike SQL's, its texts are not scrubbed of secrets. */
export function appendAudit(state: State, entry: AuditEntry): void {
  const { type, credential, rotationId, keyId } = entry;
  const id = (state.counts.audit += 1);
  const [actor, detail] = [frozenCopy(entry.actor), frozenCopy(entry.detail)];
  state.audit.put({ id, at: Math.floor(state.now()), type, actor, credential, rotationId, keyId, detail, pos: null, hash: null });
}

export function auditMethods(state: State) {
  return {
    audit: (entry: AuditEntry) => appendAudit(state, entry),
    auditEvents: (...[filter, page]: Parameters<Ledger['auditEvents']>) => {
      const before = page.before === undefined ? Infinity : Number(page.before);
      const mine = placed(state).filter((e) => (filter.credential === undefined || e.credential === filter.credential) && e.seq < before);
      return mine.toReversed().slice(0, bounded(page));
    },
  };
}

/** Every event at its place; those not sealed yet follow the chain's end. */
function placed(state: State): AuditEvent[] {
  let next = state.counts.lastPos;
  const rows = state.audit.all().sort((a, b) => (a.pos ?? Infinity) - (b.pos ?? Infinity) || a.id - b.id);
  return rows.map((row) => toAuditEvent(row, row.pos ?? (next += 1)));
}
