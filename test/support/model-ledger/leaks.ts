/** Reported leaks in memory; see src/ledger/leaks.ts. */
import { days } from '../../../src/core/duration.ts';
import { KeyturnError } from '../../../src/core/errors.ts';
import type { Leak, LeakDelivered, LeakLedger, LeakSeen, LeakSourceFigures, SettledLeak, TakenLeaks } from '../../../src/ports/leak-ledger.ts';
import { appendAudit } from './audit.ts';
import { insertNotices } from './outbox.ts';
import { bounded, inOrder, maybe } from './rows.ts';
import { leaseFree, words, type State } from './state.ts';
import { NO_LEASE, type KeyRow, type LeakRow } from './tables.ts';

const MOST_ALIKE = 1_000;
const FORGOTTEN_AT_ONCE = 1_000;
const OTHERS_KEPT_MS = days(90);
const OURS_KEPT_MS = days(400);

type What = Parameters<LeakLedger['claim']>[0];

export function leakMethods(state: State) {
  const mine = (...[{ id, attempts }, worker]: [Leak, string]): LeakRow => {
    const row = state.leaks.get(id);
    if (row !== undefined && row.worker === worker && row.attempts === attempts && row.outcome === null) return row;
    throw new KeyturnError('LEASE_LOST', `Another worker took over the reported leak ${id}: nothing was written.`, { effect: 'none' });
  };
  return {
    take: (delivered: LeakDelivered) => take(state, delivered),
    claim: (what: What, worker: string, ttlMs: number, limit: number) => claim(state, what, worker, ttlMs, limit),
    waiting: () => {
      const due = state.leaks.all().filter((row) => isDue(state, row)).map(whatOf);
      return { ready: due.includes('ready'), hash: due.includes('hash'), reference: due.includes('reference') };
    },
    found: (leak: Leak, worker: string, seen: Parameters<LeakLedger['found']>[2]) => {
      const row = mine(leak, worker);
      const key = keyOf(state, seen.fingerprint);
      state.leaks.put({
        ...row, sought: null, keyId: key?.id ?? null, credential: key?.credential ?? null, looksLike: seen.looksLike, url: row.url ?? seen.url, foundAt: row.foundAt ?? seen.foundAt?.getTime() ?? null,
        detail: row.detail ?? seen.detail, nextTryAt: state.now(), lastError: null, ...NO_LEASE,
      });
    },
    intend: (leak: Leak, worker: string, intent: NonNullable<Leak['intent']>) => void state.leaks.put({ ...mine(leak, worker), intent }),
    settle: (leak: Leak, worker: string, { outcome, rotationId, message, audit, notices, noticeOrigin }: SettledLeak) => {
      state.leaks.put({ ...mine(leak, worker), outcome, settledAt: state.now(), sought: null, rotationId, message, lastError: null, ...NO_LEASE });
      appendAudit(state, { ...audit, type: `leak.${outcome}` });
      insertNotices(state, notices, noticeOrigin);
    },
    postpone: (leak: Leak, worker: string, lastError: string, delayMs: number) => void state.leaks.put({ ...mine(leak, worker), nextTryAt: state.now() + delayMs, lastError, ...NO_LEASE }),
    leaks: (...[{ source, credential, open }, limit]: Parameters<LeakLedger['leaks']>) => {
      const fits = (row: LeakRow): boolean => (source === undefined || row.source === source) && (credential === undefined || row.credential === credential) && (open !== true || row.outcome === null);
      return state.leaks.all().filter(fits).sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, bounded({ limit })).map(toLeak);
    },
    leakFigures: () => [...Map.groupBy(state.leakDeliveries.all(), ({ source }) => source)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([source, rows]): LeakSourceFigures => ({
      source, deliveries: rows.length, leaks: sum(rows, 'leaks'), foreign: sum(rows, 'foreign'), malformed: sum(rows, 'malformed'), lastAt: new Date(Math.max(...rows.map(({ at }) => at))),
    })),
  };
}

function sum<Name extends string>(rows: readonly Readonly<Record<Name, number>>[], name: Name): number {
  return rows.reduce((total, row) => total + row[name], 0);
}

function take(state: State, { source, deliveryId, leaks, malformed }: LeakDelivered): TakenLeaks {
  if (state.leakDeliveries.get(words(source, deliveryId)) !== undefined) return { outcome: 'repeated' };
  forget(state);
  let alike = 0;
  const kept = leaks.flatMap((seen): LeakRow[] => {
    const key = keyOf(state, seen.fingerprint);
    const likes = key === null && seen.looksLike !== null && (alike += 1) <= MOST_ALIKE;
    return key === null && seen.sought === null && !likes ? [] : [state.leaks.put(rowOf(state, source, deliveryId, seen, key))];
  });
  state.leakDeliveries.put({ source, id: deliveryId, at: state.now(), leaks: leaks.length, foreign: leaks.length - kept.length, malformed });
  const counts = { matched: kept.filter((row) => row.keyId !== null).length, alike: kept.filter((row) => row.looksLike !== null).length, sought: kept.filter((row) => row.sought !== null).length };
  appendAudit(state, { type: 'leak.reported', actor: { who: `leak:${source}`, why: 'a leak source reported' }, credential: null, rotationId: null, keyId: null, detail: { source, delivery: deliveryId, leaks: leaks.length, ...counts } });
  return { outcome: 'taken', ...counts };
}

function forget(state: State): void {
  for (const row of state.leakDeliveries.all()) if (row.at < state.now() - OTHERS_KEPT_MS) state.leakDeliveries.delete(words(row.source, row.id));
  const old = state.leaks.all().filter(({ settledAt, keyId }) => settledAt !== null && settledAt < state.now() - (keyId === null ? OTHERS_KEPT_MS : OURS_KEPT_MS));
  for (const { id } of old.slice(0, FORGOTTEN_AT_ONCE)) state.leaks.delete(id);
}

function rowOf(state: State, source: string, deliveryId: string, { form, sought, looksLike, url, foundAt, detail }: LeakSeen, key: KeyRow | null): LeakRow {
  return {
    id: state.newId(), source, deliveryId, form, reportedAt: state.now(), foundAt: foundAt?.getTime() ?? null, url, detail, sought, keyId: key?.id ?? null, credential: key?.credential ?? null,
    looksLike: key === null ? looksLike : null, intent: null, outcome: null, settledAt: null, rotationId: null, message: null, attempts: 0, nextTryAt: state.now(), lastError: null, ...NO_LEASE,
  };
}

function dead({ state: is }: KeyRow): number {
  return Number(is === 'revoked' || is === 'lost');
}

/** A living key comes before dead ones of the same value, and a newer one before older ones. */
function keyOf(state: State, fingerprint: string | null): KeyRow | null {
  const fitting = fingerprint === null ? [] : state.keys.all().filter((row) => row.fingerprint === fingerprint);
  return fitting.sort((a, b) => dead(a) - dead(b) || (a.id < b.id ? 1 : -1))[0] ?? null;
}

function whatOf({ sought, form }: LeakRow): What {
  return sought === null || form === 'value' ? 'ready' : form;
}

function isDue(state: State, row: LeakRow): boolean {
  return row.outcome === null && row.nextTryAt <= state.now() && leaseFree(state, row);
}

function foreign(row: LeakRow): number {
  return Number(row.keyId === null);
}

function claim(state: State, what: What, worker: string, ttlMs: number, limit: number): readonly Leak[] {
  const due = state.leaks.all().filter((row) => isDue(state, row) && whatOf(row) === what).sort((a, b) => foreign(a) - foreign(b) || a.nextTryAt - b.nextTryAt || (a.id < b.id ? -1 : 1));
  const held = due.slice(0, limit).map((row) => state.leaks.put({ ...row, worker, leaseUntil: state.now() + ttlMs, attempts: row.attempts + 1 }));
  return inOrder(held, foreign, ({ id }) => id).map(toLeak);
}

function toLeak(row: LeakRow): Leak {
  const { worker: _worker, leaseUntil: _leaseUntil, ...rest } = row;
  return { ...rest, reportedAt: new Date(row.reportedAt), foundAt: maybe(row.foundAt), settledAt: maybe(row.settledAt), nextTryAt: new Date(row.nextTryAt) };
}
