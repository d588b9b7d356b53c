/** A batch of events, counted by key and minute. Pure: what a batch costs is bounded, whatever it holds. */
import { Distinct } from '../core/distinct.ts';
import { MAX_ADDRESS, MAX_AGENT, MAX_AHEAD_MS, type UsageEvent } from '../core/usage.ts';
import { STEPS, type UsageCaller, type UsageIncrement, type UsageRecord } from '../ports/usage-ledger.ts';

/** Callers counted of one key in one batch. The ledger keeps fewer; a batch of a million addresses must not fill the memory. */
const CALLERS_A_KEY = 500;

export interface Tally extends Pick<UsageRecord, 'increments' | 'callers' | 'unknown' | 'malformed' | 'malformedExample'> {
  /** One whose key is not known. */
  readonly unknownExample: UsageEvent | null;
}

export interface TallyLimits {
  readonly now: Date;
  /** Older usage is not taken: its minutes are gone already. */
  readonly oldestMs: number;
}

interface Counting {
  requests: number;
  failed: number;
  denied: number;
}

interface Bucket extends Counting {
  readonly keyId: string;
  readonly at: Date;
  readonly addresses: Distinct;
}

interface Caller extends Counting {
  readonly keyId: string;
  readonly address: string;
  readonly agent: string;
  firstSeen: Date;
  lastSeen: Date;
}

/** Counts events by the key that `keyOf` finds (Keyturn's id of it). The others are counted as unknown, or as too old or too early. */
export function tally(events: readonly UsageEvent[], keyOf: (event: UsageEvent) => string | undefined, { now, oldestMs }: TallyLimits): Tally {
  const buckets = new Map<string, Bucket>();
  const callers = new Map<string, Map<string, Caller>>();
  let unknown = 0;
  let unknownExample: UsageEvent | null = null;
  let malformed = 0;
  let malformedExample: string | null = null;
  for (const event of events) {
    const wrong = untimely(event.at, now, oldestMs);
    const keyId = keyOf(event);
    if (wrong !== null) {
      malformed += 1;
      malformedExample ??= wrong;
    } else if (keyId === undefined) {
      unknown += event.requests;
      unknownExample ??= event;
    } else {
      count(bucketOf(buckets, keyId, event), event);
      const caller = callerOf(callers, keyId, event);
      if (caller !== null) count(caller, event);
    }
  }
  return {
    increments: [...buckets.values()].map(({ addresses, ...bucket }): UsageIncrement => ({ ...bucket, addresses: addresses.toHex() })),
    callers: [...callers.values()].flatMap((of) => [...of.values()]) satisfies readonly Omit<UsageCaller, 'source'>[],
    unknown, unknownExample, malformed, malformedExample,
  };
}

function untimely(at: Date, now: Date, oldestMs: number): string | null {
  const ageMs = now.getTime() - at.getTime();
  if (Number.isNaN(ageMs)) return 'a record has no time that could be understood';
  if (ageMs < -MAX_AHEAD_MS) return `a record is of ${at.toISOString()}, which has not come yet`;
  return ageMs > oldestMs ? `a record is of ${at.toISOString()}, older than the minutes that are kept` : null;
}

function bucketOf(buckets: Map<string, Bucket>, keyId: string, { at, address }: UsageEvent): Bucket {
  const minute = Math.floor(at.getTime() / STEPS.minute) * STEPS.minute;
  const name = `${minute} ${keyId}`;
  let bucket = buckets.get(name);
  if (bucket === undefined) {
    bucket = { keyId, at: new Date(minute), requests: 0, failed: 0, denied: 0, addresses: new Distinct() };
    buckets.set(name, bucket);
  }
  if (address !== null) bucket.addresses.add(address);
  return bucket;
}

/** Null for one more than can be counted. Where neither address nor agent is known there is nobody to name. */
function callerOf(callers: Map<string, Map<string, Caller>>, keyId: string, event: UsageEvent): Caller | null {
  const address = (event.address ?? '').slice(0, MAX_ADDRESS);
  const agent = (event.agent ?? '').slice(0, MAX_AGENT);
  if (address === '' && agent === '') return null;
  let of = callers.get(keyId);
  if (of === undefined) callers.set(keyId, (of = new Map()));
  const name = `${address}\n${agent}`;
  let caller = of.get(name);
  if (caller === undefined) {
    if (of.size >= CALLERS_A_KEY) return null;
    caller = { keyId, address, agent, requests: 0, failed: 0, denied: 0, firstSeen: event.at, lastSeen: event.at };
    of.set(name, caller);
  }
  if (event.at < caller.firstSeen) caller.firstSeen = event.at;
  if (event.at > caller.lastSeen) caller.lastSeen = event.at;
  return caller;
}

function count(counts: Counting, { requests, outcome }: UsageEvent): void {
  counts.requests += requests;
  if (outcome !== 'ok') counts[outcome] += requests;
}
