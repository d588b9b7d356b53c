/**
 * Webhooks: POST of JSON, signed when there is a secret (src/net/signature.ts), with the delivery's id as `Idempotency-Key`,
 * so that a receiver that had it before answers without acting again. A redirect is an answer like any other: what was
 * signed for one address is not carried to another.
 */
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { endpoint, networkReason, shownUrl } from '../../net/endpoint.ts';
import { retryAfterMs } from '../../net/retry-after.ts';
import { signature } from '../../net/signature.ts';
import type { Channel, Outgoing } from '../../ports/channel.ts';
import { alertmanagerBody, isChange, keyturnBody, pagerDutyBody, type WebhookFormat } from './formats.ts';

type Read<T> = () => Promise<T> | T;

export interface WebhookChannelOptions {
  readonly name: string;
  /** PagerDuty's own by default, for its format. */
  readonly url?: string;
  readonly format?: WebhookFormat;
  /** Shared with the receiver, who verifies the signature by it; read anew for each message. */
  readonly secret?: Read<Secret>;
  /** PagerDuty's integration key, read anew for each message. */
  readonly routingKey?: Read<Secret>;
  /** More headers, such as `Authorization`; secrets by reference. */
  readonly headers?: Readonly<Record<string, string | Read<Secret>>>;
  /** Of one attempt, milliseconds; 10,000 by default. */
  readonly timeoutMs?: number;
  /** Least time between two messages over a while, milliseconds; 200 by default. */
  readonly paceMs?: number;
}

const PAGERDUTY = 'https://events.pagerduty.com/v2/enqueue';
const ENQUEUE = /\/v2\/enqueue$/;
const BURST = 10;
/** Answers that pass: too early, too many, and the request took too long to arrive. */
const NOT_NOW = new Set([408, 425, 429]);

export function createWebhookChannel(options: WebhookChannelOptions): Channel {
  const { name } = options;
  const format = options.format ?? 'keyturn';
  const url = endpoint(options.url ?? (format === 'pagerduty' ? PAGERDUTY : ''), `channel ${name}`);

  async function bodyOf(message: Outgoing): Promise<string> {
    switch (format) {
      case 'keyturn':
        return JSON.stringify(keyturnBody(message));
      case 'pagerduty':
        return JSON.stringify(pagerDutyBody(message, (await options.routingKey?.())?.reveal() ?? '', 'keyturn'));
      case 'alertmanager':
        return JSON.stringify(alertmanagerBody(message, new Date()));
    }
  }

  async function post(message: Outgoing, signal: AbortSignal): Promise<string> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? 10_000)]);
    const target = targetOf(url, format, message);
    const body = await bodyOf(message);
    const headers = await headersOf(options, message, body);
    const response = await answered(target, { method: 'POST', headers, body, redirect: 'manual', signal: bounded });
    const text = await response.text().catch(() => '');
    if (response.status < 200 || response.status > 299) throw refusal(response, target);
    return response.headers.get('x-request-id') ?? idIn(text) ?? message.deliveryId;
  }

  return {
    name,
    type: 'webhook',
    capabilities: { reconcile: false },
    limits: [{ key: `webhook.${url.host}.${name}`, everyMs: options.paceMs ?? 200, burst: BURST }],
    send: post,
    async probe(signal) {
      await Promise.all([options.secret?.(), options.routingKey?.()]);
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? 10_000)]);
      const response = await answered(url, { method: 'HEAD', redirect: 'manual', signal: bounded });
      await response.body?.cancel();
    },
  };
}

async function headersOf(options: WebhookChannelOptions, message: Outgoing, body: string): Promise<Record<string, string>> {
  const more: Record<string, string> = {};
  for (const [header, value] of Object.entries(options.headers ?? {})) more[header.toLowerCase()] = typeof value === 'string' ? value : (await value()).reveal();
  const secret = await options.secret?.();
  return {
    ...more,
    'content-type': 'application/json',
    'user-agent': 'keyturn',
    'idempotency-key': message.deliveryId,
    ...(secret === undefined ? {} : { 'x-keyturn-signature': signature(body, secret, Math.floor(Date.now() / 1_000)) }),
  };
}

/** PagerDuty takes changes at an address of their own beside that of alerts. */
function targetOf(url: URL, format: WebhookFormat, message: Outgoing): URL {
  if (format !== 'pagerduty' || !isChange(message) || !ENQUEUE.test(url.pathname)) return url;
  const target = new URL(url);
  target.pathname = url.pathname.replace(ENQUEUE, '/v2/change/enqueue');
  return target;
}

/** Throws CHANNEL_UNAVAILABLE when there is no answer: whether it arrived is not known then, but where nothing listens. */
async function answered(target: URL, init: RequestInit): Promise<Response> {
  try {
    init.signal?.throwIfAborted();
    return await fetch(target, init);
  } catch (error) {
    if (error instanceof KeyturnError) throw error;
    const reason = networkReason(error);
    throw new KeyturnError('CHANNEL_UNAVAILABLE', `${shownUrl(target)} gave no answer: ${reason}.`, { cause: error, effect: reason.startsWith('nothing listens') ? 'none' : 'unknown' });
  }
}

function refusal({ status, headers }: Response, target: URL): KeyturnError {
  const said = `${shownUrl(target)} answered ${status}`;
  if (status >= 500 || NOT_NOW.has(status)) {
    const asked = retryAfterMs(headers.get('retry-after'), Date.now());
    return new KeyturnError('CHANNEL_UNAVAILABLE', `${said}.`, { effect: status >= 500 ? 'unknown' : 'none', ...(asked === undefined ? {} : { retryAfterMs: asked }) });
  }
  if (status >= 300 && status <= 399) return new KeyturnError('CHANNEL_REFUSED', `${said}, a redirect, which is not followed.`, { todo: 'Put the address that takes the message into the configuration.', effect: 'none' });
  return new KeyturnError('CHANNEL_REFUSED', `${said}: it does not take the message.`, { todo: TODO[status] ?? 'Check url, format and secrets of the channel.', effect: 'none' });
}

const TODO: Readonly<Record<number, string>> = {
  400: 'Check that the format of the channel is the one that the receiver expects, and its routing key.',
  401: 'Check the secret, routing key or headers of the channel: the receiver does not accept them.',
  403: 'Check the secret, routing key or headers of the channel: the receiver does not accept them.',
  404: 'Check the url of the channel: nothing takes messages there.',
  413: 'Let the receiver take larger messages.',
};

/** The id that a receiver gives back in its answer, where it is one line of sense. */
function idIn(text: string): string | null {
  try {
    const { id, dedup_key: key } = JSON.parse(text) as { id?: unknown; dedup_key?: unknown };
    const found = id ?? key;
    return typeof found === 'string' && /^[\w.:-]{1,200}$/.test(found) ? found : null;
  } catch {
    return null;
  }
}
