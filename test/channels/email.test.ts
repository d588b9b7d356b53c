import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEmailChannel } from '../../src/channels/email/index.ts';
import type { EmailChannelOptions } from '../../src/channels/email/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { ofIncident, outgoing, refusal, runChannelContract } from '../contracts/channel.ts';
import { parsed, startMailCatcher } from '../support/mail.ts';
import type { CaughtMail, MailCatcher, MailFault } from '../support/mail.ts';

const never = new AbortController().signal;

const FAULTS: Record<string, MailFault> = {
  refused: { kind: 'recipient', code: 550, text: 'No such user here' },
  busy: { kind: 'recipient', code: 451, text: 'Greylisted, come back later' },
  hang: { kind: 'hang' },
  'answer-lost': { kind: 'answer-lost' },
};

async function received(mail: CaughtMail) {
  const read = await parsed(mail);
  const html = typeof read.html === 'string' ? read.html : '';
  return { deliveryId: /^X-Keyturn-Delivery: (\S+)/m.exec(mail.raw)?.[1] ?? '', visible: `${read.subject}\n${read.text}`, markup: html };
}

const options = (mail: MailCatcher): EmailChannelOptions => ({ name: 'mail', host: mail.host, port: mail.port, from: 'Keyturn <keyturn@example.com>', to: ['ops@example.com'], timeoutMs: 4_000 });

runChannelContract('email', async () => {
  const mail = await startMailCatcher();
  return {
    channel: createEmailChannel(options(mail)),
    timeoutMs: 4_000,
    busyRetryAfterMs: null,
    received: () => Promise.all(mail.messages.map(received)),
    failNext: (fault) => mail.failNext(FAULTS[fault] ?? { kind: 'hang' }),
    close: () => mail.stop(),
  };
});

describe('email channel', () => {
  let mail: MailCatcher;
  beforeEach(async () => {
    mail = await startMailCatcher();
  });
  afterEach(() => mail.stop());
  const channel = (changes: Partial<EmailChannelOptions> = {}) => createEmailChannel({ ...options(mail), ...changes });

  it('is one thread for one rotation, quiet to auto-responders, and has a stable id', async () => {
    const first = outgoing();
    await channel().send(first, never);
    await channel().send({ ...first, attempt: 2 }, never);
    await channel().send(outgoing({ kind: 'key_revoked' }), never);
    const [a, again, b] = await Promise.all(mail.messages.map(parsed));
    expect(a?.messageId).toBe(`<${first.deliveryId}@example.com>`);
    expect(again?.messageId).toBe(a?.messageId);
    expect(b?.messageId).not.toBe(a?.messageId);
    expect(b?.references).toEqual(a?.references);
    expect(a?.references).toBe('<rotation.01JROTATION0000000000000000@example.com>');
    expect(a?.headers.get('auto-submitted')).toBe('auto-generated');
    expect(JSON.stringify(a?.headers.get('list'))).toContain('keyturn.example.com');
  });

  it('is one thread for one incident, under one subject', async () => {
    const first = ofIncident(null, 'firing', { title: 'Much too busy' });
    const receipt = await channel().send(first, never);
    await channel().send({ ...first, attempt: 2 }, never);
    await channel().send(ofIncident(receipt, 'resolved', { title: 'Quiet again' }), never);
    const [root, again, over] = await Promise.all(mail.messages.map(parsed));
    expect(root?.messageId).toBe('<incident.01JINCIDENT00000000000000000@example.com>');
    expect(again?.messageId).toBe(root?.messageId);
    expect([over?.inReplyTo, over?.references]).toEqual([root?.messageId, root?.messageId]);
    expect([root?.subject, over?.subject]).toEqual(['[keyturn] Much too busy', 'Re: [keyturn] Much too busy']);
    expect(over?.text).toMatch(/^Resolved: Quiet again/);
    expect(over?.headers.get('auto-submitted')).toBe('auto-generated');
  });

  it('that asks for a decision says so in its own subject, in the thread all the same', async () => {
    const receipt = await channel().send(ofIncident(null, 'firing', { title: 'Much too busy' }), never);
    await channel().send(ofIncident(receipt, 'firing', { title: 'Somebody must decide', ask: { response: 'r1', expiresAt: '2026-11-27T05:00:00Z' } }), never);
    const [root, asks] = await Promise.all(mail.messages.map(parsed));
    expect([asks?.subject, asks?.inReplyTo]).toEqual(['[keyturn] Somebody must decide', root?.messageId]);
  });

  it('is signed by DKIM when a key is configured, and not sent at all when that key can not sign', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
    const dkim = { domain: 'example.com', selector: 'keyturn', key: () => new Secret(privateKey) };
    await channel({ dkim }).send(outgoing(), never);
    expect(mail.messages[0]?.raw).toMatch(/^DKIM-Signature: [^]*d=example\.com;[^]*s=keyturn;/m);
    const error = await refusal(channel({ dkim: { ...dkim, key: () => new Secret('-----BEGIN NOTHING-----') } }).send(outgoing(), never));
    expect([error.code, error.effect]).toEqual(['CHANNEL_REFUSED', 'none']);
    expect(mail.messages).toHaveLength(1);
  });

  it('has a text and an HTML form, and loads nothing from anywhere', async () => {
    await channel().send(outgoing(), never);
    const [read] = await Promise.all(mail.messages.map(parsed));
    expect(read?.text).toContain('What to do:');
    expect(read?.html).toContain('<h1');
    expect(read?.html).not.toMatch(/src=|url\(|https?:/);
  });

  it('lets no value become a header or a recipient', async () => {
    await channel().send({ ...outgoing({ title: 'x\r\nBcc: thief@example.com\nX-Evil: 1', rotationId: 'r>\r\nX-Evil: 2' }), deliveryId: 'd\r\nX-Evil: 3' }, never);
    const [read] = await Promise.all(mail.messages.map(parsed));
    expect(read?.headers.has('x-evil')).toBe(false);
    expect(read?.headers.has('bcc')).toBe(false);
    expect(mail.messages[0]?.to).toEqual(['ops@example.com']);
    expect(mail.messages[0]?.subject).toBe('[keyturn] x Bcc: thief@example.com X-Evil: 1');
  });

  it.each(['ops@example.com\r\nBcc: x@example.com', 'a@example.com, b@example.com', 'nobody', 'A <a@b> <c@d>'])('refuses %j as an address', (address) => {
    expect(() => channel({ to: [address] })).toThrow(/address/);
  });

  it('writes the next attempt only to those whose server refused it for now', async () => {
    const both = channel({ to: ['a@example.com', 'b@example.com'] });
    const message = outgoing();
    mail.failNext({ kind: 'recipient', code: 451, text: 'Greylisted', only: 'b@example.com' });
    const error = await refusal(both.send(message, never));
    expect(error.code).toBe('CHANNEL_UNAVAILABLE');
    expect(error.message).toContain('b@example.com');
    await both.send({ ...message, attempt: 2 }, never);
    expect(mail.messages.map((caught) => caught.to)).toEqual([['a@example.com'], ['b@example.com']]);
  });

  it('keeps non-Latin subjects and shows them decoded', async () => {
    await channel().send(outgoing({ title: 'prod-größe: 鍵 was rotated, with a title long enough to be folded over several encoded words' }), never);
    expect(mail.messages[0]?.subject).toContain('prod-größe: 鍵 was rotated, with a title long enough to be folded over several encoded words');
  });

  it('says that a password is wrong, without it', async () => {
    const guarded = await startMailCatcher({ password: 'right-password-123' });
    const wrong = new Secret('wrong-password-456');
    const error = await refusal(createEmailChannel({ ...options(guarded), user: 'keyturn', password: () => wrong }).send(outgoing(), never));
    expect(error.code).toBe('CHANNEL_REFUSED');
    expect(error.todo).toContain('password');
    expect(`${error.sentence}${error.stack}`).not.toContain(wrong.reveal());
    await createEmailChannel({ ...options(guarded), user: 'keyturn', password: async () => new Secret('right-password-123') }).send(outgoing(), never);
    expect(guarded.messages).toHaveLength(1);
    await guarded.stop();
  });

  it('refuses to go on in the clear when it must not', async () => {
    const error = await refusal(channel({ requireTLS: true }).send(outgoing(), never));
    expect(error.code).toBe('CHANNEL_UNAVAILABLE');
    expect(error.sentence).toContain('STARTTLS');
    expect(mail.messages).toEqual([]);
  });

  it('tries again later when nothing listens, and knows that nothing was sent', async () => {
    const closed = await startMailCatcher();
    await closed.stop();
    const error = await refusal(createEmailChannel(options(closed)).send(outgoing(), never));
    expect([error.code, error.effect]).toEqual(['CHANNEL_UNAVAILABLE', 'none']);
    expect(error.message).toContain('nothing listens there');
  });

  it('does not wait for ever for a server that says nothing, neither in sending nor in probing', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => {
      mute.listen(0, '127.0.0.1', resolve);
    });
    const silent = channel({ port: (mute.address() as AddressInfo).port, timeoutMs: 300 });
    expect((await refusal(silent.send(outgoing(), never))).code).toBe('CHANNEL_UNAVAILABLE');
    expect((await refusal(silent.probe(never))).code).toBe('CHANNEL_UNAVAILABLE');
    mute.close();
  });
});
