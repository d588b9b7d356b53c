/** The model's tables with their indexes, its clock, and what counts up. */
import type { ChainHead } from '../../../src/ledger/chain.ts';
import { Index, Journal, Table } from './table.ts';
import type {
  AuditRow, CredentialRow, DebtRow, DeliveryRow, KeyRow, LeakDeliveryRow, LeakRow, LeaseColumns, LockRow, PauseRow, RotationRow, SlotRow, TransitionRow, WatchRow,
} from './tables.ts';

/** One word of several; no part contains the separator. */
export function words(...parts: readonly string[]): string {
  return parts.join('\u0001');
}

const index = <Row, Key extends string | number = string>(wordOf: (row: Row) => string | null) => new Index<Row, Key>(wordOf);
const only = (holds: boolean, word: string): string | null => (holds ? word : null);

/** Everything that SQL finds by an index is found by one here. */
function makeIndexes() {
  return {
    keysOfCredential: index<KeyRow>((key) => key.credential),
    keysOfIssuer: index<KeyRow>((key) => key.issuer),
    keyAtIssuer: index<KeyRow>((key) => words(key.issuer, key.issuerKeyId)),
    rotationsOfCredential: index<RotationRow>((rotation) => rotation.credential),
    openRotation: index<RotationRow>((rotation) => only(rotation.finishedAt === null, rotation.credential)),
    openRotations: index<RotationRow>((rotation) => only(rotation.finishedAt === null, 'open')),
    pacedAtIssuer: index<RotationRow>((rotation) => only(rotation.pacedAt !== null, rotation.issuer)),
    transitionsOf: index<TransitionRow, number>((transition) => transition.rotationId),
    locksOf: index<LockRow>((lock) => lock.rotationId),
    slotsOfIssuer: index<SlotRow>((slot) => slot.issuer),
    openDebts: index<DebtRow>((debt) => only(debt.settledAt === null, 'open')),
    openDebtOfKey: index<DebtRow>((debt) => only(debt.settledAt === null, words(debt.issuer, debt.issuerKeyId))),
    debtsOfKey: index<DebtRow>((debt) => words(debt.issuer, debt.issuerKeyId)),
    unsealed: index<AuditRow, number>((event) => only(event.pos === null, 'unsealed')),
    deliveriesInState: index<DeliveryRow>((delivery) => delivery.state),
    deliveryOnce: index<DeliveryRow>(({ origin, channel, dedupeKey }) => (origin === null ? null : words(origin, channel, dedupeKey))),
    deliveriesOfWords: index<DeliveryRow>((delivery) => words(delivery.channel, delivery.dedupeKey)),
  };
}

export type State = ReturnType<typeof makeState>;

export function makeState(now: () => number, newId: () => string, head: ChainHead) {
  const journal = new Journal();
  const by = makeIndexes();
  return {
    journal,
    now,
    newId,
    by,
    counts: { transitions: 0, audit: 0, lastPos: 0 },
    head: head as ChainHead | null,
    credentials: new Table<CredentialRow>(journal, (row) => row.name),
    keys: new Table<KeyRow>(journal, (row) => row.id, [by.keysOfCredential, by.keysOfIssuer, by.keyAtIssuer]),
    rotations: new Table<RotationRow>(journal, (row) => row.id, [by.rotationsOfCredential, by.openRotation, by.openRotations, by.pacedAtIssuer]),
    transitions: new Table<TransitionRow, number>(journal, (row) => row.seq, [by.transitionsOf]),
    locks: new Table<LockRow>(journal, (row) => row.location, [by.locksOf]),
    slots: new Table<SlotRow>(journal, (row) => row.rotationId, [by.slotsOfIssuer]),
    debts: new Table<DebtRow>(journal, (row) => row.id, [by.openDebts, by.openDebtOfKey, by.debtsOfKey]),
    watches: new Table<WatchRow>(journal, (row) => words(row.issuer, row.name)),
    pauses: new Table<PauseRow>(journal, (row) => words(row.scope, row.name ?? '')),
    audit: new Table<AuditRow, number>(journal, (row) => row.id, [by.unsealed]),
    deliveries: new Table<DeliveryRow>(journal, (row) => row.id, [by.deliveriesInState, by.deliveryOnce, by.deliveriesOfWords]),
    leaks: new Table<LeakRow>(journal, (row) => row.id),
    leakDeliveries: new Table<LeakDeliveryRow>(journal, (row) => words(row.source, row.id)),
  };
}

/** True when nobody holds the row's lease. */
export function leaseFree(state: State, row: LeaseColumns): boolean {
  return row.leaseUntil === null || row.leaseUntil <= state.now();
}
