/** From the raw fields of one record of usage, whatever format they came in, to an event: the same care for all sources. */
import { MAX_AHEAD_MS, USAGE_OUTCOMES, type ClueKind, type UsageEvent, type UsageOutcome } from './usage.ts';
import { addressOf, agentOf, clueOf, instantOf, outcomeOf, requestsOf, statusOf } from './usage-fields.ts';

/** As the record has them; nothing of it is trusted. */
export interface RawRecord {
  readonly at: unknown;
  readonly key: unknown;
  readonly outcome?: unknown;
  readonly status?: unknown;
  readonly requests?: unknown;
  readonly address?: unknown;
  readonly agent?: unknown;
}

export interface RecordRules {
  readonly clue: ClueKind;
  /** Of a value: called for `value` clues only. */
  readonly fingerprint: (value: string) => string;
  readonly now: Date;
  /** What happened before it is `old`. */
  readonly oldest: Date;
  /** Statuses that mean that the authentication failed; 401 and 403 by default. */
  readonly denied?: readonly number[];
}

/**
 * `keyless`: understood, but no key was shown. `old`: before `oldest`. Where the time was understood it is told, since it says how
 * far the source has been read.
 */
export type ReadRecord =
  | { readonly is: 'event'; readonly at: Date; readonly event: UsageEvent }
  | { readonly is: 'keyless' | 'old'; readonly at: Date }
  /** `problem` continues "a record whose …" and quotes nothing of the record. */
  | { readonly is: 'malformed'; readonly problem: string };

export function readRecord(raw: RawRecord, rules: RecordRules): ReadRecord {
  const at = instantOf(raw.at);
  if (at === null) return malformed('time is missing or no instant');
  if (at.getTime() > rules.now.getTime() + MAX_AHEAD_MS) return malformed('time lies in the future');
  const told = clueOf(rules.clue, raw.key, rules.fingerprint);
  if ('problem' in told) return malformed(`key is unusable: ${told.problem}`);
  if ('none' in told) return { is: 'keyless', at };
  const outcome = outcomeTold(raw, rules.denied);
  if (outcome === null) return malformed('status or outcome is missing or unknown');
  const requests = requestsOf(raw.requests);
  if (requests === null) return malformed('number of requests is no whole number from 1 on');
  if (at < rules.oldest) return { is: 'old', at };
  return { is: 'event', at, event: { at, clue: told.clue, outcome, requests, address: addressOf(raw.address), agent: agentOf(raw.agent) } };
}

function outcomeTold({ outcome, status }: RawRecord, denied: readonly number[] | undefined): UsageOutcome | null {
  if (outcome !== undefined && outcome !== null) return USAGE_OUTCOMES.find((known) => known === outcome) ?? null;
  const code = statusOf(status);
  return code === null ? null : outcomeOf(code, denied);
}

function malformed(problem: string): ReadRecord {
  return { is: 'malformed', problem };
}
