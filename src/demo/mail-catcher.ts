import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server';

export interface CaughtMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Decoded (RFC 2047). */
  readonly subject: string;
  readonly messageId: string;
  /** As received, headers and all. */
  readonly raw: string;
}

/**
 * What goes wrong next. `recipient`, `data`: answered with `code` (for one address, when `only` names it).
 * `hang`: no answer, the message is not kept. `answer-lost`: kept, then the connection is cut before the answer.
 */
export type MailFault =
  | { readonly kind: 'recipient'; readonly code: number; readonly text: string; readonly only?: string }
  | { readonly kind: 'data'; readonly code: number; readonly text: string }
  | { readonly kind: 'hang' }
  | { readonly kind: 'answer-lost' };

export interface MailCatcher {
  readonly host: string;
  readonly port: number;
  readonly messages: readonly CaughtMail[];
  /** The next message meets this fault (one after the other when called repeatedly). */
  failNext(fault: MailFault): void;
  stop(): Promise<void>;
}

/** Any sign-in is accepted unless `password` is given. Port 0 (the default) takes a free one. */
export async function startMailCatcher(options: { readonly port?: number; readonly password?: string } = {}): Promise<MailCatcher> {
  const messages: CaughtMail[] = [];
  const faults: MailFault[] = [];
  const server = new SMTPServer({
    authOptional: options.password === undefined,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    closeTimeout: 200,
    disableReverseLookup: true,
    logger: false,
    onAuth: (auth, _session, done) => {
      if (options.password === undefined || auth.password === options.password) done(null, { user: auth.username ?? '' });
      else done(failure(535, 'Authentication failed'));
    },
    onRcptTo: (address, _session, done) => {
      const fault = faults[0];
      if (fault?.kind !== 'recipient' || (fault.only !== undefined && fault.only !== address.address)) return done();
      faults.shift();
      return done(failure(fault.code, fault.text));
    },
    onData: (stream, session, done) => {
      void receive(stream, session, messages, faults).then(() => done(), done);
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    host: '127.0.0.1',
    port: (server.server.address() as AddressInfo).port,
    messages,
    failNext: (fault) => void faults.push(fault),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };

  async function receive(stream: SMTPServerDataStream, session: SMTPServerSession, into: CaughtMail[], queue: MailFault[]): Promise<void> {
    const raw = await text(stream);
    const fault = queue[0]?.kind === 'recipient' ? undefined : queue.shift();
    if (fault?.kind === 'data') throw failure(fault.code, fault.text);
    if (fault?.kind === 'hang') await wait(120_000, undefined, { ref: false });
    into.push(caught(raw, session));
    if (fault?.kind === 'answer-lost') {
      for (const connection of server.connections) connection.close();
      await wait(120_000, undefined, { ref: false });
    }
  }
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function caught(raw: string, session: SMTPServerSession): CaughtMail {
  const from = session.envelope.mailFrom;
  return {
    from: from === false ? '' : from.address,
    to: session.envelope.rcptTo.map((address) => address.address),
    subject: decodeWords(header(raw, 'Subject')),
    messageId: header(raw, 'Message-ID'),
    raw,
  };
}

function header(raw: string, name: string): string {
  const head = raw.split(/\r?\n\r?\n/, 1)[0]?.replaceAll(/\r?\n[ \t]+/g, ' ') ?? '';
  const line = head.split(/\r?\n/).find((candidate) => candidate.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim() ?? '';
}

/** Encoded words of RFC 2047 in UTF-8; white space between two of them is no part of the text. */
function decodeWords(text: string): string {
  return text
    .replaceAll(/(\?=)\s+(=\?)/g, '$1$2')
    .replaceAll(/=\?[^?]+\?([BQ])\?([^?]*)\?=/gi, (_, how: string, data: string) =>
      (how.toUpperCase() === 'B' ? Buffer.from(data, 'base64') : quotedBytes(data)).toString('utf8'),
    );
}

function quotedBytes(data: string): Buffer {
  const bytes = data.replaceAll('_', ' ').replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

function failure(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
