/** Reported leaks as the API and the command line show them. */
import { KeyturnError } from '../core/errors.ts';
import type { Leak, LeakLedger } from '../ports/leak-ledger.ts';
import type { Context } from './context.ts';

/** What was posted to a leak source. */
export interface LeakDeliveryRequest {
  readonly source: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** True where the control API let the sender in: enough for a source that has no signature, and for no other. */
  readonly trusted: boolean;
}

/** Counts are told only to those whom the control API let in. */
export interface LeakAnswer {
  readonly accepted: true;
  readonly leaks?: number;
  readonly malformed?: number;
  /** The same content came before: nothing was taken. */
  readonly repeated?: boolean;
  /** Values of keys that Keyturn knows. */
  readonly ours?: number;
  /** Those that look like keys of our issuers, and are none that Keyturn knows. */
  readonly alike?: number;
  /** Those that must be looked up first. */
  readonly sought?: number;
}

export interface LeakView {
  readonly id: string;
  readonly source: string;
  /** `value`, `hash` or `reference`: how the secret was told. */
  readonly form: string;
  readonly reportedAt: string;
  readonly foundAt: string | null;
  readonly url: string | null;
  readonly detail: string | null;
  readonly credential: string | null;
  readonly issuerKeyId: string | null;
  readonly looksLike: string | null;
  /** Null while it is worked on. */
  readonly outcome: string | null;
  readonly settledAt: string | null;
  readonly rotationId: string | null;
  readonly message: string | null;
  readonly attempts: number;
  readonly lastError: string | null;
}

export interface LeakSourceView {
  readonly source: string;
  readonly deliveries: number;
  readonly leaks: number;
  /** Secrets that are none of ours, of which nothing else is kept. */
  readonly foreign: number;
  readonly malformed: number;
  readonly lastAt: string;
}

export interface LeaksView {
  readonly leaks: readonly LeakView[];
  /** Of the last 90 days. */
  readonly sources: readonly LeakSourceView[];
}

export interface LeakQuestions {
  /** Newest first. Throws UNKNOWN_CREDENTIAL, UNKNOWN_NAME for a source that is neither configured nor ever reported. */
  leaks(filter: { readonly source?: string; readonly credential?: string; readonly open?: boolean; readonly limit?: number }): Promise<LeaksView>;
}

const DEFAULT_LIMIT = 50;

export async function leaksView({ leaks, ledger, leakSources }: Pick<Context, 'leaks' | 'ledger' | 'leakSources'>, { limit, ...filter }: Parameters<LeakLedger['leaks']>[0] & { readonly limit?: number }): Promise<LeaksView> {
  const [found, figures] = await Promise.all([leaks.leaks(filter, limit ?? DEFAULT_LIMIT), leaks.leakFigures()]);
  const { source } = filter;
  if (source !== undefined && found.length === 0 && leakSources.of(source) === null && !figures.some((one) => one.source === source)) {
    throw new KeyturnError('UNKNOWN_NAME', `No leak source is called ${source.slice(0, 100)}, and none of that name ever reported.`, { effect: 'none', todo: '`keyturn leaks` lists those that did; the configured ones are under `leaks.sources`.' });
  }
  const keys = new Map((await ledger.keys(found.flatMap(({ keyId }) => (keyId === null ? [] : [keyId])))).map((key) => [key.id, key.issuerKeyId]));
  return {
    leaks: found.map((leak) => leakView(leak, leak.keyId === null ? null : (keys.get(leak.keyId) ?? null))),
    sources: figures.map(({ lastAt, ...counts }) => ({ ...counts, lastAt: lastAt.toISOString() })),
  };
}

function leakView({ id, source, form, reportedAt, foundAt, url, detail, credential, looksLike, outcome, settledAt, rotationId, message, attempts, lastError }: Leak, issuerKeyId: string | null): LeakView {
  return {
    id, source, form, reportedAt: reportedAt.toISOString(), foundAt: foundAt?.toISOString() ?? null, url, detail, credential, issuerKeyId, looksLike,
    outcome, settledAt: settledAt?.toISOString() ?? null, rotationId, message, attempts, lastError,
  };
}
