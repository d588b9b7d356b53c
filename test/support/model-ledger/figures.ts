import type { RotationState } from '../../../src/core/vocabulary.ts';
import { KEY_AGE_DAYS, type DailyFigures, type LedgerFigures } from '../../../src/ports/ledger.ts';
import { inOrder } from './rows.ts';
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

const DAY_MS = 86_400_000;

/** See `Ledger.daily`. */
export function daily(state: State, spanMs: number): DailyFigures {
  const now = state.now();
  const ended = (to: RotationState): number => state.rotations.all().filter((row) => row.state === to && row.finishedAt !== null && row.finishedAt > now - spanMs).length;
  const due = state.credentials.all().filter((row) => row.declared && row.dueAt > now && row.dueAt <= now + spanMs);
  const { openDebts, oldestDebtAgeMs, deliveriesStuck } = figures(state);
  const keys = inOrder(state.credentials.all().filter((row) => row.declared).flatMap((row) => {
    const key = row.currentKeyId === null ? undefined : state.keys.get(row.currentKeyId);
    return key === undefined ? [] : [{ credential: row.name, createdAt: key.createdAt }];
  }), (key) => key.createdAt, (key) => key.credential);
  const bucketOf = (createdAt: number): number => KEY_AGE_DAYS.filter((days) => now - createdAt >= days * DAY_MS).length;
  const [oldest] = keys;
  const first = state.audit.all().reduce<number | null>((least, { at }) => Math.min(least ?? at, at), null);
  return {
    begunAt: first === null ? null : new Date(first), done: ended('done'), aborted: ended('aborted'), rolledBack: ended('rolled_back'),
    blocked: state.rotations.all().filter((row) => row.state === 'blocked').map((row) => row.credential).sort(),
    due: inOrder(due, (row) => row.dueAt, (row) => row.name).map((row) => row.name),
    keyAges: [0, ...KEY_AGE_DAYS].map((_days, bucket) => keys.filter((key) => bucketOf(key.createdAt) === bucket).length),
    oldestKey: oldest === undefined ? null : { credential: oldest.credential, ageMs: now - oldest.createdAt },
    openDebts, oldestDebtAgeMs, deliveriesStuck,
  };
}
