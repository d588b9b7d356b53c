/** What every channel owes its callers. Anyone's channel can run it: `runChannelContract(name, makeHarness)`. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Notice } from '../../src/core/vocabulary.ts';
import type { Channel, IncidentNews, Outgoing } from '../../src/ports/channel.ts';

/** `refused`: for ever. `busy`: not now. `hang`: no answer. `answer-lost`: arrives, but the answer does not. */
export type ChannelFault = 'refused' | 'busy' | 'hang' | 'answer-lost';

export interface ReceivedMessage {
  readonly deliveryId: string;
  /** Everything that people see, decoded, without markup. */
  readonly visible: string;
  /** Every part in which markup would be taken as markup, as sent. */
  readonly markup: string;
}

export interface ChannelHarness {
  /** Its time-out must be short, at most `timeoutMs`. */
  readonly channel: Channel;
  readonly timeoutMs: number;
  /** Milliseconds that a busy sink asks to wait, or null where its protocol can't say. */
  readonly busyRetryAfterMs: number | null;
  received(): Promise<readonly ReceivedMessage[]>;
  /** Applies to the next send. */
  failNext(fault: ChannelFault): void;
  close(): Promise<void>;
}

const MARKUP = '<script>alert("x")</script> & <!channel> <@U012AB3CD> </td>';

export const sampleNotice: Notice = {
  kind: 'rotation_done',
  severity: 'info',
  credential: 'prod-api-server',
  issuer: 'hypermemory',
  rotationId: '01JROTATION0000000000000000',
  title: 'prod-api-server has a new key',
  happened: 'A new key was issued, checked and published.',
  means: 'Applications read the new key.',
  todo: ['Look with `keyturn status`.'],
  facts: { 'New key': 'hm_live_… (id key_2)' },
  dedupeKey: 'rotation_done:01J',
};

let counter = 0;
export function outgoing(changes: Partial<Notice> = {}, attempt = 1, deliveryId = `01JDELIVERY${String((counter += 1)).padStart(6, '0')}`): Outgoing {
  return { deliveryId, notice: { ...sampleNotice, ...changes }, createdAt: new Date(), attempt, incident: null };
}

/** A message of an incident: the first without a receipt. */
export function ofIncident(rootReceipt: string | null, status: IncidentNews['status'] = 'firing', changes: Partial<Notice> = {}, toldAs: IncidentNews['toldAs'] = []): Outgoing {
  return { ...outgoing(changes), incident: { id: '01JINCIDENT00000000000000000', status, rootReceipt, toldAs } };
}

export async function refusal(work: Promise<unknown>): Promise<KeyturnError> {
  const thrown: unknown = await work.then(
    () => new Error('it was expected to fail'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof KeyturnError)) throw thrown;
  return thrown;
}

const never = new AbortController().signal;

export function runChannelContract(name: string, makeHarness: () => Promise<ChannelHarness>): void {
  describe(`channel contract: ${name}`, () => {
    let harness: ChannelHarness;
    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(() => harness.close());

    const send = (message: Outgoing, signal = never): Promise<string> => harness.channel.send(message, signal);

    it('delivers a notice with its delivery id, and answers with the id that the sink gave it', async () => {
      const message = outgoing();
      const receipt = await send(message);
      const [received, ...more] = await harness.received();
      expect(receipt).not.toBe('');
      expect(more).toEqual([]);
      expect(received?.deliveryId).toBe(message.deliveryId);
      for (const said of [sampleNotice.title, sampleNotice.happened, sampleNotice.means, 'keyturn status', 'hm_live_… (id key_2)']) {
        expect(received?.visible).toContain(said);
      }
    });

    it('says that a message is refused for good, and what to do about it', async () => {
      harness.failNext('refused');
      const error = await refusal(send(outgoing()));
      expect(error.code).toBe('CHANNEL_REFUSED');
      expect(error.todo ?? '').not.toBe('');
      expect(error.effect).toBe('none');
      expect(await harness.received()).toEqual([]);
    });

    it('says that the sink is busy, and for how long where it knows', async () => {
      harness.failNext('busy');
      const error = await refusal(send(outgoing()));
      expect(error.code).toBe('CHANNEL_UNAVAILABLE');
      expect(error.retryAfterMs ?? null).toBe(harness.busyRetryAfterMs);
      expect(await harness.received()).toEqual([]);
    });

    it('makes exactly one attempt: a failure is not repeated inside the channel', async () => {
      harness.failNext('busy');
      await refusal(send(outgoing()));
      await send(outgoing());
      expect(await harness.received()).toHaveLength(1);
    });

    it('gives up on a sink that does not answer', async () => {
      harness.failNext('hang');
      const began = performance.now();
      const error = await refusal(send(outgoing()));
      expect(error.code).toBe('CHANNEL_UNAVAILABLE');
      expect(performance.now() - began).toBeLessThan(harness.timeoutMs + 3_000);
    });

    it('gives up at once when it is told to stop', async () => {
      harness.failNext('hang');
      const stop = new AbortController();
      const began = performance.now();
      const error = refusal(send(outgoing(), stop.signal));
      setTimeout(() => stop.abort(), 50);
      expect((await error).code).toBe('CHANNEL_UNAVAILABLE');
      expect(performance.now() - began).toBeLessThan(harness.timeoutMs / 2);
    });

    it('sends nothing when it was told to stop before', async () => {
      await refusal(send(outgoing(), AbortSignal.abort()));
      expect(await harness.received()).toEqual([]);
    });

    it('after an answer was lost, the next attempt is the same message: found again, or recognisable by its id', async () => {
      const first = outgoing();
      harness.failNext('answer-lost');
      const error = await refusal(send(first));
      expect(error.code).toBe('CHANNEL_UNAVAILABLE');
      expect(error.effect).toBe('unknown');
      await send({ ...first, attempt: 2 });
      const ids = (await harness.received()).map((message) => message.deliveryId);
      expect(ids).toEqual(harness.channel.capabilities.reconcile ? [first.deliveryId] : [first.deliveryId, first.deliveryId]);
    });

    it('does not take another delivery for the one that it looks for', async () => {
      await send(outgoing());
      await send(outgoing({}, 2));
      expect(new Set((await harness.received()).map((message) => message.deliveryId)).size).toBe(2);
    });

    it('shows markup in any value as text, and a registered secret in none', async () => {
      const canary = new Secret(`hm_live_canary${'9f'.repeat(12)}+/=&"`);
      const nasty = `${MARKUP} ${canary.reveal()} ${encodeURIComponent(canary.reveal())} ${Buffer.from(canary.reveal()).toString('base64')}`;
      await send(
        outgoing({ credential: nasty, issuer: nasty, rotationId: nasty, title: `T\r\nBcc: x@example.com ${nasty}`, happened: nasty, means: nasty, todo: [nasty], facts: { [nasty]: nasty }, severity: 'critical' }),
      );
      const [received] = await harness.received();
      expect(received?.visible).toContain('<script>alert("x")</script>');
      for (const raw of ['<script', '<!channel', '<@U012AB3CD', '</td> ']) expect(received?.markup).not.toContain(raw);
      for (const form of [canary.reveal(), encodeURIComponent(canary.reveal()), Buffer.from(canary.reveal()).toString('base64')]) {
        expect(`${received?.visible}${received?.markup}`).not.toContain(form);
      }
      expect(received?.visible).toContain('[secret]');
    });

    it('delivers a notice that is far too long, and says that it cut it', async () => {
      const long = 'A word & another <one>. '.repeat(4_000);
      await send(outgoing({ title: long, happened: long, means: long, todo: Array.from({ length: 40 }, () => long), facts: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`Fact ${i}`, long])) }));
      const [received] = await harness.received();
      expect(received?.visible).toMatch(/characters cut|left out|…/);
    });

    it('tells of an incident from its first message to its last, each with an id of its own', async () => {
      const first = ofIncident(null);
      const root = await send(first);
      const sent = [first, ofIncident(root, 'firing', { severity: 'critical' }), ofIncident(root, 'recovering'), ofIncident(root, 'silenced'), ofIncident(root, 'resolved')];
      for (const message of sent.slice(1)) expect(await send(message)).not.toBe('');
      const ids = new Set((await harness.received()).map((message) => message.deliveryId));
      for (const message of sent.slice(1)) expect(ids).toContain(message.deliveryId);
    });

    it('tells of an incident whose first message left a receipt that says nothing', async () => {
      const message = ofIncident('of an older version', 'resolved');
      await send(message);
      expect((await harness.received()).map((received) => received.deliveryId)).toEqual([message.deliveryId]);
    });

    it('a notice whose template fails goes out plainly', async () => {
      const broken = { ...outgoing(), notice: { ...sampleNotice, todo: null, facts: null } as unknown as Notice };
      await send(broken);
      const [received] = await harness.received();
      expect(received?.visible).toContain(sampleNotice.title);
      expect(received?.visible).toContain(sampleNotice.happened);
    });

    it('its probe answers without sending anything', async () => {
      await harness.channel.probe(never);
      expect(await harness.received()).toEqual([]);
    });
  });
}
