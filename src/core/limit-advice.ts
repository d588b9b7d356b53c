/** Which keys could go when an issuer allows no further one. Advice only: Keyturn deletes nothing to make room. */

export interface LimitKey {
  readonly id: string;
  readonly name: string;
  readonly live: boolean;
  readonly createdAt: Date | null;
  readonly lastUsedAt: Date | null;
}

export interface LimitAdvice {
  readonly id: string;
  readonly name: string;
  /** `never used, created 2026-01-31` or `last used 2026-03-01`. */
  readonly why: string;
}

/** Live keys, those that are missed least first: never used (oldest first), then by last use (longest ago first). */
export function limitAdvice(keys: readonly LimitKey[]): readonly LimitAdvice[] {
  return keys
    .filter((key) => key.live)
    .toSorted((a, b) => time(a.lastUsedAt) - time(b.lastUsedAt) || time(a.createdAt) - time(b.createdAt) || a.name.localeCompare(b.name))
    .map((key) => ({ id: key.id, name: key.name, why: why(key) }));
}

/** The first `most` of them as one line: `ci-old (never used, created 2026-01-31), …`; empty when no key is live. */
export function adviceLine(keys: readonly LimitKey[], most = 3): string {
  return limitAdvice(keys)
    .slice(0, most)
    .map((advice) => `${advice.name === '' ? advice.id : advice.name} (${advice.why})`)
    .join(', ');
}

function why(key: LimitKey): string {
  if (key.lastUsedAt !== null) return `last used ${day(key.lastUsedAt)}`;
  return key.createdAt === null ? 'never used' : `never used, created ${day(key.createdAt)}`;
}

/** Null sorts first: never used is used longest ago. */
function time(date: Date | null): number {
  return date === null ? Number.MIN_SAFE_INTEGER : date.getTime();
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
