/** Leaks of which a source told only where the secret can be read: it is read there, fingerprinted, and forgotten. */
import { leakNotice, leakUnread } from '../alerts/leak-notices.ts';
import { channelsFor } from '../config/index.ts';
import { hours, minutes, seconds } from '../core/duration.ts';
import { describeError, isLeaseLost, KeyturnError } from '../core/errors.ts';
import type { Leak } from '../ports/leak-ledger.ts';
import type { Context } from './context.ts';
import { seenOf, type LeakIntake } from './leak-intake.ts';

const LEASE_MS = minutes(2);
const AT_ONCE = 4;
/** A source that refuses for so long will not change its mind by itself. */
const GIVE_UP_MS = hours(24);
const TELL_AGAIN_MS = hours(1);

export interface LeakLookup extends Pick<Context, 'engine' | 'ledger' | 'leaks' | 'leakSources' | 'config' | 'queue'>, Pick<LeakIntake, 'fingerprint' | 'issuers'> {}

/** Reads what can be read now; each that is found is handled next. */
export async function fetchLeaks(lookup: LeakLookup, signal: AbortSignal): Promise<void> {
  const { leaks, engine, queue } = lookup;
  for (;;) {
    const held = signal.aborted ? [] : await leaks.claim('reference', engine.worker, LEASE_MS, AT_ONCE);
    if (held.length === 0) return;
    await Promise.all(held.map((leak) => fetchOne(lookup, leak, signal)));
    await queue?.wake('handle-leaks', {}, { dedupeKey: 'leaks' });
  }
}

async function fetchOne(lookup: LeakLookup, leak: Leak, signal: AbortSignal): Promise<void> {
  const { leaks, leakSources, engine } = lookup;
  try {
    const source = leakSources.of(leak.source)?.source;
    if (source?.fetch === undefined || leak.sought === null) throw new KeyturnError('SOURCE_REFUSED', `Leak source ${leak.source} is not configured any more.`, { todo: 'Declare it again, or look at the alert yourself.', effect: 'none' });
    const seen = seenOf(await source.fetch(leak.sought, signal), lookup);
    await leaks.found(leak, engine.worker, seen);
  } catch (error) {
    if (isLeaseLost(error) || signal.aborted) return;
    await notRead(lookup, leak, error);
  }
}

/** Told at once, since a key may be live that nobody looks for; then tried for as long as that may help. */
async function notRead(lookup: LeakLookup, leak: Leak, error: unknown): Promise<void> {
  const { leaks, ledger, engine, config } = lookup;
  const lastError = describeError(error);
  const refused = error instanceof KeyturnError && error.code === 'SOURCE_REFUSED';
  const ageMs = (await ledger.now()).getTime() - leak.reportedAt.getTime();
  engine.log.error({ leak: leak.id, source: leak.source, error: lastError }, 'a reported leak could not be read');
  const channels = channelsFor(config(), { credential: null, owner: null }, 'critical');
  if (refused && ageMs > GIVE_UP_MS) return await giveUp(lookup, { ...leak, lastError }, channels);
  await ledger.notify(leakUnread({ ...leak, lastError }), channels, TELL_AGAIN_MS);
  const asked = error instanceof KeyturnError ? (error.retryAfterMs ?? 0) : 0;
  await leaks.postpone(leak, engine.worker, lastError, Math.max(asked, Math.min(minutes(5), seconds(2) * 2 ** Math.min(leak.attempts - 1, 10))));
}

async function giveUp({ leaks, engine }: LeakLookup, leak: Leak, channels: readonly string[]): Promise<void> {
  const { message, notice } = leakNotice({ leak, key: null, owner: null, outcome: 'unreadable' });
  await leaks.settle(leak, engine.worker, {
    outcome: 'unreadable', rotationId: null, message,
    audit: { actor: { who: `leak:${leak.source}:${leak.id}`, why: 'it could not be read' }, credential: null, rotationId: null, keyId: null, detail: { leak: leak.id, source: leak.source, url: leak.url } },
    notices: notice === null ? [] : [{ notice, channels }], noticeOrigin: `leak:${leak.id}`,
  });
}
