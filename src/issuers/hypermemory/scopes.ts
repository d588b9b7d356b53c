import type { ScopeNeed } from '../../ports/issuer.ts';

/**
 * Scopes of both generations (documented). First: `memory:read` < `memory:write` < `memory:admin`, each including the
 * ones before. Second: `member` reads, `owner` reads and writes.
 */
const LADDERS = [['memory:read', 'memory:write', 'memory:admin'], ['member', 'owner']] as const satisfies readonly (readonly string[])[];
const WRITING = new Set(['memory:write', 'memory:admin', 'owner']);
const READING = new Set([...WRITING, 'memory:read', 'member']);
const ADMIN = new Set(['memory:admin']);

export function canWrite(scopes: readonly string[]): boolean {
  return scopes.some((scope) => WRITING.has(scope));
}

export function canRead(scopes: readonly string[]): boolean {
  return scopes.some((scope) => READING.has(scope));
}

/** First generation only: the second names no scope that manages keys. */
export function canAdminister(scopes: readonly string[]): boolean {
  return scopes.some((scope) => ADMIN.has(scope));
}

/**
 * The one scope that would have done for all that was asked of a key with those granted; those themselves where nothing less would.
 * Null where what was allowed to it does not fit what is known of scopes. What was refused within its scopes (by a plan's limit) is a need.
 */
export function enough(granted: readonly string[], needs: readonly ScopeNeed[]): readonly string[] | null {
  const ladder: readonly string[] | undefined = LADDERS.find((rungs: readonly string[]) => granted.length > 0 && granted.every((scope) => rungs.includes(scope)));
  if (ladder === undefined) return null;
  const top = Math.max(...granted.map((scope) => ladder.indexOf(scope)));
  const asked = needs.map(({ need, refused }) => ({ rung: ladder.indexOf(need), refused }));
  if (asked.some(({ rung, refused }) => rung < 0 || (rung > top && !refused))) return null;
  const least = Math.max(0, ...asked.map(({ rung }) => rung).filter((rung) => rung <= top));
  return least < top ? ladder.slice(least, least + 1) : granted;
}

/** Exactly the same set (promise 9): a scope that includes another is still not that other. */
export function sameScopes(a: readonly string[], b: readonly string[]): boolean {
  const left = new Set(a);
  const right = new Set(b);
  return left.size === right.size && [...left].every((scope) => right.has(scope));
}

/**
 * The environment that a key's prefix (or value) tells: `live` and `test` of the first generation. The second
 * generation's `hm_` + 64 hex does not tell.
 */
export function environmentOf(prefix: string): 'live' | 'test' | null {
  if (prefix.startsWith('hm_live_')) return 'live';
  if (prefix.startsWith('hm_test_')) return 'test';
  return null;
}
