/** Asking GitHub's REST API, for those who read alerts or public keys there. */
import { KeyturnError } from '../core/errors.ts';
import { networkReason, shownUrl } from './endpoint.ts';
import { retryAfterMs } from './retry-after.ts';
import type { ReadSecret } from './signed-delivery.ts';

const LARGEST_ANSWER = 1024 * 1024;
const REDIRECTS = new Set([301, 302, 307, 308]);

export interface GitHubCall {
  /** Who asks, for people: `Leak source github`. */
  readonly who: string;
  readonly token: ReadSecret | undefined;
  readonly timeoutMs: number;
}

/** The JSON that is answered. Throws SOURCE_UNAVAILABLE where trying again may help, SOURCE_REFUSED where a person must look; never with what was answered. */
export async function askGitHub(call: GitHubCall, url: URL, signal: AbortSignal): Promise<unknown> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(call.timeoutMs)]);
  const first = await get(call, url, bounded);
  const moved = REDIRECTS.has(first.status) ? elsewhere(url, first) : null;
  const response = moved === null ? first : await get(call, moved, bounded);
  if (response.status !== 200) throw refusal(call, url, response);
  return await jsonIn(call, url, response, bounded);
}

/** A renamed repository answers from another path. The token is not carried to another host. */
function elsewhere(url: URL, { headers }: Response): URL | null {
  const to = URL.parse(headers.get('location') ?? '', url.href);
  return to !== null && to.origin === url.origin ? to : null;
}

async function get({ who, token }: GitHubCall, url: URL, signal: AbortSignal): Promise<Response> {
  const secret = await token?.();
  try {
    signal.throwIfAborted();
    return await fetch(url, {
      redirect: 'manual', signal,
      headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28', 'user-agent': 'keyturn', ...(secret === undefined ? {} : { authorization: `Bearer ${secret.reveal()}` }) },
    });
  } catch (error) {
    throw new KeyturnError('SOURCE_UNAVAILABLE', `${who} can't ask ${shownUrl(url)}: ${networkReason(error)}.`, { todo: 'It is tried again by itself; if it lasts, look at the network.', effect: 'none' });
  }
}

const TODO: Readonly<Record<number, string>> = {
  401: 'Give the source a token that is valid.',
  403: 'Give the token the right to read secret scanning alerts of that repository.',
  404: 'Give the token the right to read secret scanning alerts of that repository: GitHub answers 404 where it may not, and where there is none.',
};

function refusal({ who }: GitHubCall, url: URL, { status, headers }: Response): KeyturnError {
  const said = `${who} asked ${shownUrl(url)}, which answered ${status}`;
  const limited = status === 429 || (status === 403 && headers.get('x-ratelimit-remaining') === '0');
  if (!limited && status < 500) return new KeyturnError('SOURCE_REFUSED', `${said}.`, { todo: TODO[status] ?? 'Check the address of the source.', effect: 'none' });
  const asked = retryAfterMs(headers.get('retry-after'), Date.now()) ?? untilReset(headers.get('x-ratelimit-reset'));
  return new KeyturnError('SOURCE_UNAVAILABLE', `${said}${limited ? ', too many requests' : ''}.`, { todo: 'It is tried again by itself.', effect: 'none', ...(asked === undefined ? {} : { retryAfterMs: asked }) });
}

function untilReset(header: string | null): number | undefined {
  const at = header !== null && /^\d{1,12}$/.test(header) ? new Date(Number(header) * 1_000).toUTCString() : null;
  return retryAfterMs(at, Date.now());
}

async function jsonIn({ who }: GitHubCall, url: URL, response: Response, signal: AbortSignal): Promise<unknown> {
  const parts: Uint8Array[] = [];
  try {
    let size = 0;
    for await (const part of response.body ?? []) {
      size += part.byteLength;
      if (size > LARGEST_ANSWER) break;
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    const why = signal.aborted ? networkReason(error) : 'its answer is no JSON';
    throw new KeyturnError('SOURCE_UNAVAILABLE', `${who} can't read what ${shownUrl(url)} answers: ${why}.`, { todo: 'Look whether something else answers in its place.', effect: 'none' });
  }
}
