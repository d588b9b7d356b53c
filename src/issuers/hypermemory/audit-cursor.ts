/**
 * Where reading the audit log stands. The service promises `since` and, within one listing, `next_cursor`; nothing says that an
 * event can't turn up late. So each pass begins a little before the newest event, and the events after that point are remembered.
 */
import { z } from 'zod';

/** How late an event may turn up, milliseconds. */
export const OVERLAP_MS = 120_000;
/** Events that are remembered. When more fall into the overlap, the overlap is what shrinks. */
export const MAX_REMEMBERED = 1_400;
/** Of a digest; two events of a pass are taken for one once in tens of millions. */
const ID_LENGTH = 6;
/** After `floor`, in base 64 and units of 2 ms: up to 524 s, which is more than the overlap and what a clock may be ahead. */
const OFFSET_LENGTH = 3;
const UNIT_MS = 2;
const RECORD = ID_LENGTH + OFFSET_LENGTH;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const cursorShape = z.object({
  v: z.literal(1),
  floor: z.number(),
  newest: z.number(),
  seen: z.string(),
  pass: z.object({ floor: z.number(), began: z.number(), page: z.string(), skip: z.number() }).nullable(),
});

export interface Pass {
  /** Events up to here are not read in this pass. Epoch milliseconds. */
  readonly floor: number;
  /** The service's time when it began, epoch milliseconds. */
  readonly began: number;
  /** The service's cursor of the next page. */
  readonly page: string;
  /** Entries of that page that have been read. */
  readonly skip: number;
}

export interface AuditCursor {
  /** Everything up to here has been read; the next pass begins after it. Epoch milliseconds. */
  readonly floor: number;
  /** Time of the newest event that was read, epoch milliseconds. */
  readonly newest: number;
  /** Digests of the events after `floor`, with their times. */
  readonly seen: ReadonlyMap<string, number>;
  /** A pass of which pages are left. */
  readonly pass: Pass | null;
}

export function shortId(digest: string): string {
  return digest.slice(0, ID_LENGTH);
}

/** A cursor that this version does not understand is as good as none. */
export function parseCursor(told: unknown, since: Date): AuditCursor {
  const parsed = cursorShape.safeParse(told);
  const first = since.getTime() - 1;
  if (!parsed.success) return { floor: first, newest: first, seen: new Map(), pass: null };
  const { floor, newest, seen, pass } = parsed.data;
  return { floor, newest, seen: unpacked(seen, floor), pass };
}

/** Forgets what lies before the overlap, and the oldest of what is too much. */
export function packed(floor: number, newest: number, seen: ReadonlyMap<string, number>, pass: Pass | null): unknown {
  const byAge = [...seen].sort(([, a], [, b]) => b - a);
  const tooMany = byAge[MAX_REMEMBERED]?.[1] ?? Number.NEGATIVE_INFINITY;
  const raised = Math.max(floor, newest - OVERLAP_MS, tooMany);
  const kept = byAge.filter(([, at]) => at > raised).map(([id, at]) => id + inBase64(at - raised));
  return { v: 1, floor: raised, newest, seen: kept.join(''), pass };
}

function unpacked(text: string, floor: number): Map<string, number> {
  const seen = new Map<string, number>();
  for (let at = 0; at + RECORD <= text.length; at += RECORD) {
    seen.set(text.slice(at, at + ID_LENGTH), floor + fromBase64(text.slice(at + ID_LENGTH, at + RECORD)));
  }
  return seen;
}

/** Rounded up: an event must not be forgotten before it can no longer be listed. */
function inBase64(ms: number): string {
  const whole = Math.min(Math.max(Math.ceil(ms / UNIT_MS), 0), 64 ** OFFSET_LENGTH - 1);
  return Array.from({ length: OFFSET_LENGTH }, (_, n) => DIGITS[Math.floor(whole / 64 ** (OFFSET_LENGTH - 1 - n)) % 64]).join('');
}

function fromBase64(text: string): number {
  return UNIT_MS * Array.from(text).reduce((sum, digit) => sum * 64 + DIGITS.indexOf(digit), 0);
}
