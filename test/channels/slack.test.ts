import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlackChannel } from '../../src/channels/slack/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { ofIncident, outgoing, refusal, runChannelContract } from '../contracts/channel.ts';
import type { ReceivedMessage } from '../contracts/channel.ts';
import { startSlackCatcher } from '../support/slack.ts';
import type { SlackCatcher, SlackFault } from '../support/slack.ts';

const token = new Secret('xoxb-test-token-0123456789');
const never = new AbortController().signal;

const FAULTS: Record<string, SlackFault> = {
  refused: { kind: 'error', error: 'not_in_channel' },
  busy: { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
  hang: { kind: 'hang' },
  'answer-lost': { kind: 'answer-lost' },
};

function unescaped(text: string): string {
  return text.replaceAll('\u200B', '').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&').replaceAll('`', '');
}

function received(slack: SlackCatcher): ReceivedMessage[] {
  return slack.messages.map((message) => {
    const markup = [message.text, ...texts(message.blocks)].join('\n');
    const { event_payload: payload } = message.metadata as { event_payload: { delivery_id?: string } };
    return { deliveryId: payload.delivery_id ?? 'updated', visible: unescaped(markup), markup };
  });
}

function texts(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === 'text' && typeof inner === 'string' ? [inner] : texts(inner)));
}

runChannelContract('slack', async () => {
  const slack = await startSlackCatcher({ token: token.reveal() });
  return {
    channel: createSlackChannel({ name: 'ops', token: () => token, channel: '#ops', slackApiUrl: slack.url, timeoutMs: 4_000 }),
    timeoutMs: 4_000,
    busyRetryAfterMs: 7_000,
    received: async () => received(slack),
    failNext: (fault) => slack.failNext(FAULTS[fault] ?? { kind: 'hang' }),
    close: () => slack.stop(),
  };
});

describe('slack channel', () => {
  let slack: SlackCatcher;
  beforeEach(async () => {
    slack = await startSlackCatcher({ token: token.reveal() });
  });
  afterEach(() => slack.stop());
  const channel = (changes: { channel?: string; mention?: string; token?: Secret } = {}) =>
    createSlackChannel({ name: 'ops', channel: '#ops', slackApiUrl: slack.url, timeoutMs: 4_000, ...changes, token: async () => changes.token ?? token });

  it('keeps within the limits of Block Kit however long and however full of marks the notice is', async () => {
    const long = '<&>"`*_'.repeat(3_000);
    await channel().send(outgoing({ title: long, happened: long, means: long, todo: Array.from({ length: 30 }, () => long), facts: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${long}${i}`, long])) }), never);
    const [message] = slack.messages;
    const blocks = (message?.blocks ?? []) as { type: string; text?: { text: string }; fields?: { text: string }[]; elements?: { text: string }[] }[];
    expect(blocks.length).toBeGreaterThan(4);
    expect(blocks.length).toBeLessThanOrEqual(50);
    for (const block of blocks) {
      expect(block.text?.text.length ?? 1).toBeLessThanOrEqual(block.type === 'header' ? 150 : 3_000);
      expect(block.text?.text.length ?? 1).toBeGreaterThan(0);
      expect(block.fields?.length ?? 0).toBeLessThanOrEqual(10);
      for (const field of block.fields ?? []) expect(field.text.length).toBeLessThanOrEqual(2_000);
      for (const element of block.elements ?? []) expect(element.text.length).toBeLessThanOrEqual(2_000);
    }
    expect(message?.text.length).toBeLessThanOrEqual(4_000);
    expect(JSON.stringify(blocks).length).toBeLessThanOrEqual(12_000);
    expect(JSON.stringify(blocks)).toContain('Shortened');
    expect(JSON.stringify(blocks)).not.toMatch(/&(?!amp;|lt;|gt;)/);
  });

  it('calls people for a critical notice only', async () => {
    const calling = channel({ mention: '@here' });
    await calling.send(outgoing({ severity: 'warning' }), never);
    await calling.send(outgoing({ severity: 'critical' }), never);
    expect(slack.messages.map((message) => message.text.includes('<!here>'))).toEqual([false, true]);
  });

  it('says what to do about a wrong token, and never shows it', async () => {
    const wrong = new Secret('xoxb-wrong-token-abcdefghij');
    const error = await refusal(channel({ token: wrong }).send(outgoing(), never));
    expect(error.code).toBe('CHANNEL_REFUSED');
    expect(error.sentence).toContain('invalid_auth');
    expect(error.todo).toContain('token');
    expect(JSON.stringify(error) + error.stack + String(error.cause)).not.toContain(wrong.reveal());
  });

  it.each(['channel_not_found', 'is_archived', 'missing_scope', 'token_revoked'])('knows that %s does not mend itself', async (code) => {
    slack.failNext({ kind: 'error', error: code });
    expect((await refusal(channel().send(outgoing(), never))).code).toBe('CHANNEL_REFUSED');
  });

  it.each([
    ['an error of Slack’s own', { kind: 'error', error: 'internal_error' }],
    ['an answer 503', { kind: 'status', status: 503 }],
    ['a page of HTML', { kind: 'status', status: 200, headers: { 'content-type': 'text/html' }, body: '<html>proxy</html>' }],
    ['a 429 that does not say how long', { kind: 'status', status: 429 }],
  ] as [string, SlackFault][])('tries again later after %s', async (_, fault) => {
    slack.failNext(fault);
    expect((await refusal(channel().send(outgoing(), never))).code).toBe('CHANNEL_UNAVAILABLE');
  });

  it('posts again, and says that it can not reconcile, when it may not read the history', async () => {
    const ops = channel();
    const first = outgoing();
    slack.failNext({ kind: 'answer-lost' });
    await refusal(ops.send(first, never));
    slack.failNext({ method: 'conversations.history', kind: 'error', error: 'missing_scope' });
    await ops.send({ ...first, attempt: 2 }, never);
    expect(received(slack).map((message) => message.deliveryId)).toEqual([first.deliveryId, first.deliveryId]);
    expect(ops.capabilities.reconcile).toBe(false);
  });

  it('does not post blind while the history can not be read for the moment', async () => {
    const ops = channel();
    const first = outgoing();
    slack.failNext({ kind: 'answer-lost' });
    await refusal(ops.send(first, never));
    slack.failNext({ method: 'conversations.history', kind: 'status', status: 429, headers: { 'retry-after': '3' } });
    expect((await refusal(ops.send({ ...first, attempt: 2 }, never))).retryAfterMs).toBe(3_000);
    expect(slack.messages).toHaveLength(1);
  });

  it('its probe tells a token that may not post, and an app that is no member', async () => {
    slack.failNext({ method: 'auth.test', kind: 'status', status: 200, headers: { 'content-type': 'application/json', 'x-oauth-scopes': 'channels:read' }, body: '{"ok":true}' });
    expect((await refusal(channel().probe(never))).todo).toContain('chat:write');
    slack.failNext({ method: 'conversations.info', kind: 'status', status: 200, headers: { 'content-type': 'application/json' }, body: '{"ok":true,"channel":{"is_member":false}}' });
    expect((await refusal(channel({ channel: 'C0123456789' }).probe(never))).todo).toContain('/invite');
  });

  const root = async (ops = channel()): Promise<string> => await ops.send(ofIncident(null), never);

  describe('of an incident', () => {
    it('is one message that is kept up to date, with its news as replies', async () => {
      const ops = channel({ mention: '@here' });
      const receipt = await root(ops);
      expect(receipt).toMatch(/^C\w+:\d+\.\d+$/);
      await ops.send(ofIncident(receipt, 'firing', { severity: 'critical', title: 'Worse' }), never);
      await ops.send(ofIncident(receipt, 'resolved', { title: 'Over', severity: 'critical' }), never);
      const [first, worse, over, ...more] = slack.messages;
      expect(more).toEqual([]);
      expect(first).toMatchObject({ threadTs: null, edits: 2, text: expect.stringContaining('✅ Over') });
      expect([worse?.threadTs, over?.threadTs]).toEqual([first?.ts, first?.ts]);
      // Who was called for a worse turn is not called for its end.
      expect([first, worse, over].map((message) => message?.text.includes('<!here>'))).toEqual([false, true, false]);
    });

    it.each(['message_not_found', 'cant_update_message', 'edit_window_closed'])('whose message can not be edited (%s) tells its news whole in the thread', async (error) => {
      const receipt = await root();
      slack.failNext({ method: 'chat.update', kind: 'error', error });
      await channel().send(ofIncident(receipt, 'resolved'), never);
      expect(slack.messages[1]?.threadTs).toBe(slack.messages[0]?.ts);
      expect(JSON.stringify(slack.messages[1]?.blocks)).toContain('New key');
    });

    it('whose message somebody deleted goes on alone', async () => {
      const receipt = await root();
      slack.remove(slack.messages[0]?.ts ?? '');
      const alone = await channel().send(ofIncident(receipt, 'resolved'), never);
      expect(slack.messages).toMatchObject([{ threadTs: null }]);
      expect(alone).toContain(slack.messages[0]?.ts);
    });

    it.each(['chat.update', 'chat.postMessage'])('after the answer to %s was lost, there is one reply all the same', async (method) => {
      const ops = channel();
      const receipt = await root(ops);
      const news = ofIncident(receipt, 'resolved');
      slack.failNext({ method, kind: 'answer-lost' });
      expect((await refusal(ops.send(news, never))).code).toBe('CHANNEL_UNAVAILABLE');
      await ops.send({ ...news, attempt: 2 }, never);
      expect(slack.messages).toHaveLength(2);
      expect(slack.messages[1]).toMatchObject({ threadTs: slack.messages[0]?.ts });
    });

    it('waits when Slack asks it to, and has posted nothing then', async () => {
      const receipt = await root();
      slack.failNext({ method: 'chat.update', kind: 'status', status: 429, headers: { 'retry-after': '5' } });
      expect(await refusal(channel().send(ofIncident(receipt), never))).toMatchObject({ retryAfterMs: 5_000, effect: 'none' });
      expect(slack.messages).toHaveLength(1);
    });
  });

  it('refuses a mention that is none', () => {
    expect(() => channel({ mention: 'everybody please' })).toThrow(/mention/);
  });
});
