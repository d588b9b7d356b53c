/** Usage, read from a source into the ledger: each batch is counted, and recorded together with where the source goes on. */
import { days, minutes, seconds } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import { cleanText } from '../core/text.ts';
import type { ClueKind, UsageEvent } from '../core/usage.ts';
import type { Log } from '../ports/log.ts';
import type { RecordOutcome, UsageLedger, UsageRetention } from '../ports/usage-ledger.ts';
import type { UsageBatch, UsageSource } from '../ports/usage-source.ts';
import { tally } from './tally.ts';

export interface Ingesting {
  readonly usage: UsageLedger;
  /** The ledger's clock. */
  readonly now: () => Promise<Date>;
  readonly retention: Pick<UsageRetention, 'minutesMs'>;
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

/** Counts events of one batch and records them; whatever text comes with them is cleaned on its way. */
export async function recordEvents({ usage, retention }: Ingesting, taken: Taken): Promise<RecordOutcome> {
  const keys = await usage.keysByClue(taken.clue === 'value' ? 'fingerprint' : taken.clue, [...new Set(taken.events.map(({ clue }) => clue))]);
  const counted = tally(taken.events.map(cleaned), keys, { now: taken.now, oldestMs: retention.minutesMs - MARGIN_MS });
  const { source, cursor, batchId, seenUntil } = taken;
  const example = counted.malformedExample ?? taken.example;
  return await usage.record({
    source, cursor, batchId, seenUntil, ...counted,
    // A fingerprint says nothing to people.
    unknownExample: taken.clue === 'id' || taken.clue === 'prefix' ? shown(counted.unknownExample) : null,
    malformed: counted.malformed + taken.malformed,
    malformedExample: shown(example),
  });
}

function cleaned(event: UsageEvent): UsageEvent {
  const { address, agent } = event;
  return { ...event, address: address === null ? null : cleanText(address), agent: agent === null ? null : cleanText(agent) };
}

const SHOWN = 200;

function shown(text: string | null): string | null {
  return text === null ? null : cleanText(text).slice(0, SHOWN);
}
