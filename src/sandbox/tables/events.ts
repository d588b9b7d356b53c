import type { DatabaseSync } from 'node:sqlite';

export type EventType = 'request.succeeded' | 'request.failed' | 'auth.failed' | 'key.created' | 'key.revoked';

export interface NewEvent {
  readonly type: EventType;
  /** Null where only a prefix is known, as with a failed authentication. */
  readonly keyId: string | null;
  readonly keyPrefix: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly status: number | null;
}

export interface EventRow extends NewEvent {
  readonly seq: number;
}

export interface EventFilter {
  readonly keyId: string | undefined;
  /** Epoch milliseconds, inclusive. */
  readonly since: number | undefined;
  readonly afterSeq: number;
  readonly limit: number;
}

export interface EventTable {
  add(event: NewEvent): void;
  page(filter: EventFilter): EventRow[];
}

/** How many inserts go by between two prunings. */
const PRUNE_EVERY = 1_000;

/** The audit log: at most `cap` newest events are kept (and up to 1,000 more between two prunings). */
export function eventTable(db: DatabaseSync, cap: number): EventTable {
  const insert = db.prepare('insert into events (type, key_id, key_prefix, at, ip, user_agent, method, path, status) values (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const prune = db.prepare('delete from events where seq <= ?');
  const page = db.prepare(`select seq, type, key_id as "keyId", key_prefix as "keyPrefix", at, ip, user_agent as "userAgent", method, path, status
    from events where seq > :after and (:key is null or key_id = :key) and (:since is null or at >= :since) order by seq limit :limit`);

  return {
    add(event) {
      const { lastInsertRowid } = insert.run(event.type, event.keyId, event.keyPrefix, event.at, event.ip, event.userAgent, event.method, event.path, event.status);
      const seq = Number(lastInsertRowid);
      if (seq % PRUNE_EVERY === 0) prune.run(seq - cap);
    },
    page: ({ keyId, since, afterSeq, limit }) =>
      page.all({ after: afterSeq, key: keyId ?? null, since: since ?? null, limit }) as unknown as EventRow[],
  };
}
