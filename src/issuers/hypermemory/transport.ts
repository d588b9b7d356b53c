import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Connecting or the TLS handshake failed: no byte of the request left. */
const NEVER_SENT = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly key: Secret;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A whole answer. `json` is undefined when the body is not JSON; its text is kept nowhere, it may hold a key. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: unknown;
  readonly html: boolean;
}

export function hasJson(answer: Answer): boolean {
  return answer.json !== undefined && !answer.html;
}

/** A key that fits into a header: anything else would be quoted by fetch's own error. */
export function headerSafe(key: Secret): boolean {
  return /^[\x21-\x7e]+$/.test(key.reveal());
}

/**
 * One HTTP exchange through the global fetch (the app installs a dispatcher that knows proxies and private CAs).
 * Never follows a redirect, reads 4 MiB at most. Throws ISSUER_UNAVAILABLE when nothing (whole) came back, and
 * ISSUER_BAD_ANSWER for a redirect, an endless or a half body; `effect: 'none'` only when surely nothing was sent.
 */
export async function exchange(issuer: string, call: Call, signal: AbortSignal): Promise<Answer> {
  if (signal.aborted) throw abandoned(issuer, signal, 'none');
  const response = await send(issuer, call, signal);
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    throw redirected(issuer, response, call);
  }
  const text = await readBody(issuer, response, signal);
  return { status: response.status, headers: response.headers, json: parse(text), html: looksLikeHtml(response, text) };
}

async function send(issuer: string, call: Call, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(call.url, {
      method: call.method,
      redirect: 'manual',
      signal,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${call.key.reveal()}`,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
  } catch (thrown) {
    if (signal.aborted) throw abandoned(issuer, signal, 'unknown');
    throw unreachable(issuer, call, thrown);
  }
}

async function readBody(issuer: string, response: Response, signal: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of response.body ?? []) {
      size += part.byteLength;
      if (size > MAX_BODY_BYTES) break;
      parts.push(part);
    }
  } catch {
    // The error of a broken body is not passed on: it may quote what was read so far, and that may be a key.
    if (signal.aborted) throw abandoned(issuer, signal, 'unknown');
    throw badAnswer(issuer, `stopped in the middle of its answer (HTTP ${response.status})`);
  }
  if (size > MAX_BODY_BYTES) throw badAnswer(issuer, `answered more than ${MAX_BODY_BYTES / 1024 / 1024} MiB (HTTP ${response.status})`);
  return Buffer.concat(parts).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Nor is this one: it quotes the text.
    return undefined;
  }
}

function looksLikeHtml(response: Response, text: string): boolean {
  return /\bhtml\b/i.test(response.headers.get('content-type') ?? '') || text.trimStart().startsWith('<');
}

/** ISSUER_BAD_ANSWER; `what` continues "HyperMemory issuer x …". */
export function badAnswer(issuer: string, what: string, todo?: string): KeyturnError {
  return new KeyturnError('ISSUER_BAD_ANSWER', `HyperMemory issuer ${issuer} ${what}: that is not its API.`, {
    todo: todo ?? 'Check baseUrl and paths of the issuer, and whether a proxy answers in its place.',
    effect: 'unknown',
  });
}

function redirected(issuer: string, response: Response, call: Call): KeyturnError {
  const target = URL.parse(response.headers.get('location') ?? '', call.url.href);
  const whereTo = target === null ? '' : ` to ${target.origin}`;
  return badAnswer(
    issuer,
    `redirects ${call.method} ${call.url.pathname}${whereTo} (HTTP ${response.status}), and a key never follows a redirect`,
    "Set the issuer's baseUrl to the API's final address.",
  );
}

function abandoned(issuer: string, signal: AbortSignal, effect: 'none' | 'unknown'): KeyturnError {
  const slow = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
  const what = slow ? 'did not answer in time' : 'was not waited for any longer';
  const means = effect === 'none' ? 'nothing was sent' : 'whether the request took effect is not known';
  return new KeyturnError('ISSUER_UNAVAILABLE', `HyperMemory issuer ${issuer} ${what}: ${means}.`, {
    todo: slow ? 'Nothing to do if it passes; otherwise look at the service and the network, or raise timeout.' : 'It is tried again.',
    effect,
  });
}

function unreachable(issuer: string, call: Call, thrown: unknown): KeyturnError {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const { code, syscall } = (typeof cause === 'object' && cause !== null ? cause : {}) as { code?: unknown; syscall?: unknown };
  const word = typeof code === 'string' ? code : 'connection failed';
  const unsent = NEVER_SENT.has(word) || syscall === 'connect' || syscall === 'getaddrinfo';
  return new KeyturnError('ISSUER_UNAVAILABLE', `HyperMemory issuer ${issuer} can't be reached at ${call.url.origin} (${word}).`, {
    todo: "Check baseUrl, name resolution, the proxy and private CA settings, and the service's status.",
    // The cause is not passed on: a parser's error carries the bytes that it choked on, and they may hold a key.
    effect: unsent ? 'none' : 'unknown',
  });
}
