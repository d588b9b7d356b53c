/** Usage, read from a source into the ledger: each batch is counted, and recorded together with where the source goes on. */
import { days, minutes, seconds } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import type { ClueKind, UsageEvent } from '../core/usage.ts';
import type { Log } from '../ports/log.ts';
import { MAX_CLUES, type RecordOutcome, type UsageLedger, type UsageRetention } from '../ports/usage-ledger.ts';
import type { UsageBatch, UsageSource } from '../ports/usage-source.ts';
import { tally } from './tally.ts';

export interface Recording {
  readonly usage: UsageLedger;
  readonly retention: Pick<UsageRetention, 'minutesMs'>;
}

export interface Ingesting extends Recording {
  /** The ledger's clock. */
  readonly now: () => Promise<Date>;
  readonly log: Log;
}

/** A source that was never read begins this far back: enough to know today's usage, and no storm. */
const BEGIN_MS = days(1);
/** A source that has fallen far behind catches up in turns, so that the others get theirs. */
const TURN_MS = seconds(20);
/** Minutes that are about to be pruned are not written. */
const MARGIN_MS = minutes(60);

/** Reads one source until nothing is left or its turn is over. What goes wrong is kept with the source, where `doctor` finds it. Answers how many events were taken. */
export async function ingest(ingesting: Ingesting, source: UsageSource, signal: AbortSignal): Promise<number> {
  const { usage, log } = ingesting;
  const until = performance.now() + TURN_MS;
  let taken = 0;
  try {
    for (let more = true; more && !signal.aborted && performance.now() < until; ) {
      const { outcome, batch } = await readOnce(ingesting, source, signal);
      // Another worker reads it too: it goes on.
      if (outcome === 'stale') break;
      taken += batch.events.length;
      more = batch.more;
    }
  } catch (error) {
    if (signal.aborted) return taken;
    log.warn({ source: source.name, error: describeError(error) }, 'usage could not be read');
    await usage.sourceFailed(source.name, describeError(error));
  }
  return taken;
}

async function readOnce(ingesting: Ingesting, source: UsageSource, signal: AbortSignal): Promise<{ readonly outcome: RecordOutcome; readonly batch: UsageBatch }> {
  const { usage } = ingesting;
  const [{ cursor, version }, now] = await Promise.all([usage.source(source.name), ingesting.now()]);
  const batch = await source.read({ cursor, now, since: new Date(now.getTime() - BEGIN_MS) }, AbortSignal.any([signal, AbortSignal.timeout(source.callTimeoutMs)]));
  const outcome = await recordEvents(ingesting, {
    source: source.name, clue: source.clue, now, events: batch.events, malformed: batch.malformed, example: batch.example, seenUntil: batch.seenUntil,
    cursor: { expect: version, next: batch.cursor }, batchId: null,
  });
  return { outcome, batch };
}

export interface Taken extends Pick<UsageBatch, 'events' | 'malformed' | 'example' | 'seenUntil'> {
  readonly source: string;
  readonly clue: ClueKind;
  readonly now: Date;
  readonly cursor: { readonly expect: number; readonly next: unknown } | null;
  /** Of what is pushed. */
  readonly batchId: string | null;
}

/** Counts events of one batch and records them. */
export async function recordEvents({ usage, retention }: Recording, taken: Taken): Promise<RecordOutcome> {
  const keyOf = await resolver(usage, taken);
  const { source, cursor, batchId, seenUntil, malformed, example } = taken;
  const counted = tally(taken.events, keyOf, { now: taken.now, oldestMs: retention.minutesMs - MARGIN_MS });
  const { unknownExample } = counted;
  return await usage.record({
    source, cursor, batchId, seenUntil, ...counted,
    // A fingerprint says nothing to people.
    unknownExample: unknownExample !== null && kindOf(unknownExample, taken.clue) === 'fingerprint' ? null : (unknownExample?.clue ?? null),
    malformed: counted.malformed + malformed,
    malformedExample: counted.malformedExample ?? example,
  });
}

type Looked = Exclude<ClueKind, 'value'>;

/** A value was fingerprinted where it was read. */
function kindOf({ clueKind }: UsageEvent, ofSource: ClueKind): Looked {
  const kind = clueKind ?? ofSource;
  return kind === 'value' ? 'fingerprint' : kind;
}

/** Asks the ledger for each kind of clue; what is pushed may hold more of them than it looks up at once. */
async function resolver(usage: UsageLedger, { events, clue }: Taken): Promise<(event: UsageEvent) => string | undefined> {
  const byKind = Map.groupBy(events, (event) => kindOf(event, clue));
  const found = new Map<Looked, ReadonlyMap<string, string>>();
  for (const [kind, of] of byKind) found.set(kind, await keysOf(usage, kind, [...new Set(of.map((event) => event.clue))]));
  return (event) => found.get(kindOf(event, clue))?.get(event.clue);
}

async function keysOf(usage: UsageLedger, kind: Looked, clues: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (let from = 0; from < clues.length; from += MAX_CLUES) {
    for (const [clue, keyId] of await usage.keysByClue(kind, clues.slice(from, from + MAX_CLUES))) found.set(clue, keyId);
  }
  return found;
}
