/**
 * Scopes of both generations (documented). First: `memory:read` < `memory:write` < `memory:admin`, each including the
 * ones before. Second: `member` reads, `owner` reads and writes.
 */
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
