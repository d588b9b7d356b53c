/** A batch of events, counted by key and minute. Pure: what a batch costs is bounded, whatever it holds. */
import { Distinct } from '../core/distinct.ts';
import { MAX_AHEAD_MS, type UsageEvent } from '../core/usage.ts';
import { STEPS, type KeyNeed, type UsageCaller, type UsageIncrement, type UsageRecord } from '../ports/usage-ledger.ts';

/** Callers counted of one key in one batch. The ledger keeps fewer; a batch of a million addresses must not fill the memory. */
const CALLERS_A_KEY = 500;
/** Scopes counted of one key in one batch; no issuer has so many. What is beyond them counts as not known. */
const NEEDS_A_KEY = 100;
const UNKNOWN_NEED = '';

export interface Tally extends Pick<UsageRecord, 'increments' | 'callers' | 'needs' | 'unknown' | 'malformed' | 'malformedExample'> {
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

type Need = { -readonly [Field in keyof Omit<KeyNeed, 'source'>]: KeyNeed[Field] };

interface KeyCallers {
  readonly all: Caller[];
  /** By address and agent. */
  readonly by: Map<string, Map<string, Caller>>;
}

/** Counts events by the key that `keyOf` finds (Keyturn's id of it). The others are counted as unknown, or as too old or too early. */
export function tally(events: readonly UsageEvent[], keyOf: (event: UsageEvent) => string | undefined, { now, oldestMs }: TallyLimits): Tally {
  const buckets = new Map<string, Bucket>();
  const callers = new Map<string, KeyCallers>();
  const needs = new Map<string, Map<string, Need>>();
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
      // Who is refused for the key asks nothing of its scopes.
      if (event.need !== undefined && event.outcome !== 'denied') countNeed(needs, keyId, event, event.need ?? UNKNOWN_NEED);
    }
  }
  return {
    increments: [...buckets.values()].map(({ addresses, ...bucket }): UsageIncrement => ({ ...bucket, addresses: addresses.toHex() })),
    callers: [...callers.values()].flatMap(({ all }) => all) satisfies readonly Omit<UsageCaller, 'source'>[],
    needs: [...needs.values()].flatMap((of) => [...of.values()]),
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
function callerOf(callers: Map<string, KeyCallers>, keyId: string, event: UsageEvent): Caller | null {
  const [address, agent] = [event.address ?? '', event.agent ?? ''];
  if (address === '' && agent === '') return null;
  let of = callers.get(keyId);
  if (of === undefined) callers.set(keyId, (of = { all: [], by: new Map() }));
  const caller = of.by.get(address)?.get(agent) ?? newCaller(of, { keyId, address, agent, requests: 0, failed: 0, denied: 0, firstSeen: event.at, lastSeen: event.at });
  if (caller === null) return null;
  seen(caller, event);
  return caller;
}

function seen(what: { firstSeen: Date; lastSeen: Date }, { at }: UsageEvent): void {
  if (at < what.firstSeen) what.firstSeen = at;
  if (at > what.lastSeen) what.lastSeen = at;
}

function countNeed(needs: Map<string, Map<string, Need>>, keyId: string, event: UsageEvent, asked: string): void {
  let of = needs.get(keyId);
  if (of === undefined) needs.set(keyId, (of = new Map()));
  const name = of.has(asked) || of.size < NEEDS_A_KEY ? asked : UNKNOWN_NEED;
  let need = of.get(name);
  if (need === undefined) of.set(name, (need = { keyId, need: name, requests: 0, refused: 0, firstSeen: event.at, lastSeen: event.at }));
  need.requests += event.requests;
  if (event.refused === true) need.refused += event.requests;
  seen(need, event);
}

function newCaller({ all, by }: KeyCallers, caller: Caller): Caller | null {
  if (all.length >= CALLERS_A_KEY) return null;
  all.push(caller);
  const agents = by.get(caller.address) ?? new Map<string, Caller>();
  by.set(caller.address, agents.set(caller.agent, caller));
  return caller;
}

function count(counts: Counting, { requests, outcome }: UsageEvent): void {
  counts.requests += requests;
  if (outcome !== 'ok') counts[outcome] += requests;
}
