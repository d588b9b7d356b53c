/**
 * Mail by SMTP (RFC 5321). One connection a message: notices are rare, and a pool would hide how a message fared.
 *
 * The answer lost: the message may be in the server's queue. The next attempt carries the same Message-ID, by which
 * many servers and readers drop the second; the port calls that at least once. When a server takes the message for
 * some recipients only, the next attempt (of this process) goes to the others.
 */
import type { Transporter } from 'nodemailer';
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { isLoopback } from '../../net/endpoint.ts';
import type { Channel, Outgoing } from '../../ports/channel.ts';
import { dkimOptions, type DkimConfig } from './dkim.ts';
import { mailError } from './errors.ts';
import { mailOf } from './message.ts';
import { receiptOf } from './receipt.ts';

export interface EmailChannelOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (port 465); false by default: STARTTLS. */
  readonly secure?: boolean;
  /** Refuse to go on without TLS. True by default, but for loopback addresses. */
  readonly requireTLS?: boolean;
  readonly user?: string;
  /** Read anew for each message. */
  readonly password?: () => Promise<Secret> | Secret;
  readonly from: string;
  readonly to: readonly string[];
  readonly subjectPrefix?: string;
  /** Of one whole attempt, milliseconds; 20,000 by default. */
  readonly timeoutMs?: number;
  /** Least time between two messages over a while, milliseconds; 500 by default. */
  readonly paceMs?: number;
  readonly dkim?: DkimConfig;
}

const STEP_TIMEOUT_MS = 10_000;
const MAX_REMEMBERED = 500;
const PACE_MS = 500;
/** After a rest so many go at once: a server counts messages by the minute or hour. */
const BURST = 10;

export function createEmailChannel(options: EmailChannelOptions): Channel {
  for (const address of [options.from, ...options.to]) requireAddress(address, options.name);
  const server = `${options.host}:${options.port}`;
  /** Who has a message already, by delivery id: only while some recipients of it are still open. */
  const taken = new Map<string, ReadonlySet<string>>();

  async function attempt<T>(signal: AbortSignal, act: (transport: Transporter, bounded: AbortSignal) => Promise<T>): Promise<T> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutOf(options))]);
    try {
      bounded.throwIfAborted();
      const transport = await connect(options);
      return await act(transport, bounded);
    } catch (error) {
      throw mailError(error, server);
    }
  }

  async function deliver(transport: Transporter, message: Outgoing, signal: AbortSignal): Promise<string> {
    const had = taken.get(message.deliveryId) ?? new Set<string>();
    const to = options.to.filter((address) => !had.has(bare(address)));
    const mail = mailOf(message, { from: options.from, subjectPrefix: options.subjectPrefix ?? '[keyturn]' });
    const info = await transport.sendMail({ ...mail, to: [...to], signal });
    const failures = info.rejectedErrors ?? [];
    if (failures.length > 0) {
      remember(taken, message.deliveryId, new Set([...had, ...(info.accepted ?? []).map(bare)]));
      throw partlyRefused(failures, (info.rejected ?? []).map(bare), server);
    }
    taken.delete(message.deliveryId);
    return receiptOf({ messageId: info.messageId, subject: typeof mail.subject === 'string' ? mail.subject.replace(/^Re: /, '') : '' });
  }

  return {
    name: options.name,
    type: 'email',
    limits: [{ key: `smtp.${server}.${bare(options.from)}`, everyMs: options.paceMs ?? PACE_MS, burst: BURST }],
    capabilities: { reconcile: false },
    send: (message, signal) => attempt(signal, (transport, bounded) => deliver(transport, message, bounded)),
    probe: (signal) => attempt(signal, (transport, bounded) => bounds(transport.verify(), bounded)),
  };
}

async function connect(options: EmailChannelOptions) {
  const [{ createTransport }, password, dkim] = await Promise.all([
    import('nodemailer'), options.password?.(), options.dkim === undefined ? undefined : dkimOptions(options.dkim, options.name),
  ]);
  const requireTLS = options.requireTLS ?? !isLoopback(options.host);
  const step = Math.min(STEP_TIMEOUT_MS, timeoutOf(options));
  return createTransport({
    host: options.host,
    port: options.port,
    secure: options.secure ?? false,
    requireTLS: requireTLS && options.secure !== true,
    ignoreTLS: !requireTLS && isLoopback(options.host),
    connectionTimeout: step,
    greetingTimeout: step,
    dnsTimeout: step,
    socketTimeout: timeoutOf(options),
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(dkim === undefined ? {} : { dkim }),
    ...(options.user === undefined ? {} : { auth: { user: options.user, pass: password?.reveal() ?? '' }, forceAuth: true }),
  });
}

/** nodemailer's verify knows no signal; its own time-outs end the connection that is left behind. */
async function bounds(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await Promise.race([
    work,
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    }),
  ]);
}

function partlyRefused(failures: readonly Error[], who: readonly string[], server: string): KeyturnError {
  const first = mailError(failures[0], server);
  const transient = failures.map((failure) => mailError(failure, server)).find((error) => error.code === 'CHANNEL_UNAVAILABLE');
  const { code, todo } = transient ?? first;
  return new KeyturnError(code, `The message was taken for some recipients but not for ${who.join(', ')}. ${(transient ?? first).message}`, {
    effect: 'none',
    ...(todo === undefined ? {} : { todo }),
  });
}

function remember(taken: Map<string, ReadonlySet<string>>, deliveryId: string, who: ReadonlySet<string>): void {
  taken.set(deliveryId, who);
  const oldest = taken.keys().next().value;
  if (taken.size > MAX_REMEMBERED && oldest !== undefined) taken.delete(oldest);
}

function bare(address: string): string {
  return (/<([^<>]+)>\s*$/.exec(address)?.[1] ?? address).trim().toLowerCase();
}

/** One address each, `Name <a@b>` or `a@b`, without anything that could end a header or a command. */
function requireAddress(address: string, name: string): void {
  if (/^[^\p{Cc},;<>]*<?[^\s\p{Cc}<>@,;]+@[^\s\p{Cc}<>@,;]+>?$/u.test(address)) return;
  throw new KeyturnError('CONFIG_INVALID', `Channel ${name} has an address that is none: ${JSON.stringify(address)}.`, {
    todo: 'Give it as name@example.com or Name <name@example.com>.',
    effect: 'none',
  });
}

function timeoutOf(options: EmailChannelOptions): number {
  return options.timeoutMs ?? 20_000;
}
