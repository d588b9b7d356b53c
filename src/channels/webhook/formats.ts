/** A message in the words of whoever is asked to take it. Pure. */
import { bounded, cleaned, lookOf } from '../../alerts/templates/index.ts';
import type { Notice } from '../../core/vocabulary.ts';
import type { Outgoing } from '../../ports/channel.ts';

export const FORMATS = ['keyturn', 'pagerduty', 'alertmanager'] as const;
export type WebhookFormat = (typeof FORMATS)[number];

/** The body's version: fields are added under it, and never change their meaning. */
const VERSION = 1;

/** Keyturn's own form: everything that a person would be shown, as data. docs/channels.md lists it. */
export function keyturnBody({ deliveryId, notice, createdAt, incident }: Outgoing): Readonly<Record<string, unknown>> {
  const { kind, severity, credential, issuer, rotationId, title, happened, means, todo, facts, dedupeKey } = safely(notice);
  return {
    version: VERSION,
    deliveryId,
    at: createdAt.toISOString(),
    incident: incident === null ? null : { id: incident.id, status: incident.status },
    kind, severity, credential, issuer, rotationId, title, happened, means, todo, facts, dedupeKey,
  };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A notice that can't be cleaned (a newer version's, or a damaged one) goes out with what can be read of it. */
export function safely(notice: Notice): Notice {
  try {
    return bounded(cleaned(notice));
  } catch {
    const plain = { title: text(notice.title), happened: text(notice.happened), means: '', todo: [], facts: {}, dedupeKey: text(notice.dedupeKey) };
    return bounded(cleaned({ kind: notice.kind, severity: notice.severity, credential: null, issuer: null, rotationId: null, ...plain }));
  }
}

/** What is said of a response belongs to the critical alert that it answers: machines must take it neither for another alert nor for a milder one. */
function ofItsAlert({ notice, incident }: Outgoing): Notice {
  const shown = safely(notice);
  return incident !== null && shown.kind === 'response' ? { ...shown, kind: 'alert', severity: 'critical' } : shown;
}

const MAX_SUMMARY = 1_024;
const MAX_DEDUP_KEY = 255;

export type PagerDutyAction = 'trigger' | 'acknowledge' | 'resolve';

/** Silenced: somebody knows. Recovering: still open, the next news closes it. */
export function pagerDutyAction({ incident }: Outgoing): PagerDutyAction {
  switch (incident?.status) {
    case 'resolved':
    case 'expired':
      return 'resolve';
    case 'silenced':
      return 'acknowledge';
    case 'firing':
    case 'recovering':
    case undefined:
      return 'trigger';
  }
}

/** News that nobody has to act upon and that belong to no incident: what PagerDuty calls a change, which pages nobody. */
export function isChange({ notice, incident }: Outgoing): boolean {
  return incident === null && notice.severity === 'info';
}

/** https://developer.pagerduty.com/docs/events-api-v2: an alert, or a change event. */
export function pagerDutyBody(message: Outgoing, routingKey: string, source: string): Readonly<Record<string, unknown>> {
  const notice = ofItsAlert(message);
  const summary = clipped(notice.title || notice.kind, MAX_SUMMARY);
  const timestamp = message.createdAt.toISOString();
  if (isChange(message)) return { routing_key: routingKey, payload: { summary, timestamp, source, custom_details: details(notice) } };
  const dedupKey = message.incident?.id ?? notice.dedupeKey;
  const action = pagerDutyAction(message);
  return {
    routing_key: routingKey,
    event_action: action,
    dedup_key: clipped(dedupKey, MAX_DEDUP_KEY),
    client: 'Keyturn',
    payload: {
      summary, timestamp, source,
      severity: notice.severity,
      component: notice.credential ?? undefined,
      group: notice.issuer ?? undefined,
      class: notice.kind,
      custom_details: details(notice),
    },
  };
}

function details(notice: Notice): Readonly<Record<string, unknown>> {
  return { happened: notice.happened, means: notice.means, todo: notice.todo, ...notice.facts };
}

/** Over its limit the end is told by an ellipsis; never through a surrogate pair. */
function clipped(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Alertmanager holds an alert for over after its `resolve_timeout` (5 minutes) unless it is told an end: Keyturn says when it is over. */
const FIRING_FOR_MS = 7 * 86_400_000;
const STANDALONE_FOR_MS = 3_600_000;

/**
 * https://prometheus.io/docs/alerting/latest/alerts_api/: labels are what an alert is, so one whose severity changed is
 * another one, and those that it was before have to end.
 */
export function alertmanagerBody(message: Outgoing, now: Date): readonly Readonly<Record<string, unknown>>[] {
  const { incident, createdAt } = message;
  const notice = ofItsAlert(message);
  const over = incident !== null && (incident.status === 'resolved' || incident.status === 'expired');
  const lasts = incident === null ? STANDALONE_FOR_MS : FIRING_FOR_MS;
  const alert = (severity: string, endsAt: Date) => ({ labels: labelsOf(notice, severity, incident?.id ?? null), annotations: annotationsOf(notice, incident?.status), startsAt: createdAt.toISOString(), endsAt: endsAt.toISOString() });
  const before = incident?.toldAs ?? [];
  const past = before.filter((severity) => over || severity !== notice.severity).map((severity) => alert(severity, now));
  // An end is for information, however bad it was: under that severity nothing fires.
  const present = over && past.length > 0 ? [] : [alert(notice.severity, over ? now : new Date(now.getTime() + lasts))];
  return [...present, ...past].map(startsBeforeItEnds);
}

function startsBeforeItEnds<T extends { readonly startsAt: string; readonly endsAt: string }>(alert: T): T {
  return alert.startsAt <= alert.endsAt ? alert : { ...alert, startsAt: alert.endsAt };
}

/** Without what changes over an incident's life, but for its severity, by which people route. */
function labelsOf(notice: Notice, severity: string, incident: string | null): Readonly<Record<string, string>> {
  const owner = notice.facts['Owner'];
  return {
    alertname: `Keyturn_${notice.kind}`,
    severity,
    ...(incident === null ? { dedupe_key: notice.dedupeKey } : { incident }),
    ...(notice.credential === null ? {} : { credential: notice.credential }),
    ...(notice.issuer === null ? {} : { issuer: notice.issuer }),
    ...(owner === undefined ? {} : { owner }),
  };
}

function annotationsOf(notice: Notice, status: Parameters<typeof lookOf>[1]): Readonly<Record<string, string>> {
  const facts = Object.entries(notice.facts).map(([label, value]) => `${label}: ${value}`);
  return { summary: notice.title, description: [notice.happened, notice.means].join(' ').trim(), todo: notice.todo.join('\n'), facts: facts.join('\n'), status: lookOf(notice, status).word };
}
