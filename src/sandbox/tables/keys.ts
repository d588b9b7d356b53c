import type { DatabaseSync } from 'node:sqlite';

/** Who caused a key to exist: the API, somebody through the inspection API (a person's key), or the first start. */
export type KeyOrigin = 'api' | 'person' | 'bootstrap';

/** A key as the service knows it. Times are epoch milliseconds. */
export interface KeyRow {
  readonly id: string;
  readonly sha256: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly graphId: string | null;
  readonly origin: KeyOrigin;
  readonly createdAt: number;
  /** Lists do not show it before. */
  readonly visibleAt: number;
  /** It is refused before. */
  readonly activeAt: number;
  readonly firstUsedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
  readonly requests: number;
  readonly failures: number;
  /** Requests with this key after it was revoked. */
  readonly refused: number;
  readonly lastRefusedAt: number | null;
}

export type NewKey = Pick<KeyRow, 'id' | 'sha256' | 'name' | 'prefix' | 'scopes' | 'graphId' | 'origin' | 'createdAt' | 'visibleAt' | 'activeAt'>;

export interface KeyTable {
  insert(key: NewKey): void;
  byId(id: string): KeyRow | undefined;
  bySha256(sha256: string): KeyRow | undefined;
  /** In order of creation, revoked ones included. */
  all(): KeyRow[];
  /** Keys that are not revoked. */
  countActive(withBootstrap: boolean): number;
  revoke(id: string, at: number): void;
  used(id: string, at: number, failed: boolean): void;
  refusedAfterRevocation(id: string, at: number): void;
}

const COLUMNS = `id, sha256, name, prefix, scopes, graph_id as "graphId", origin, created_at as "createdAt", visible_at as "visibleAt",
  active_at as "activeAt", first_used_at as "firstUsedAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt",
  requests, failures, refused, last_refused_at as "lastRefusedAt"`;

export function keyTable(db: DatabaseSync): KeyTable {
  const insert = db.prepare('insert into keys (id, sha256, name, prefix, scopes, graph_id, origin, created_at, visible_at, active_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const byId = db.prepare(`select ${COLUMNS} from keys where id = ?`);
  const bySha256 = db.prepare(`select ${COLUMNS} from keys where sha256 = ?`);
  const all = db.prepare(`select ${COLUMNS} from keys order by rowid`);
  const active = db.prepare("select count(*) as n from keys where revoked_at is null and (origin <> 'bootstrap' or ?)");
  const revoke = db.prepare('update keys set revoked_at = ? where id = ? and revoked_at is null');
  const used = db.prepare('update keys set first_used_at = coalesce(first_used_at, ?1), last_used_at = ?1, requests = requests + 1, failures = failures + ?2 where id = ?3');
  const refused = db.prepare('update keys set refused = refused + 1, last_refused_at = ? where id = ?');

  return {
    insert: (key) => void insert.run(key.id, key.sha256, key.name, key.prefix, JSON.stringify(key.scopes), key.graphId, key.origin, key.createdAt, key.visibleAt, key.activeAt),
    byId: (id) => rowOf(byId.get(id)),
    bySha256: (sha256) => rowOf(bySha256.get(sha256)),
    all: () => all.all().flatMap((raw) => rowOf(raw) ?? []),
    countActive: (withBootstrap) => Number(active.get(withBootstrap ? 1 : 0)?.['n']),
    revoke: (id, at) => void revoke.run(at, id),
    used: (id, at, failed) => void used.run(at, failed ? 1 : 0, id),
    refusedAfterRevocation: (id, at) => void refused.run(at, id),
  };
}

function rowOf(raw: Record<string, unknown> | undefined): KeyRow | undefined {
  return raw && ({ ...raw, scopes: JSON.parse(String(raw['scopes'])) } as unknown as KeyRow);
}
