/** What a mail server's answers mean for a delivery: RFC 5321 section 4.2.1 (4yz transient, 5yz permanent). */
import { KeyturnError } from '../../core/errors.ts';
import { scrub } from '../../core/secret.ts';
import { networkReason } from '../../net/endpoint.ts';

interface SmtpFailure {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
  readonly message?: string;
}

/** What nodemailer calls the step in which nothing was sent yet. */
const CONNECTING = 'CONN';
const NEVER_CONNECTED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/;

/** Turns whatever nodemailer threw into CHANNEL_REFUSED or CHANNEL_UNAVAILABLE. `server` is `host:port`. */
export function mailError(thrown: unknown, server: string): KeyturnError {
  if (thrown instanceof KeyturnError) return thrown;
  const failure: SmtpFailure & { readonly command?: string } = typeof thrown === 'object' && thrown !== null ? thrown : {};
  const { code = '', responseCode } = failure;
  if (code === 'EAUTH' || code === 'ENOAUTH') return signIn(responseCode, server, failure);
  if (code === 'ETLS' && failure.command === 'STARTTLS' && failure.response !== undefined) return noStartTls(server, thrown);
  if (code === 'ETLS') return unavailable(`The mail server ${server} offers no encryption that can be trusted: ${said(failure)}.`, thrown, 'Give it a valid certificate, or add its authority with NODE_EXTRA_CA_CERTS.');
  if (responseCode !== undefined) return answered(responseCode, server, failure);
  if (code === 'ECONFIG' || code === 'EENVELOPE') return refused(`The message can't be sent through ${server}: ${said(failure)}.`, 'Check from and to of the channel.');
  const effect = failure.command === CONNECTING && NEVER_CONNECTED.test(failure.message ?? '') ? 'none' : 'unknown';
  const reason = code === 'EABORT' ? 'it does not answer in time' : networkReason(thrown);
  return new KeyturnError('CHANNEL_UNAVAILABLE', `The mail server ${server} did not take the message: ${reason}.`, { cause: thrown, effect });
}

/** It may be a server that never had it, or somebody in between who takes it out: in the clear nothing is sent either way. */
function noStartTls(server: string, cause: unknown): KeyturnError {
  return unavailable(`The mail server ${server} offers no STARTTLS, and without TLS nothing is sent to it.`, cause, 'Let the server offer STARTTLS, set secure: true for a port that speaks TLS from the first byte (465), or requireTLS: false if the way there is safe.');
}

function signIn(responseCode: number | undefined, server: string, failure: SmtpFailure): KeyturnError {
  const message = `The mail server ${server} does not let us sign in: ${said(failure)}.`;
  if (responseCode !== undefined && responseCode < 500) return unavailable(message, failure);
  return refused(message, 'Check user and password of the channel.');
}

function answered(responseCode: number, server: string, failure: SmtpFailure): KeyturnError {
  const message = `The mail server ${server} refused the message: ${said(failure)}.`;
  if (responseCode >= 500) return refused(message, 'Check from and to of the channel, and whether the server relays for them.');
  return new KeyturnError('CHANNEL_UNAVAILABLE', message, { effect: 'none' });
}

function refused(message: string, todo: string): KeyturnError {
  return new KeyturnError('CHANNEL_REFUSED', message, { todo, effect: 'none' });
}

function unavailable(message: string, cause: unknown, todo?: string): KeyturnError {
  return new KeyturnError('CHANNEL_UNAVAILABLE', message, { cause, effect: 'none', ...(todo === undefined ? {} : { todo }) });
}

/** The server's own words, in one short line. */
function said(failure: SmtpFailure): string {
  const text = failure.response ?? failure.message ?? 'no reason given';
  return scrub(text).replaceAll(/\s+/g, ' ').replace(/\.$/, '').slice(0, 200);
}
