const LONGEST_MS = 3_600_000;

/** What a `Retry-After` header (RFC 9110 section 10.2.3: seconds, or a date) asks for, milliseconds, an hour at most; undefined when it asks nothing. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_MS, Math.max(0, ms));
}
