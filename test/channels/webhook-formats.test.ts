/** Bodies for other people's services, held against what those document. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { alertmanagerBody, keyturnBody, pagerDutyBody } from '../../src/channels/webhook/formats.ts';
import type { IncidentNews, Outgoing } from '../../src/ports/channel.ts';
import { ofIncident, outgoing } from '../contracts/channel.ts';

const KEY = 'routing-key-0123456789abcdef0123';
const instant = z.iso.datetime();

/** https://developer.pagerduty.com/docs/send-alert-event */
const alertEvent = z.strictObject({
  routing_key: z.string().length(32),
  event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
  dedup_key: z.string().min(1).max(255),
  client: z.string().optional(),
  payload: z.strictObject({
    summary: z.string().min(1).max(1_024), source: z.string().min(1), severity: z.enum(['critical', 'error', 'warning', 'info']), timestamp: instant,
    component: z.string().optional(), group: z.string().optional(), class: z.string().optional(), custom_details: z.record(z.string(), z.unknown()),
  }),
});

/** https://developer.pagerduty.com/docs/send-change-event */
const changeEvent = z.strictObject({
  routing_key: z.string().length(32),
  payload: z.strictObject({ summary: z.string().min(1).max(1_024), source: z.string().min(1), timestamp: instant, custom_details: z.record(z.string(), z.unknown()) }),
});

/** `postableAlerts` of https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, and Prometheus's label names. */
const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/);
const postableAlerts = z.array(z.strictObject({
  labels: z.record(labelName, z.string().min(1)).refine((labels) => 'alertname' in labels),
  annotations: z.record(labelName, z.string()),
  startsAt: instant,
  endsAt: instant,
}).refine(({ startsAt, endsAt }) => startsAt <= endsAt, 'ends before it starts')).min(1);

/** PagerDuty takes half a megabyte, Alertmanager's default is more. */
const MOST_BYTES = 512 * 1_024;
const LONG = 'Ein Satz – mit "allem" <&> 😀 '.repeat(8_000);
const STATUSES: readonly IncidentNews['status'][] = ['firing', 'recovering', 'silenced', 'resolved', 'expired'];
const MESSAGES: readonly (readonly [what: string, message: Outgoing])[] = [
  ['news for information', outgoing({ severity: 'info' })],
  ['a critical message by itself', outgoing({ severity: 'critical', credential: null, issuer: null })],
  ...STATUSES.map((status) => [`an incident ${status}`, ofIncident(status === 'firing' ? null : 'r', status, { severity: 'critical' }, status === 'firing' ? [] : ['warning', 'critical'])] as const),
  ['one that is far too long', ofIncident(null, 'firing', { severity: 'warning', title: LONG, happened: LONG, means: LONG, dedupeKey: LONG, todo: Array.from({ length: 90 }, () => LONG), facts: Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`Fact ${n}`, LONG])) })],
  ['one without a title', outgoing({ title: '', severity: 'warning' })],
];

describe.each(MESSAGES)('%s', (_what, message) => {
  it('is an event that PagerDuty documents', () => {
    const body: unknown = JSON.parse(JSON.stringify(pagerDutyBody(message, KEY, 'keyturn')));
    const schema = message.incident === null && message.notice.severity === 'info' ? changeEvent : alertEvent;
    expect(schema.safeParse(body).error).toBeUndefined();
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(MOST_BYTES);
  });

  it('is what Alertmanager documents', () => {
    const body: unknown = JSON.parse(JSON.stringify(alertmanagerBody(message, new Date(message.createdAt.getTime() + 1_000))));
    expect(postableAlerts.safeParse(body).error).toBeUndefined();
  });
});

const endOf = (toldAs: IncidentNews['toldAs']): readonly unknown[] => alertmanagerBody(ofIncident('r', 'resolved', { severity: 'info' }, toldAs), new Date()).map((alert) => (alert['labels'] as { severity: string }).severity);

it('Alertmanager is told an end of what fired, under each severity that it fired under, and of nothing else', () => {
  expect(endOf(['warning'])).toEqual(['warning']);
  expect(endOf(['critical', 'warning'])).toEqual(['critical', 'warning']);
  expect(endOf([]), 'what nobody was told of ends as it is').toEqual(['info']);
});

const labelsOf = (changes: Parameters<typeof ofIncident>[2], toldAs: IncidentNews['toldAs'] = []) => alertmanagerBody(ofIncident('r', 'firing', changes, toldAs), new Date()).map((alert) => (alert['labels'] as { severity: string; alertname: string }));

it('what is said of a response is news of the alert that it answers, not another alert, and no milder one', () => {
  const [alert] = labelsOf({ kind: 'alert', severity: 'critical' });
  for (const severity of ['critical', 'warning', 'info'] as const) expect(labelsOf({ kind: 'response', severity }, ['critical'])).toEqual([alert]);
  expect(pagerDutyBody(ofIncident('r', 'firing', { kind: 'response', severity: 'info' }), KEY, 'keyturn')).toMatchObject({ event_action: 'trigger', dedup_key: '01JINCIDENT00000000000000000', payload: { severity: 'critical' } });
  // Machines get no link: what decides is for people.
  const asking = { kind: 'response', ask: { response: 'r', expiresAt: '2026-03-02T13:00:00Z', url: 'https://keyturn.example.com/approve/token' } } as const;
  for (const body of [keyturnBody(ofIncident('r', 'firing', asking)), alertmanagerBody(ofIncident('r', 'firing', asking), new Date()), pagerDutyBody(ofIncident('r', 'firing', asking), KEY, 'keyturn')]) expect(JSON.stringify(body)).not.toContain('approve/token');
});
