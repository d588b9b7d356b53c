/** Usage that somebody pushes: NDJSON, one record a line. */
import type { ClueKind, UsageEvent } from '../core/usage.ts';
import { readRecord, type ReadRecord } from '../core/usage-record.ts';

export interface PushedOptions {
  /** What the field `key` holds. */
  readonly clue: ClueKind;
  /** Of a value; called for `value` clues only. */
  readonly fingerprint: (value: string) => string;
  readonly now: Date;
  /** Records older than this count as malformed, milliseconds: they would change figures that have been judged already. */
  readonly maxAgeMs: number;
  readonly denied?: readonly number[];
}

export interface PushedUsage {
  readonly events: readonly UsageEvent[];
  readonly malformed: number;
  /** What is wrong with one of them: its line and the problem, never a part of it. */
  readonly example: string | null;
}

/** Longest line of a push, characters. */
export const MAX_RECORD = 16_384;

/**
 * `{"at", "key", "outcome" or "status" or neither (ok), "requests"?, "address"?, "agent"?}`, one a line. Empty lines are nothing; other
 * fields are ignored. Takes lines as they come, so that a body need not be in memory as one text; how many there may be is the
 * caller's to bound.
 */
export function parsePushed(lines: Iterable<string>, options: PushedOptions): PushedUsage {
  const events: UsageEvent[] = [];
  let [malformed, number, example] = [0, 0, null as string | null];
  for (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const read = parseRecord(line, options);
    if (read.is === 'event') events.push(read.event);
    else {
      malformed += 1;
      example ??= `line ${number}: ${read.is === 'malformed' ? read.problem : read.is === 'old' ? 'time is too long ago' : 'key is missing'}`;
    }
  }
  return { events, malformed, example };
}

function parseRecord(line: string, options: PushedOptions): ReadRecord {
  if (line.length > MAX_RECORD) return { is: 'malformed', problem: `length is over ${MAX_RECORD} characters` };
  const record = parsed(line);
  if (record === null) return { is: 'malformed', problem: 'text is no JSON object' };
  const { at, key, outcome, status, requests, address, agent } = record;
  const told = outcome === undefined && status === undefined ? 'ok' : outcome;
  return readRecord({ at, key, outcome: told, status, requests, address, agent }, { ...options, oldest: new Date(options.now.getTime() - options.maxAgeMs) });
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    // The parser's error quotes the line.
    return null;
  }
}
