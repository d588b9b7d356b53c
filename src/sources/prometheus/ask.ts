/** One query of a range of minutes, and what its answer or the lack of it means. */
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { shownText } from '../../core/usage-fields.ts';
import { carriesSecret, networkReason, shownUrl } from '../../net/endpoint.ts';
import type { PrometheusOptions } from './options.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;
const LONGEST_DETAIL = 200;
const LONGEST_PAUSE_S = 3_600;
/** What Prometheus says when a range costs it too much; a shorter one may do. */
const TOO_MUCH = /too many samples|exceeded maximum resolution|query timed out|too many points|limit/i;

export interface Range {
  /** Epoch milliseconds, whole minutes; both are evaluated. */
  readonly from: number;
  readonly to: number;
}

/** Answers that are too large, or cost the server too much; null so that a shorter range is asked for. */
export type RangeAnswer = { readonly series: readonly unknown[] } | { readonly tooMuch: string };

export async function askRange(options: PrometheusOptions, url: URL, query: string, { from, to }: Range, signal: AbortSignal): Promise<RangeAnswer> {
  const form = new URLSearchParams({ query, start: String(from / 1_000), end: String(to / 1_000), step: '60', partial_response: 'false' });
  if (carriesSecret(form.toString())) throw refused(options, url, 'would be sent a registered secret in a query', 'Take it out of the query: queries are logged.');
  const headers = await headersOf(options);
  const { status, body, retryAfter } = await exchange(options, url, form, headers, signal);
  if (body === null) return { tooMuch: `more than ${MAX_BODY_BYTES / 1_048_576} MiB` };
  const said = shownText(messageOf(body), LONGEST_DETAIL);
  if (status === 200) return { series: seriesOf(options, url, body) };
  if ((status === 422 || status === 503) && TOO_MUCH.test(said)) return { tooMuch: said };
  if (status === 429 || status >= 500 || status === 408) throw unavailable(options, url, `answers ${status}${said === '' ? '' : ` (${said})`}`, retryAfter);
  const todo = status === 401 || status === 403 ? 'Check the token, or user and password, of this source.' : status === 400 || status === 422 ? 'Try the query in Prometheus itself.' : 'Check the url of this source.';
  throw refused(options, url, `answers ${status}${said === '' ? '' : ` (${said})`}`, todo);
}

interface Exchanged {
  readonly status: number;
  /** Undefined when it is no JSON, null when it is too large. */
  readonly body: unknown;
  readonly retryAfter: string | null;
}

async function exchange(options: PrometheusOptions, url: URL, form: URLSearchParams, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Exchanged> {
  try {
    signal.throwIfAborted();
    const response = await fetch(url, { method: 'POST', body: form, headers, redirect: 'manual', signal });
    const text = await limited(response);
    return { status: response.status, body: text === null ? null : parsed(text), retryAfter: response.headers.get('retry-after') };
  } catch (thrown) {
    throw unavailable(options, url, `gives no answer: ${signal.aborted ? 'it was not waited for any longer' : networkReason(thrown)}`, null);
  }
}

async function limited(response: Response): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > MAX_BODY_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messageOf(body: unknown): string {
  const { error } = (typeof body === 'object' && body !== null ? body : {}) as { error?: unknown };
  return typeof error === 'string' ? error : '';
}

function seriesOf(options: PrometheusOptions, url: URL, body: unknown): readonly unknown[] {
  const { status, data } = (typeof body === 'object' && body !== null ? body : {}) as { status?: unknown; data?: { resultType?: unknown; result?: unknown } | null };
  if (status === 'success' && data?.resultType === 'matrix' && Array.isArray(data.result)) return data.result;
  throw refused(options, url, 'answers something that is not Prometheus’s API', 'Check the url of this source, and whether a proxy answers in its place.');
}

const plain = async (value: string | (() => Promise<Secret>)): Promise<string> => (typeof value === 'string' ? value : (await value()).reveal());

async function headersOf({ bearer, user, password, headers }: PrometheusOptions): Promise<Record<string, string>> {
  const own = await Promise.all(Object.entries(headers ?? {}).map(async ([name, value]) => [name, await plain(value)] as const)).catch(unresolved);
  const token = bearer === undefined ? undefined : await plain(bearer).catch(unresolved);
  const login = password === undefined ? undefined : `${user ?? ''}:${await plain(password).catch(unresolved)}`;
  const authorization = token !== undefined ? `Bearer ${token}` : login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  return { ...Object.fromEntries(own), ...(authorization === undefined ? {} : { authorization }) };
}

function unresolved(thrown: unknown): never {
  throw new KeyturnError('SOURCE_REFUSED', thrown instanceof KeyturnError ? thrown.sentence : 'A secret of this source can’t be read.', { effect: 'none' });
}

export function refused({ name }: PrometheusOptions, url: URL, what: string, todo: string): KeyturnError {
  return new KeyturnError('SOURCE_REFUSED', `Usage source ${name} can't be read: ${shownUrl(url)} ${what}.`, { todo, effect: 'none' });
}

function unavailable({ name }: PrometheusOptions, url: URL, what: string, retryAfter: string | null): KeyturnError {
  const told = Number(retryAfter ?? Number.NaN);
  const seconds = Number.isNaN(told) ? (Date.parse(retryAfter ?? '') - Date.now()) / 1_000 : told;
  return new KeyturnError('SOURCE_UNAVAILABLE', `Usage source ${name} can't be read now: ${shownUrl(url)} ${what}.`, {
    todo: 'It is tried again by itself; if it lasts, look at Prometheus and the network.',
    effect: 'none',
    ...(Number.isNaN(seconds) ? {} : { retryAfterMs: Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_PAUSE_S) * 1_000 }),
  });
}
