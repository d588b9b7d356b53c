import type { Facts } from './facts.ts';
import { TRANSITIONS, type Effect, type LedgerWrite, type Row } from './transitions/index.ts';
import type { RotationState, Severity } from './vocabulary.ts';

interface Decided {
  readonly reason: string;
  readonly message: string;
  readonly condemn: Row['condemn'];
  readonly tell: Severity | undefined;
}

export type Decision = Decided &
  (
    | { readonly kind: 'go'; readonly to: RotationState }
    | { readonly kind: 'effect'; readonly effect: Effect }
    | { readonly kind: 'write'; readonly write: LedgerWrite }
    | { readonly kind: 'wait'; readonly ms: number }
  );

/** The row that decides: the first that fits. Throws for a terminal state, which no row leaves. */
export function rowFor(facts: Facts): Row {
  const { state, path } = facts.rotation;
  const row = TRANSITIONS.find((r) => r.from === state && (r.paths === undefined || r.paths.includes(path)) && r.when(facts));
  if (row === undefined) throw new Error(`no transition leaves ${state} on path ${path}`);
  return row;
}

/** What to do next, from facts alone: no clock, no I/O, the same answer for the same facts. */
export function decide(facts: Facts): Decision {
  const row = rowFor(facts);
  const decided: Decided = { reason: row.reason, message: row.message(facts).trim(), condemn: row.condemn, tell: row.tell };
  const { does } = row;
  if ('go' in does) return { ...decided, kind: 'go', to: does.go };
  if ('effect' in does) return { ...decided, kind: 'effect', effect: does.effect };
  if ('write' in does) return { ...decided, kind: 'write', write: does.write };
  return { ...decided, kind: 'wait', ms: Math.max(0, Math.round(does.wait(facts))) };
}
