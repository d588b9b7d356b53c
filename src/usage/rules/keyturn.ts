/** Whether Keyturn itself can see and act. Pure. */
import { duration, sentence } from '../../core/phrases.ts';
import { minutes, seconds } from '../../core/duration.ts';
import type { Finding } from '../../core/finding.ts';
import type { RuleSettings } from '../../core/watching.ts';
import type { SourceState } from '../../ports/usage-ledger.ts';
import { findingOf, ofIssuer, ofKeyturn, ofSource } from './finding.ts';

/** A worker that has just started looks before it has read: what counts silence must see it twice. */
const TWICE_MS = minutes(1);
/** A look that comes a little early is not one too few. */
const EARLY_MS = seconds(30);
/** Looks that may be left out before something is silent. */
const LOOKS = 3;

/**
 * A look at an issuer that failed. It fires once each look has failed for `after`, by the alert's own clock: what happened
 * while no worker ran counts for nothing.
 */
export function issuerUnavailable(issuer: string, why: string, settings: RuleSettings['issuer_unavailable']): Finding | null {
  if (settings === null) return null;
  return findingOf('issuer_unavailable', settings, ofIssuer(issuer), {
    value: 1, fireAt: 1, clearAt: 0, pendingMs: Math.max(0, settings.after - EARLY_MS),
    title: `${issuer} does not answer as it should`,
    happened: `Each look at \`${issuer}\` for ${duration(settings.after)} failed. The last one: ${sentence(why)}`,
    expected: 'an answer to the admin key',
    actual: 'none that can be used',
    todo: ['See whether it is the service, the network or the admin key: `keyturn doctor`.'],
    evidence: { why },
  });
}

/** How long a source has told nothing new, milliseconds; null where it was never tried. */
export function silentFor({ readAt, failingSince }: Pick<SourceState, 'readAt' | 'failingSince'>, now: Date): number | null {
  const since = Math.min(...[readAt, failingSince].flatMap((at) => at?.getTime() ?? []));
  return Number.isFinite(since) ? Math.max(0, now.getTime() - since) : null;
}

/** `everyMs`: how often it is read. */
export function sourceUnavailable(state: SourceState, now: Date, everyMs: number, settings: RuleSettings['source_unavailable']): Finding | null {
  const silentMs = silentFor(state, now);
  if (settings === null || silentMs === null) return null;
  const after = Math.max(settings.after, LOOKS * everyMs);
  if (silentMs < after) return null;
  const { source, lastError, failingSince } = state;
  return findingOf('source_unavailable', settings, ofSource(source), {
    value: silentMs, fireAt: after, clearAt: 0, pendingMs: TWICE_MS,
    title: `Usage source ${source} is not read`,
    happened: `Nothing could be read from \`${source}\` for ${duration(silentMs)}.${lastError === null || failingSince === null ? '' : ` The last attempt: ${sentence(lastError)}`}`,
    expected: `read within ${duration(after)}`,
    actual: `not read for ${duration(silentMs)}`,
    todo: ['See what is wrong: `keyturn doctor`. It goes on where it stopped once it can be read again.'],
    evidence: { readAt: state.readAt?.toISOString() ?? null, failingSince: failingSince?.toISOString() ?? null },
  });
}

/** `silentMs`: since the last scan, or since there has been anything to scan. */
export function scannerSilent(silentMs: number, everyMs: number, settings: RuleSettings['scanner_silent']): Finding | null {
  if (settings === null) return null;
  const after = Math.max(settings.after, LOOKS * everyMs);
  if (silentMs < after) return null;
  return findingOf('scanner_silent', settings, ofKeyturn('scan'), {
    value: silentMs, fireAt: after, clearAt: 0, pendingMs: TWICE_MS,
    title: 'Usage is not being looked at',
    happened: `No scan of usage came to its end, over all sources, for ${duration(silentMs)}.`,
    expected: `a scan within ${duration(after)}`,
    actual: `none for ${duration(silentMs)}`,
    todo: ['See what the workers say: `keyturn status`, and the log for jobs that failed and sources that could not be scanned.', 'Restart the worker if it hangs.'],
  });
}
