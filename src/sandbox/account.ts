import type { DatabaseSync } from 'node:sqlite';
import { mintId, mintValue, prefixOf, sha256 } from './key-forms.ts';
import { DEFAULTS } from './options.ts';
import type { SandboxOptions } from './options.ts';
import { DEFAULT_GRAPH, GENERATIONS, PLANS } from './plans.ts';
import type { Environment, Generation, Limits, Plan } from './plans.ts';
import { createRateLimiter } from './rate-limit.ts';
import type { RateLimiter } from './rate-limit.ts';
import { eventTable } from './tables/events.ts';
import type { EventTable } from './tables/events.ts';
import { keyTable } from './tables/keys.ts';
import type { KeyOrigin, KeyRow, KeyTable } from './tables/keys.ts';
import { nodeTable } from './tables/nodes.ts';
import type { NodeTable } from './tables/nodes.ts';
import { usageTable } from './tables/usage.ts';
import type { UsageTable } from './tables/usage.ts';

/** One HyperMemory account: its rules and its state. */
export interface Account {
  readonly db: DatabaseSync;
  readonly keys: KeyTable;
  readonly events: EventTable;
  readonly usage: UsageTable;
  readonly nodes: NodeTable;
  readonly rates: RateLimiter;
  readonly generation: Generation;
  readonly environment: Environment;
  readonly adminKeyCounts: boolean;
  readonly listRevoked: boolean;
  readonly now: () => number;
  plan(): Plan;
  limits(): Limits;
  /** As if somebody had changed the plan in Settings → Billing. */
  setPlan(plan: Plan): void;
}

export function createAccount(db: DatabaseSync, options: SandboxOptions): Account {
  let plan: Plan = options.plan ?? DEFAULTS.plan;
  return {
    db,
    keys: keyTable(db),
    events: eventTable(db, options.auditCap ?? DEFAULTS.auditCap),
    usage: usageTable(db),
    nodes: nodeTable(db),
    rates: createRateLimiter(),
    generation: options.generation ?? DEFAULTS.generation,
    environment: options.environment ?? DEFAULTS.environment,
    adminKeyCounts: options.adminKeyCounts ?? true,
    listRevoked: options.listRevoked ?? true,
    now: options.now ?? Date.now,
    plan: () => plan,
    limits: () => ({ ...PLANS[plan], ...options.limits }),
    setPlan(next) {
      plan = next;
    },
  };
}

/** How a key comes to life: `hideMs` after its creation lists show it, `inactiveMs` after it works. */
export interface Birth {
  readonly hideMs: number;
  readonly inactiveMs: number;
}

export interface KeyWish {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly graphId: string | null;
  readonly origin: KeyOrigin;
  readonly birth?: Birth;
  /** Only for the bootstrap key, whose value may be given. */
  readonly value?: string;
}

/** Mints a key and remembers its SHA-256. The value is in the answer and nowhere else. Limits are the caller's. */
export function mintKey(account: Account, wish: KeyWish): { readonly row: KeyRow; readonly value: string } {
  const value = wish.value ?? mintValue(account.generation, account.environment);
  const now = account.now();
  const id = mintId();
  account.keys.insert({
    id,
    sha256: sha256(value),
    name: wish.name,
    prefix: prefixOf(value),
    scopes: wish.scopes,
    graphId: wish.graphId ?? GENERATIONS[account.generation].boundGraph,
    origin: wish.origin,
    createdAt: now,
    visibleAt: now + (wish.birth?.hideMs ?? 0),
    activeAt: now + (wish.birth?.inactiveMs ?? 0),
  });
  account.events.add({ ...NOBODY, type: 'key.created', keyId: id, keyPrefix: prefixOf(value), at: now });
  return { row: present(account.keys.byId(id)), value };
}

/** Revokes at once and for good. False when there is no such live key. */
export function revokeKey(account: Account, id: string): boolean {
  const row = account.keys.byId(id);
  if (!row || row.revokedAt !== null) return false;
  account.keys.revoke(id, account.now());
  account.events.add({ ...NOBODY, type: 'key.revoked', keyId: id, keyPrefix: row.prefix, at: account.now() });
  return true;
}

/** Active keys and the plan's limit of them; `full` when creating another would break it. */
export function keySlots(account: Account): { readonly current: number; readonly limit: number | null; readonly full: boolean } {
  const current = account.keys.countActive(account.adminKeyCounts);
  const limit = account.limits().keys;
  return { current, limit, full: limit !== null && current >= limit };
}

/** The graph that a request works on; undefined when the key is bound to another one. */
export function graphOf(key: KeyRow, asked: string | undefined): string | undefined {
  if (key.graphId === null) return asked ?? DEFAULT_GRAPH;
  return asked === undefined || asked === key.graphId ? key.graphId : undefined;
}

const NOBODY = { ip: null, userAgent: null, method: null, path: null, status: null } as const;

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a row that was just written is gone');
  return value;
}
