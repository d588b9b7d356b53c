/** Incidents told by mail to a real server, over a way that loses things, by workers that are killed at random: judged by the mails that it keeps. */
import type { ParsedMail } from 'mailparser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEmailChannel } from '../../src/channels/email/index.ts';
import { outgoing, refusal } from '../contracts/channel.ts';
import { startCrew, type Crew } from '../delivery/crew.ts';
import { writeBacklog, type Told } from '../delivery/backlog.ts';
import { mailServerAtHand, received, startMailServer, type MailServer } from '../delivery/exim.ts';
import { faultyWay, WAY_FAULTS, type FaultyWay } from '../delivery/smtp-proxy.ts';
import { diceOf } from '../kills/random.ts';
import { openOn, RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { BRISK, until } from './support.ts';

const SEED = Number(process.env['KEYTURN_SEED'] ?? 20_260_402);
const INCIDENTS = 8;
const KILLS = 3;
const ADDRESSES = { from: 'Keyturn <keyturn@example.com>', to: ['ops@example.com', 'security@example.com'] };
const never = new AbortController().signal;
const header = (mail: ParsedMail, name: string): string => { const value = mail.headers.get(name); return typeof value === 'string' ? value : ''; };

describe.runIf(mailServerAtHand()).each(RUNTIMES)('mail under fault on $name', (runtime) => {
  let running: RunningRuntime;
  let server: MailServer;
  let way: FaultyWay;
  let crew: Crew;
  let told: readonly Told[];
  let mails: readonly ParsedMail[];
  const of = (incident: string): readonly ParsedMail[] => mails.filter((mail) => header(mail, 'x-keyturn-incident') === incident);

  beforeAll(async () => {
    running = await runtime.start();
    const { alerts, close } = await openOn(running);
    told = await writeBacklog(alerts, ['mail'], INCIDENTS);
    await close();
    server = await startMailServer();
    way = await faultyWay(server.port);
    const mail = { type: 'email', host: 'localhost', port: way.port, requireTLS: true, timeout: '5s', ...ADDRESSES };
    crew = await startCrew(running, { channels: { mail }, worker: { intervals: BRISK } }, { NODE_EXTRA_CA_CERTS: server.certificate });
    server.defer(true);
    await crew.killOften(1, 1_000, 4_000, diceOf(SEED));
    server.defer(false);
    await crew.killOften(KILLS - 1, 1_000, 6_000, diceOf(SEED));
    await until(() => WAY_FAULTS.every((fault) => way.struck[fault] > 0), 120_000, 'every fault to strike');
    way.calm();
    await crew.emptied(300_000);
    await until(async () => new Set((await server.mails()).map((one) => header(one, 'x-keyturn-delivery'))).size >= told.flatMap(({ marks }) => marks).length, 60_000, 'the server to deliver');
    mails = await server.mails();
  }, 900_000);
  afterAll(async () => {
    await crew?.close();
    await way?.stop();
    await server?.stop();
    await running?.stop();
  });

  test('every message arrives at least once, for everybody; what comes twice has the same Message-ID, and no two messages share one', () => {
    const byDelivery = Map.groupBy(mails, (mail) => header(mail, 'x-keyturn-delivery'));
    expect(byDelivery.size).toBe(told.flatMap(({ marks }) => marks).length);
    const ids = [...byDelivery.values()].map((copies) => [...new Set(copies.map((mail) => mail.messageId))]);
    expect(ids.filter((each) => each.length !== 1)).toEqual([]);
    expect(new Set(ids.flat()).size).toBe(byDelivery.size);
    for (const mail of mails) expect(header(mail, 'envelope-to').split(', ').toSorted()).toEqual([...ADDRESSES.to]);
  });

  test('an incident is one thread, in order, under one subject', () => {
    for (const { incident, marks } of told) {
      const [root, ...later] = [...new Map(of(incident).map((mail) => [mail.messageId, mail])).values()];
      expect([root, ...later].map((mail) => marks.find((mark) => mail?.text?.includes(mark)))).toEqual(marks);
      for (const mail of later) expect([mail.inReplyTo, mail.references, mail.subject]).toEqual([root?.messageId, root?.messageId, `Re: ${root?.subject}`]);
    }
  });

  test('every mail came over TLS', () => {
    expect(mails.filter((mail) => !/ with esmtps /.test(received(mail)))).toEqual([]);
  });
});

const at = (port: number, more: { host?: string; requireTLS?: boolean } = {}) => createEmailChannel({ name: 'mail', host: '127.0.0.1', port, timeoutMs: 8_000, ...ADDRESSES, ...more });

describe.runIf(mailServerAtHand())('a real mail server', () => {
  let server: MailServer;
  const open: (() => Promise<void>)[] = [];
  const started = async (options: { tls: boolean }): Promise<MailServer> => {
    const made = await startMailServer(options);
    open.push(() => made.stop());
    server = made;
    return made;
  };
  afterAll(async () => {
    for (const stop of open) await stop();
  });

  test('that offers no STARTTLS gets nothing, but on loopback', async () => {
    const { port } = await started({ tls: false });
    // The same server, by an address that is not known for loopback.
    const error = await refusal(at(port, { host: '0.0.0.0' }).send(outgoing(), never));
    expect(error).toMatchObject({ code: 'CHANNEL_UNAVAILABLE', effect: 'none', sentence: expect.stringContaining('offers no STARTTLS') });
    await at(port).send(outgoing({ title: 'Over loopback' }), never);
    await until(async () => (await server.mails()).length > 0, 20_000, 'a mail');
    expect((await server.mails()).map((mail) => mail.subject)).toEqual(['[keyturn] Over loopback']);
  });

  test('whose certificate nobody vouches for gets nothing, and its refusals say who refused', async () => {
    const { port } = await started({ tls: true });
    expect(await refusal(at(port, { requireTLS: true }).send(outgoing(), never))).toMatchObject({ code: 'CHANNEL_UNAVAILABLE', sentence: expect.stringMatching(/self-signed|certificate/) });
    expect(await server.mails()).toEqual([]);
    const elsewhere = createEmailChannel({ name: 'mail', host: '127.0.0.1', port, ...ADDRESSES, to: ['somebody@elsewhere.example'] });
    expect(await refusal(elsewhere.send(outgoing(), never))).toMatchObject({ code: 'CHANNEL_REFUSED', sentence: expect.stringContaining('relay not permitted') });
    server.defer(true);
    expect(await refusal(at(port).send(outgoing(), never))).toMatchObject({ code: 'CHANNEL_UNAVAILABLE', effect: 'none', sentence: expect.stringContaining('try again later') });
    await at(port).probe(never);
  });
});
