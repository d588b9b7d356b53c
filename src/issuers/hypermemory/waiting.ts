/** How long a service asks to be left alone, read from its headers and body. Pure. */
import { child } from './json.ts';

const MONTH_MS = 31 * 24 * 60 * 60 * 1000;

/**
 * `Retry-After` (seconds or an HTTP date), else `X-RateLimit-Reset` (epoch seconds), else the body's `retry_after`
 * (seconds); milliseconds between 0 and 31 days, or undefined when it does not say. Dates are measured against the
 * answer's own `Date`, so that the two clocks need not agree.
 */
export function retryAfterMs(headers: Headers, body: unknown, localNow: number): number | undefined {
  const now = serviceNow(headers, localNow);
  const told = [
    fromRetryAfter(headers.get('retry-after'), now),
    fromReset(headers.get('x-ratelimit-reset'), now),
    fromSeconds(child(body, 'retry_after') ?? child(body, 'error.retry_after')),
  ];
  return told.find((ms) => ms !== undefined);
}

/** Milliseconds from now to an instant told in a body (`resets_at`: ISO text or epoch seconds). */
export function untilMs(instant: unknown, headers: Headers, localNow: number): number | undefined {
  const at = typeof instant === 'number' ? instant * 1000 : Date.parse(String(instant));
  return clamp(at - serviceNow(headers, localNow));
}

/** What is left of the window when none of it may be used any more; undefined while there is some left. */
export function exhaustedForMs(headers: Headers, localNow: number): number | undefined {
  if (headers.get('x-ratelimit-remaining')?.trim() !== '0') return undefined;
  return fromReset(headers.get('x-ratelimit-reset'), serviceNow(headers, localNow)) ?? 0;
}

function serviceNow(headers: Headers, localNow: number): number {
  const told = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(told) ? localNow : told;
}

function fromRetryAfter(text: string | null, now: number): number | undefined {
  if (text === null) return undefined;
  return /^\s*\d+(\.\d+)?\s*$/.test(text) ? fromSeconds(Number(text)) : clamp(Date.parse(text) - now);
}

function fromReset(text: string | null, now: number): number | undefined {
  return text === null || text.trim() === '' ? undefined : clamp(Number(text) * 1000 - now);
}

function fromSeconds(value: unknown): number | undefined {
  return typeof value === 'number' ? clamp(value * 1000) : undefined;
}

function clamp(ms: number): number | undefined {
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(Math.ceil(ms), 0), MONTH_MS);
}
