/**
 * Reported leaks on their way in: verified as bytes, then parsed, then fingerprinted, then one transaction, then answered. What they cause
 * happens after (leak-handling.ts). A value is in memory between the second step and the third.
 */
import { createHash } from 'node:crypto';
import { seconds } from '../core/duration.ts';
import { KeyturnError } from '../core/errors.ts';
import { leakDetail, leakPlace } from '../core/leak.ts';
import { notAuthentic } from '../net/signed-delivery.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { LeakSeen, TakenLeaks } from '../ports/leak-ledger.ts';
import type { LeakReport, ReportedLeak } from '../ports/leak-source.ts';
import type { Context } from './context.ts';
import type { ConfiguredLeakSource } from './leak-sources.ts';
import type { LeakAnswer, LeakDeliveryRequest } from './leak-views.ts';

/** Those who wait for the answer wait no longer. */
const VERIFY_MS = seconds(8);

export interface LeakIntake extends Pick<Context, 'ledger' | 'leaks' | 'leakSources' | 'queue'>, Pick<Context['engine'], 'log'> {
  readonly fingerprint: (value: string) => string;
  readonly issuers: () => readonly Issuer[];
}

/**
 * Takes one delivery; the same again changes nothing. Throws UNAUTHENTICATED, alike for a source that is not configured and a signature that is not right;
 * UNKNOWN_NAME for the former where the control API let the sender in; USAGE for a body that is too large or not of the format.
 */
export async function takeLeaks(intake: LeakIntake, request: LeakDeliveryRequest): Promise<LeakAnswer> {
  const found = await admitted(intake, request);
  if (request.body.length > found.maxBody) throw new KeyturnError('USAGE', `The body is larger than the ${found.maxBody} bytes that this leak source takes.`, { todo: 'Send smaller ones, or raise `maxBody`.', effect: 'none' });
  const report = found.source.read(request);
  const taken = await remember(intake, request, report);
  intake.log.info({ source: request.source, leaks: report.leaks.length, malformed: report.malformed, ...taken }, 'a leak source reported');
  if (taken.outcome === 'taken') await wakeLeaks(intake, taken);
  return request.trusted ? { accepted: true, leaks: report.leaks.length, malformed: report.malformed, ...countsOf(taken) } : { accepted: true };
}

async function admitted({ leakSources, ledger }: LeakIntake, request: LeakDeliveryRequest): Promise<ConfiguredLeakSource> {
  const found = leakSources.of(request.source);
  if (found === null && request.trusted) throw new KeyturnError('UNKNOWN_NAME', `No leak source is called ${request.source.slice(0, 100)}.`, { todo: 'See `leaks.sources` in the configuration.', effect: 'none' });
  if (found === null) throw notAuthentic();
  if (found.source.verify !== undefined) await found.source.verify(request, () => ledger.now(), AbortSignal.timeout(VERIFY_MS)).catch((error: unknown) => { throw openly(error, found.source, request.trusted); });
  else if (!request.trusted) throw notAuthentic();
  return found;
}

/** Who came in by the control API may know what the source is: most likely `leaks intake` was given one of another type. */
function openly(error: unknown, { name, type }: ConfiguredLeakSource['source'], trusted: boolean): unknown {
  if (!trusted || !(error instanceof KeyturnError) || error.code !== 'UNAUTHENTICATED') return error;
  return new KeyturnError('UNAUTHENTICATED', `Leak source ${name} is of type ${type}, and takes only what its sender signed; this was not, so nothing was taken.`, {
    todo: '`keyturn leaks intake` wants a source of type trufflehog: name it with `--source`, or declare one under `leaks.sources`.', effect: 'none',
  });
}

async function remember(intake: LeakIntake, { source, body }: LeakDeliveryRequest, { leaks, malformed }: LeakReport): Promise<TakenLeaks> {
  if (leaks.length === 0 && malformed === 0) return { outcome: 'taken', matched: 0, alike: 0, sought: 0 };
  const issuers = intake.issuers();
  const deliveryId = createHash('sha256').update(body).digest('hex');
  return await intake.leaks.take({ source, deliveryId, leaks: leaks.map((leak) => seenOf(leak, { ...intake, issuers: () => issuers })), malformed });
}

/** A reported leak without its value. */
export function seenOf({ secret, url, foundAt, detail }: ReportedLeak, { fingerprint, issuers }: Pick<LeakIntake, 'fingerprint' | 'issuers'>): LeakSeen {
  const value = secret.kind === 'value' ? secret.value : null;
  const about = { url: leakPlace(url, value), foundAt, detail: leakDetail(detail, value) };
  switch (secret.kind) {
    case 'value':
      return { form: 'value', fingerprint: fingerprint(secret.value), sought: null, looksLike: alikeTo(secret.value, issuers()), ...about };
    case 'fingerprint':
      return { form: 'value', fingerprint: secret.fingerprint, sought: null, looksLike: null, ...about };
    case 'hash':
      return { form: 'hash', fingerprint: null, sought: `${secret.hash}:${secret.hex}`, looksLike: null, ...about };
    case 'reference':
      return { form: 'reference', fingerprint: null, sought: secret.reference, looksLike: null, ...about };
  }
}

function alikeTo(value: string, issuers: readonly Issuer[]): string | null {
  const alike = issuers.filter((issuer) => issuer.looksLikeKey?.(value) === true).map(({ name }) => name);
  return alike.length === 0 ? null : alike.join(', ');
}

function countsOf(taken: TakenLeaks): Pick<LeakAnswer, 'repeated' | 'ours' | 'alike' | 'sought'> {
  return taken.outcome === 'repeated' ? { repeated: true, ours: 0, alike: 0, sought: 0 } : { repeated: false, ours: taken.matched, alike: taken.alike, sought: taken.sought };
}

async function wakeLeaks({ queue }: Pick<LeakIntake, 'queue'>, { matched, alike, sought }: { readonly matched: number; readonly alike: number; readonly sought: number }): Promise<void> {
  if (matched + alike > 0) await queue?.wake('handle-leaks', {}, { dedupeKey: 'leaks' });
  if (sought > 0) await Promise.all(['fetch-leaks', 'match-leaks'].map(async (job) => await queue?.wake(job, {}, { dedupeKey: 'leaks' })));
}

/** Wakes whatever the ledger says should be worked on: the queue may have forgotten it. */
export async function wakeWaitingLeaks({ leaks, queue }: Pick<LeakIntake, 'leaks' | 'queue'>): Promise<void> {
  const waiting = await leaks.waiting();
  const jobs = [...(waiting.ready ? ['handle-leaks'] : []), ...(waiting.reference ? ['fetch-leaks'] : []), ...(waiting.hash ? ['match-leaks'] : [])];
  // With a key of its own: a job of a worker that died keeps those with its key back until the queue believes it.
  for (const job of jobs) await queue?.wake(job, {}, { dedupeKey: 'leaks-swept' });
}
