import { afterOne, afterRest, waitForAll, type Limit } from '../../../src/core/pace.ts';
import type { ChannelLag } from '../../../src/ports/ledger.ts';
import type { State } from './state.ts';
import type { DeliveryRow } from './tables.ts';

/** Every method is one step that nothing can undo half-way, so plain maps will do. */
export function sharedTimeMethods(state: State) {
  const buckets = new Map<string, number>();
  const done = new Map<string, number>();
  const until = (limit: Limit): number | null => buckets.get(limit.key) ?? null;
  return {
    takePace: (limits: readonly Limit[]): number => {
      const waitMs = waitForAll(limits, limits.map(until), state.now());
      if (waitMs === 0) for (const limit of limits) buckets.set(limit.key, afterOne(limit, until(limit), state.now()));
      return waitMs;
    },
    restPace: (limit: Limit, ms: number): void => void buckets.set(limit.key, afterRest(limit, until(limit), state.now(), ms)),
    noteDone: (what: string): void => void done.set(what, state.now()),
    sinceDone: (what: string): number | null => {
      const at = done.get(what);
      return at === undefined ? null : state.now() - at;
    },
    channelLags: (): readonly ChannelLag[] => channelLags(state),
  };
}

function channelLags(state: State): readonly ChannelLag[] {
  const open = [...state.by.deliveriesInState.of('waiting'), ...state.by.deliveriesInState.of('stuck')];
  const names = [...new Set(open.map((row) => row.channel))].sort();
  return names.map((channel) => lagOf(state, channel, open.filter((row) => row.channel === channel)));
}

const newestFirst = (a: DeliveryRow, b: DeliveryRow): number => (a.id < b.id ? 1 : -1);

function lagOf(state: State, channel: string, open: readonly DeliveryRow[]): ChannelLag {
  const now = state.now();
  const waiting = open.filter((row) => row.state === 'waiting');
  const failed = open.filter((row) => row.lastError !== null).sort(newestFirst);
  const [last] = state.by.deliveriesInState.of('delivered').filter((row) => row.channel === channel).sort(newestFirst);
  return {
    channel, waiting: waiting.length, stuck: open.length - waiting.length,
    oldestAgeMs: waiting.length === 0 ? null : now - Math.min(...waiting.map((row) => row.createdAt)),
    failingMs: failed.length === 0 ? null : now - Math.max(Math.min(...failed.map((row) => row.createdAt)), last?.deliveredAt ?? 0),
    lastError: failed[0]?.lastError ?? null,
  };
}
