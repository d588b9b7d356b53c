import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWebhookChannel, type WebhookChannelOptions } from '../../src/channels/webhook/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { ofIncident, outgoing, refusal, runChannelContract, type ChannelFault } from '../contracts/channel.ts';

const secret = new Secret('webhook-secret-0123456789');
const never = new AbortController().signal;

interface Caught {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Fault = 'hang' | 'answer-lost' | { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

async function startReceiver() {
  const caught: Caught[] = [];
  const faults: Fault[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (request.method === 'HEAD') return response.writeHead(405).end();
      const fault = faults.shift();
      if (fault === 'hang') return undefined;
      if (typeof fault === 'object') return response.writeHead(fault.status, fault.headers).end();
      caught.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
      return fault === 'answer-lost' ? response.destroy() : response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"success","dedup_key":"key-1"}');
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const stop = (): Promise<void> => new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, caught, fail: (fault: Fault) => void faults.push(fault), stop };
}

const FAULTS: Readonly<Record<ChannelFault, Fault>> = { refused: { status: 400 }, busy: { status: 429, headers: { 'retry-after': '7' } }, hang: 'hang', 'answer-lost': 'answer-lost' };

runChannelContract('webhook', async () => {
  const receiver = await startReceiver();
  return {
    channel: createWebhookChannel({ name: 'hook', url: `${receiver.url}/in`, secret: () => secret, timeoutMs: 4_000 }),
    timeoutMs: 4_000,
    busyRetryAfterMs: 7_000,
    // A receiver shows text as text: there is no markup to be taken for one.
    received: async () => receiver.caught.map(({ headers, body }) => ({ deliveryId: String(headers['idempotency-key']), visible: shown(JSON.parse(body)), markup: '' })),
    failNext: (fault) => receiver.fail(FAULTS[fault]),
    close: () => receiver.stop(),
  };
});

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value).map(([key, inner]) => `${key} ${shown(inner)}`).join('\n');
}

describe('webhook channel', () => {
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(() => receiver.stop());
  const channel = (changes: Partial<WebhookChannelOptions> = {}) => createWebhookChannel({ name: 'hook', url: `${receiver.url}/v2/enqueue`, secret: () => secret, timeoutMs: 4_000, ...changes });
  const bodies = (): readonly Record<string, unknown>[] => receiver.caught.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

  it('is signed over time and body, as docs/channels.md has receivers verify it', async () => {
    const message = outgoing();
    await channel().send(message, never);
    const { headers = {}, body = '' } = receiver.caught[0] ?? {};
    const [, t = '', v1 = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String((headers as Readonly<Record<string, unknown>>)['x-keyturn-signature'])) ?? [];
    expect(timingSafeEqual(createHmac('sha256', secret.reveal()).update(`${t}.${body}`).digest(), Buffer.from(v1, 'hex'))).toBe(true);
    expect(Math.abs(Date.now() / 1_000 - Number(t))).toBeLessThan(60);
    expect(JSON.parse(body)).toMatchObject({ version: 1, deliveryId: message.deliveryId, incident: null, severity: 'info' });
  });

  it.each([301, 302, 307, 308])('a redirect (%i) is an answer: it is not followed', async (status) => {
    receiver.fail({ status, headers: { location: `${receiver.url}/elsewhere` } });
    expect((await refusal(channel().send(outgoing(), never))).code).toBe('CHANNEL_REFUSED');
    expect(receiver.caught).toEqual([]);
  });

  it.each([[400, 'CHANNEL_REFUSED'], [401, 'CHANNEL_REFUSED'], [404, 'CHANNEL_REFUSED'], [408, 'CHANNEL_UNAVAILABLE'], [429, 'CHANNEL_UNAVAILABLE'], [500, 'CHANNEL_UNAVAILABLE'], [503, 'CHANNEL_UNAVAILABLE']] as const)('an answer %i is %s', async (status, code) => {
    receiver.fail({ status });
    expect((await refusal(channel().send(outgoing(), never))).code).toBe(code);
  });

  it('sends configured headers, but none of its own can be taken by them', async () => {
    await channel({ headers: { Authorization: () => new Secret('Bearer t0ken-0123456789'), 'Idempotency-Key': 'mine' } }).send(outgoing({}, 1, 'D1'), never);
    expect(receiver.caught[0]?.headers).toMatchObject({ authorization: 'Bearer t0ken-0123456789', 'idempotency-key': 'D1' });
  });

  it('speaks PagerDuty: one alert an incident, acknowledged while silenced, resolved at its end; news without a duty are changes', async () => {
    const duty = channel({ format: 'pagerduty', routingKey: () => new Secret('routing-key-0123456789abcdef') });
    const root = await duty.send(ofIncident(null, 'firing', { severity: 'critical' }), never);
    for (const status of ['recovering', 'silenced', 'resolved'] as const) await duty.send(ofIncident(root, status, { severity: 'critical' }), never);
    await duty.send(outgoing({ severity: 'info' }), never);
    const sent = bodies();
    expect(sent.map((body) => body['event_action'])).toEqual(['trigger', 'trigger', 'acknowledge', 'resolve', undefined]);
    expect(new Set(sent.slice(0, 4).map((body) => body['dedup_key']))).toEqual(new Set(['01JINCIDENT00000000000000000']));
    expect(sent[0]).toMatchObject({ routing_key: 'routing-key-0123456789abcdef', payload: { severity: 'critical', source: 'keyturn', summary: 'prod-api-server has a new key', component: 'prod-api-server', custom_details: { 'New key': 'hm_live_… (id key_2)' } } });
    expect(receiver.caught.map(({ path }) => path)).toEqual([...Array.from({ length: 4 }, () => '/v2/enqueue'), '/v2/change/enqueue']);
  });

  it('speaks Alertmanager: fires until told otherwise, ends what fired under another severity, and resolves nothing else', async () => {
    const manager = channel({ format: 'alertmanager' });
    const root = await manager.send(ofIncident(null, 'firing', { severity: 'warning' }), never);
    await manager.send(ofIncident(root, 'firing', { severity: 'critical' }, ['warning']), never);
    await manager.send(ofIncident(root, 'resolved', { severity: 'info' }, ['critical', 'warning']), never);
    const ends = receiver.caught.map(({ body }) => (JSON.parse(body) as { labels: Record<string, string>; endsAt: string; startsAt: string }[]).map(({ labels, endsAt, startsAt }) => [labels['severity'], startsAt <= endsAt, Date.parse(endsAt) > Date.now() + 60_000]));
    expect(ends).toEqual([[['warning', true, true]], [['critical', true, true], ['warning', true, false]], [['critical', true, false], ['warning', true, false]]]);
    const [first] = JSON.parse(receiver.caught[0]?.body ?? '[]') as { labels: object }[];
    expect(first).toMatchObject({ labels: { alertname: 'Keyturn_rotation_done', incident: '01JINCIDENT00000000000000000', credential: 'prod-api-server' } });
  });
});
