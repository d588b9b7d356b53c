/** Plans and generations of HyperMemory as data. Key and request limits are documented, quotas are assumed. */

export type Plan = 'free' | 'developer' | 'pro' | 'enterprise';
export type Generation = 1 | 2;
export type Environment = 'live' | 'test';

/** What an operation asks of a key. */
export type Right = 'read' | 'write' | 'admin';

/** Limits of an account; null is unlimited. */
export interface Limits {
  /** Active keys at once. */
  readonly keys: number | null;
  /** Requests of one key within one window. */
  readonly requestsPerWindow: number | null;
  /** Length of a rate-limit window, milliseconds. */
  readonly windowMs: number;
  /** Memory queries in a calendar month (UTC), of the whole account. */
  readonly queries: number | null;
  /** Memory nodes stored at once. */
  readonly nodes: number | null;
}

const MINUTE_MS = 60_000;

export const PLANS: Readonly<Record<Plan, Limits>> = {
  free: { keys: 1, requestsPerWindow: 60, windowMs: MINUTE_MS, queries: 10_000, nodes: 1_000 },
  developer: { keys: 5, requestsPerWindow: 300, windowMs: MINUTE_MS, queries: 100_000, nodes: 50_000 },
  pro: { keys: 20, requestsPerWindow: 1_000, windowMs: MINUTE_MS, queries: 1_000_000, nodes: 500_000 },
  enterprise: { keys: null, requestsPerWindow: null, windowMs: MINUTE_MS, queries: null, nodes: null },
};

interface GenerationRules {
  /** Every scope that a key may be given, with the rights that it carries. */
  readonly scopes: Readonly<Record<string, readonly Right[]>>;
  /** The scope that an answer names as missing. */
  readonly requiredScope: Readonly<Record<Right, string>>;
  readonly adminScopes: readonly string[];
  /** A key that names no graph is bound to this one; null leaves it free to name any per request. */
  readonly boundGraph: string | null;
  /** First generation: only reads count against the monthly quota. Second: every memory call does. */
  readonly countsAgainstQuota: readonly Right[];
}

export const DEFAULT_GRAPH = 'default';

export const GENERATIONS: Readonly<Record<Generation, GenerationRules>> = {
  1: {
    scopes: {
      'memory:read': ['read'],
      'memory:write': ['read', 'write'],
      'memory:admin': ['read', 'write', 'admin'],
    },
    requiredScope: { read: 'memory:read', write: 'memory:write', admin: 'memory:admin' },
    adminScopes: ['memory:admin'],
    boundGraph: null,
    countsAgainstQuota: ['read'],
  },
  2: {
    scopes: { member: ['read'], owner: ['read', 'write', 'admin'] },
    requiredScope: { read: 'member', write: 'owner', admin: 'owner' },
    adminScopes: ['owner'],
    boundGraph: DEFAULT_GRAPH,
    countsAgainstQuota: ['read', 'write'],
  },
};

/** Whether these scopes carry this right in this generation. */
export function grants(generation: Generation, scopes: readonly string[], right: Right): boolean {
  return scopes.some((scope) => GENERATIONS[generation].scopes[scope]?.includes(right) ?? false);
}
