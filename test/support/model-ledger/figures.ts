import type { LedgerFigures } from '../../../src/ports/ledger.ts';
import type { State } from './state.ts';

export function figures(state: State): LedgerFigures {
  const debts = state.by.openDebts.of('open');
  const waiting = state.by.deliveriesInState.of('waiting');
  return {
    rotationsByState: counted(state.rotations.all()),
    keysByState: counted(state.keys.all()),
    openDebts: debts.length,
    oldestDebtAgeMs: oldestAge(state, debts),
    deliveriesWaiting: waiting.length,
    deliveriesStuck: state.by.deliveriesInState.of('stuck').length,
    oldestDeliveryAgeMs: oldestAge(state, waiting),
    unsealedAudit: state.by.unsealed.of('unsealed').length,
  };
}

function counted(rows: readonly { readonly state: string }[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const row of rows) counts[row.state] = (counts[row.state] ?? 0) + 1;
  return counts;
}

function oldestAge(state: State, rows: readonly { readonly createdAt: number }[]): number | null {
  if (rows.length === 0) return null;
  return state.now() - rows.reduce((oldest, row) => Math.min(oldest, row.createdAt), Infinity);
}
