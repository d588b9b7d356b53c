import { describeError, isLeaseLost, KeyturnError } from '../../core/errors.ts';
import type { Facts, Notes } from '../../core/facts.ts';
import type { Change } from '../../ports/ledger.ts';

/** What an effect leaves for the guarded write that follows it. */
export interface Outcome {
  readonly change: Change;
  /** Merged into the notes. */
  readonly notes: Partial<Notes>;
  /** Rest this long before the next step: nothing more can be done now. */
  readonly restMs?: number;
}

/** It worked: whatever failed before is over. */
export function succeeded(notes: Partial<Notes> = {}, change: Change = {}): Outcome {
  return { change, notes: { ...notes, ...NO_TROUBLE } };
}

const NO_TROUBLE = { trouble: undefined } as unknown as Partial<Notes>;

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;

/** It failed: count it, say why, and when to try again (sooner than `LAST_RETRY_MS` unless the other side asks for longer). */
export function failed(facts: Facts, error: unknown, notes: Partial<Notes> = {}): Outcome {
  if (isLeaseLost(error)) throw error;
  return { change: {}, notes: { ...notes, trouble: troubleOf(facts.notes, facts.now, error) } };
}

export function troubleOf(notes: Notes, now: Date, error: unknown): NonNullable<Notes['trouble']> {
  const count = (notes.trouble?.count ?? 0) + 1;
  const asked = error instanceof KeyturnError ? (error.retryAfterMs ?? 0) : 0;
  const delay = Math.max(asked, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, count - 1)));
  return { count, last: describeError(error), retryAt: new Date(now.getTime() + delay).toISOString() };
}
