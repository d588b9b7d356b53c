/** Usage as people ask for it: a credential's keys with their figures, and who calls with them. */
import { days, hours } from '../core/duration.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import { STEPS, type UsageBucket, type UsageCaller, type UsageCounts, type UsageNeed, type UsageStep } from '../ports/usage-ledger.ts';
import type { Context } from './context.ts';
import type { CallerView, KeyUsageView, ScopeView, SourceView, UsageView } from './operations.ts';
import { iso } from './views.ts';

const DEFAULT_SPAN_MS = days(1);
/** Longer spans are told by the hour. */
const BY_MINUTE_MS = hours(48);
const CELLS = 48;
const MOST_CALLERS = 30;

/** Usage since `sinceMs` ago. A key that is dead and was not used in the span is left out. */
export async function usageOf(context: Context, credential: string, sinceMs = DEFAULT_SPAN_MS): Promise<UsageView> {
  const { ledger, usage } = context;
  const [keys, now] = await Promise.all([ledger.keysOf(credential), ledger.now()]);
  const span = spanOf(now, sinceMs);
  const ids = keys.map(({ id }) => id);
  const midnight = new Date(Math.floor(now.getTime() / days(1)) * days(1));
  const [buckets, today, lastUsed, callers, needs] = await Promise.all([
    usage.buckets(ids, span.step, span.from, span.until), usage.buckets(ids, 'hour', midnight, span.until), usage.lastUsed(ids), usage.callers(ids), usage.credentialNeeds([credential]),
  ]);
  return {
    credential, from: span.from.toISOString(), until: now.toISOString(), cellMs: span.cellMs,
    keys: keys.flatMap((key) => viewsOf(key, { buckets, today, lastUsed, span })),
    callers: callers.slice(0, MOST_CALLERS).map((caller) => callerView(caller, keys)),
    scopes: scopeViews(needs),
    sources: await sourceViews(context),
  };
}

interface Span {
  readonly from: Date;
  readonly until: Date;
  readonly step: UsageStep;
  /** A cell of the sparkline, milliseconds. */
  readonly cellMs: number;
}

/** Begins and ends where cells do, so that the last one is the present one. */
function spanOf(now: Date, sinceMs: number): Span {
  const step = sinceMs <= BY_MINUTE_MS ? 'minute' : 'hour';
  const cellMs = Math.ceil(sinceMs / CELLS / STEPS[step]) * STEPS[step];
  const until = (Math.floor(now.getTime() / cellMs) + 1) * cellMs;
  const cells = Math.ceil(sinceMs / cellMs);
  return { from: new Date(until - cells * cellMs), until: new Date(until), step, cellMs };
}

interface Found {
  readonly buckets: readonly UsageBucket[];
  readonly today: readonly UsageBucket[];
  readonly lastUsed: ReadonlyMap<string, Date>;
  readonly span: Span;
}

/** One for each source that saw the key; for a living one that nobody saw, one without figures. */
function viewsOf(key: KeyRecord, { buckets, today, lastUsed, span }: Found): readonly KeyUsageView[] {
  const mine = buckets.filter(({ keyId }) => keyId === key.id);
  const sources = [...new Set(mine.map(({ source }) => source))].sort();
  const dead = key.state === 'revoked' || key.state === 'lost';
  if (sources.length === 0 && dead) return [];
  return (sources.length === 0 ? [null] : sources).map((source) => {
    const seen = mine.filter((bucket) => bucket.source === source);
    return {
      issuerKeyId: key.issuerKeyId, name: key.name, prefix: key.prefix, state: key.state, source,
      lastUsedAt: iso(lastUsed.get(key.id) ?? null),
      today: sum(today.filter((bucket) => bucket.keyId === key.id && bucket.source === source)),
      span: sum(seen),
      mostAddresses: seen.reduce((most, { addresses }) => Math.max(most, addresses), 0),
      cells: cellsOf(seen, span),
    };
  });
}

function sum(buckets: readonly UsageCounts[]): UsageCounts {
  return buckets.reduce((total, { requests, failed, denied }) => ({ requests: total.requests + requests, failed: total.failed + failed, denied: total.denied + denied }), { requests: 0, failed: 0, denied: 0 });
}

function cellsOf(buckets: readonly UsageBucket[], { from, until, cellMs }: Span): readonly number[] {
  const cells = Array.from({ length: Math.round((until.getTime() - from.getTime()) / cellMs) }, () => 0);
  for (const { at, requests } of buckets) {
    const cell = Math.floor((at.getTime() - from.getTime()) / cellMs);
    cells[cell] = (cells[cell] ?? 0) + requests;
  }
  return cells;
}

function callerView({ keyId, source, address, agent, requests, failed, denied, firstSeen, lastSeen }: UsageCaller, keys: readonly KeyRecord[]): CallerView {
  const key = keys.find(({ id }) => id === keyId);
  return { issuerKeyId: key?.issuerKeyId ?? keyId, keyState: key?.state ?? 'unknown', source, address, agent, requests, failed, denied, firstSeenAt: firstSeen.toISOString(), lastSeenAt: lastSeen.toISOString() };
}

/** Keys with other scopes are added up too: it is about what was asked for. */
function scopeViews(needs: readonly UsageNeed[]): readonly ScopeView[] {
  const alike = Map.groupBy(needs, ({ source, need }) => `${source} ${need}`);
  return [...alike.values()].map((some) => scopeView(some.reduce(together)));
}

function together(a: UsageNeed, b: UsageNeed): UsageNeed {
  return {
    ...a, requests: a.requests + b.requests, refused: a.refused + b.refused,
    firstSeen: a.firstSeen < b.firstSeen ? a.firstSeen : b.firstSeen, lastSeen: a.lastSeen > b.lastSeen ? a.lastSeen : b.lastSeen,
  };
}

function scopeView({ source, need, requests, refused, firstSeen, lastSeen }: UsageNeed): ScopeView {
  return { source, scope: need === '' ? null : need, requests, refused, firstSeenAt: firstSeen.toISOString(), lastSeenAt: lastSeen.toISOString() };
}

/** Of those that are configured: what a source said that is no more concerns nobody. */
async function sourceViews({ usage, config }: Context): Promise<readonly SourceView[]> {
  const configured = (await usage.sources()).filter(({ source }) => Object.hasOwn(config().usage.sources, source));
  return configured.map(({ source, seenUntil, readAt, failingSince, lastError, unknown, unknownExample, malformed, malformedExample }) => ({
    source, seenUntil: iso(seenUntil), readAt: iso(readAt), failingSince: iso(failingSince), lastError, unknown, unknownExample, malformed, malformedExample,
  }));
}
