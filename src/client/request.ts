import type { HiddenKey } from './hidden-key.ts';
import { KeyRingError } from './source.ts';

export type FetchInput = string | URL | Request;
export type FetchFunction = (input: FetchInput, init?: RequestInit) => Promise<Response>;

/** Where the key may go. */
export interface Reach {
  readonly base: URL;
  readonly origins: ReadonlySet<string>;
}

/** One request of the application, ready to be sent with one key or, when `replayable`, with another one after that. */
export interface PreparedRequest {
  readonly origin: string;
  readonly replayable: boolean;
  readonly signal: AbortSignal | undefined;
  /** `last`: it will not be sent again, so nothing needs to be kept for that. */
  send(key: HiddenKey, last: boolean): Promise<Response>;
}

/** Where requests go unless said: HyperMemory itself. Throws `KeyRingError` (`bad-option`) for what is no http(s) URL. */
export function reachOf(baseUrl = 'https://api.hypermemory.io', allowedOrigins: readonly string[] = []): Reach {
  const base = httpUrl(baseUrl, 'baseUrl');
  return { base, origins: new Set([base.origin, ...allowedOrigins.map((origin) => httpUrl(origin, 'allowedOrigins').origin)]) };
}

function httpUrl(text: string, option: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new KeyRingError('bad-option', `The KeyRing's ${option} holds something that is no http or https URL. Write it like https://api.hypermemory.io.`);
  }
  return url;
}

/** Throws `KeyRingError` (`origin-refused`) before anything is sent when the request is not for an origin of `reach`. */
export function prepare(input: FetchInput, init: RequestInit | undefined, reach: Reach, fetch: FetchFunction): PreparedRequest {
  const url = new URL(input instanceof Request ? input.url : input, reach.base);
  if (!reach.origins.has(url.origin)) {
    throw new KeyRingError(
      'origin-refused',
      `The request is for ${url.origin}, where this KeyRing's key does not belong, so nothing was sent. Use plain fetch for it, or add the origin to allowedOrigins.`,
    );
  }
  return input instanceof Request ? fromRequest(new Request(input, init), url, fetch) : fromParts(url, init, fetch);
}

/** A Request hides whether its body can be read twice, so it is cloned: the body stays in memory until the answer is there. */
function fromRequest(request: Request, url: URL, fetch: FetchFunction): PreparedRequest {
  return {
    origin: url.origin,
    replayable: true,
    signal: request.signal,
    send: (key, last) => fetch(new Request(last ? request : request.clone(), { headers: withKey(request.headers, key) })),
  };
}

function fromParts(url: URL, init: RequestInit | undefined, fetch: FetchFunction): PreparedRequest {
  return {
    origin: url.origin,
    replayable: isReplayable(init?.body),
    signal: init?.signal ?? undefined,
    send: (key) => fetch(url, { ...init, headers: withKey(init?.headers, key) }),
  };
}

function withKey(headers: RequestInit['headers'], key: HiddenKey): Headers {
  const all = new Headers(headers);
  all.set('authorization', `Bearer ${key.reveal()}`);
  return all;
}

/** Streams and iterables are gone once sent; everything else can be sent again. */
function isReplayable(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true;
  return [URLSearchParams, Blob, FormData, ArrayBuffer].some((kind) => body instanceof kind) || ArrayBuffer.isView(body);
}

/** Whether this answer refuses our key: a 401 from elsewhere, after a redirect, never saw it. */
export function isRefusal(response: Response, origin: string): boolean {
  if (response.status !== 401) return false;
  return response.url === '' || new URL(response.url).origin === origin;
}
