import type { DatabaseSync } from 'node:sqlite';

export interface CounterRow {
  /** Empty for requests whose key is unknown. */
  readonly keyId: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly count: number;
}

/** One hour of the account, `2026-03-01T10` in UTC. */
export interface HourRow {
  readonly hour: string;
  readonly requests: number;
  readonly queries: number;
  /** Nodes stored when the hour's last request was answered. */
  readonly nodes: number;
}

export interface UsageTable {
  count(request: Omit<CounterRow, 'count'>): void;
  counters(keyId?: string): CounterRow[];
  addToHour(at: number, queries: number, nodes: number): void;
  /** Hours from this one on (inclusive), in order. */
  hoursSince(at: number): HourRow[];
  queriesSince(at: number): number;
}

const HOUR_LENGTH = '2026-03-01T10'.length;

export function hourOf(at: number): string {
  return new Date(at).toISOString().slice(0, HOUR_LENGTH);
}

export function usageTable(db: DatabaseSync): UsageTable {
  const count = db.prepare(`insert into counters (key_id, method, route, status, count) values (?, ?, ?, ?, 1)
    on conflict do update set count = count + 1`);
  const counters = db.prepare(`select key_id as "keyId", method, route, status, count from counters
    where :key is null or key_id = :key order by key_id, route, method, status`);
  const addToHour = db.prepare(`insert into hours (hour, requests, queries, nodes) values (?, 1, ?, ?)
    on conflict do update set requests = requests + 1, queries = queries + excluded.queries, nodes = excluded.nodes`);
  const hoursSince = db.prepare('select hour, requests, queries, nodes from hours where hour >= ? order by hour');
  const queriesSince = db.prepare('select coalesce(sum(queries), 0) as n from hours where hour >= ?');

  return {
    count: ({ keyId, method, route, status }) => void count.run(keyId, method, route, status),
    counters: (keyId) => counters.all({ key: keyId ?? null }) as unknown as CounterRow[],
    addToHour: (at, queries, nodes) => void addToHour.run(hourOf(at), queries, nodes),
    hoursSince: (at) => hoursSince.all(hourOf(at)) as unknown as HourRow[],
    queriesSince: (at) => Number(queriesSince.get(hourOf(at))?.['n']),
  };
}
