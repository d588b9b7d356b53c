import type { Situation } from '../../../src/ports/ledger.ts';
import { inOrder, toDebt, toKey } from './rows.ts';
import type { State } from './state.ts';
import type { RotationRow } from './tables.ts';

/** What is known now beside the rotation: see `Situation`. */
export function situationOf(state: State, { credential, oldKeyId, newKeyId }: RotationRow): Situation {
  const key = (id: string | null) => {
    const row = id === null ? undefined : state.keys.get(id);
    return row === undefined ? null : toKey(row);
  };
  const debts = state.by.openDebts.of('open').filter((row) => row.credential === credential);
  return {
    now: new Date(state.now()),
    oldKey: key(oldKeyId),
    newKey: key(newKeyId),
    currentKeyId: state.credentials.get(credential)?.currentKeyId ?? null,
    openDebts: inOrder(debts, () => 0, ({ id }) => id).map(toDebt),
  };
}
