import { KeyturnError } from '../../../src/core/errors.ts';
import type { Notice } from '../../../src/core/vocabulary.ts';
import type { Change, Delivery, Ledger } from '../../../src/ports/ledger.ts';
import { frozenCopy } from './json.ts';
import { inOrder, pageOf, toDelivery } from './rows.ts';
import { leaseFree, words, type State } from './state.ts';
import { NO_LEASE, type DeliveryRow } from './tables.ts';

/** Puts notices into the outbox once per (origin, channel, dedupeKey), in the transaction of their cause. */
export function insertNotices(state: State, notices: NonNullable<Change['notices']>, origin: string): void {
  for (const { notice, channels } of notices) {
    for (const channel of channels) {
      if (state.by.deliveryOnce.one(words(origin, channel, notice.dedupeKey)) === undefined) insert(state, notice, channel, origin);
    }
  }
}

function insert(state: State, notice: Notice, channel: string, origin: string | null): void {
  const [id, now] = [state.newId(), state.now()];
  state.deliveries.put({
    id, channel, notice: frozenCopy(notice), dedupeKey: notice.dedupeKey, origin, state: 'waiting', attempts: 0, createdAt: now, nextTryAt: now,
    deliveredAt: null, receipt: null, lastError: null, ...NO_LEASE,
  });
}

export function outboxMethods(state: State) {
  return {
    notify: (notice: Notice, channels: readonly string[], quietMs: number) => {
      for (const channel of [...new Set(channels)].sort()) notifyChannel(state, notice, channel, quietMs);
    },
    deliverable: (limit: number, channel?: string) => {
      const waiting = state.by.deliveriesInState.of('waiting').filter((row) => isDeliverable(state, row) && (channel === undefined || row.channel === channel));
      return inOrder(waiting, (row) => row.nextTryAt, (row) => row.id).slice(0, limit).map((row) => row.id);
    },
    dueChannels: () => [...new Set(state.by.deliveriesInState.of('waiting').filter((row) => isDeliverable(state, row)).map((row) => row.channel))].sort(),
    leaseDelivery: (id: string, worker: string, ttlMs: number) => leaseDelivery(state, id, worker, ttlMs),
    delivered: (delivery: Delivery, receipt: string) =>
      finish(state, delivery, { state: 'delivered', receipt, deliveredAt: state.now(), lastError: null }),
    undelivered: (delivery: Delivery, lastError: string, delayMs: number | null) =>
      finish(state, delivery, { lastError, ...(delayMs === null ? { state: 'stuck' } : { nextTryAt: state.now() + delayMs }) }),
    deliveries: (...[filter, page]: Parameters<Ledger['deliveries']>) => {
      const rows = filter.state === undefined ? state.deliveries.all() : state.by.deliveriesInState.of(filter.state);
      return pageOf(rows, page).map(toDelivery);
    },
    retryStuck: (channel?: string) => {
      const stuck = state.by.deliveriesInState.of('stuck').filter((row) => channel === undefined || row.channel === channel);
      for (const row of stuck) state.deliveries.put({ ...row, state: 'waiting', nextTryAt: state.now() });
      return stuck.length;
    },
  };
}

function notifyChannel(state: State, notice: Notice, channel: string, quietMs: number): void {
  const since = state.now() - quietMs;
  const told = state.by.deliveriesOfWords.of(words(channel, notice.dedupeKey)).some((row) => row.createdAt > since);
  if (!told) insert(state, notice, channel, null);
}

function isDeliverable(state: State, row: DeliveryRow): boolean {
  return row.state === 'waiting' && row.nextTryAt <= state.now() && leaseFree(state, row);
}

/** `attempts` rises with each lease, so it also fences: who took it before can no longer say how it went. */
function leaseDelivery(state: State, id: string, worker: string, ttlMs: number): Delivery | null {
  const row = state.deliveries.get(id);
  if (row === undefined || !isDeliverable(state, row)) return null;
  return toDelivery(state.deliveries.put({ ...row, worker, leaseUntil: state.now() + ttlMs, attempts: row.attempts + 1 }));
}

function finish(state: State, delivery: Delivery, outcome: Partial<DeliveryRow>): void {
  const row = state.deliveries.get(delivery.id);
  if (row !== undefined && row.state === 'waiting' && row.attempts === delivery.attempts) {
    state.deliveries.put({ ...row, ...outcome, ...NO_LEASE });
    return;
  }
  throw new KeyturnError('LEASE_LOST', `Another worker took over the delivery ${delivery.id}: its outcome is that worker's to write.`, { effect: 'none' });
}
