/** What plug-ins that speak HTTP to a configured address share: refusing unsafe addresses, saying what went wrong. */
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?|.*\.localhost)$/i;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * Parses a configured address. Throws CONFIG_INVALID for anything but http(s), and for one that carries a secret:
 * addresses end up in other people's access logs.
 */
export function endpoint(text: string, who: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new KeyturnError('CONFIG_INVALID', `The url of ${who} is no http or https address.`, { todo: 'Give it as https://host/path.', effect: 'none' });
  }
  if (url.username !== '' || url.password !== '') {
    throw new KeyturnError('CONFIG_INVALID', `The url of ${who} carries a user or password.`, { todo: 'Put it into a header, by reference.', effect: 'none' });
  }
  if (carriesSecret(text)) {
    throw new KeyturnError('CONFIG_INVALID', `The url of ${who} carries a secret value.`, { todo: 'Put it into a header, by reference.', effect: 'none' });
  }
  return url;
}

/** True when the text holds a registered secret in any of its forms. */
export function carriesSecret(text: string): boolean {
  return scrub(text) !== text;
}

/** An address for people and logs: no query, which may hold what only the receiver should see. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name can not be resolved now',
  EHOSTUNREACH: 'the host can not be reached',
  ENETUNREACH: 'the network can not be reached',
  ETIMEDOUT: 'it does not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer in time',
  UND_ERR_SOCKET: 'the connection was closed before an answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an unknown authority',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

/** Why a request got no answer, in a few words, whatever library threw it. */
export function networkReason(thrown: unknown): string {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if (error.name === 'TimeoutError') return 'it does not answer in time';
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    const inMessage = /\bE[A-Z_]{4,}\b/.exec(error.message)?.[0] ?? '';
    const known = NETWORK[code] ?? NETWORK[inMessage];
    if (known !== undefined) return known;
    if (error.cause === undefined) return scrub(code === '' ? error.message : `${error.message} (${code})`);
  }
  return scrub(String(thrown));
}
