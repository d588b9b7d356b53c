/** The routes of alerts and silences. */
import { z } from 'zod';
import { given, json, route, type Route } from './route.ts';
import { bareBody, count, flag, line, name, nothing, reasoned } from './schemas.ts';

const one = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z]{1,26}$/, 'is no id') });
const alertsFilter = z.strictObject({ open: flag, credential: name.optional(), rule: name.optional(), limit: count(1000).optional() });
const routeFilter = z.strictObject({ rule: name.optional(), credential: name.optional(), owner: name.optional(), severity: z.enum(['info', 'warning', 'critical']).optional() });
const silencesFilter = z.strictObject({ active: flag, limit: count(1000).optional() });
const silenceBody = z.strictObject({ matchers: z.array(line(320)).min(1).max(20), forMs: z.int().min(60_000), actor: reasoned });
const ackBody = z.strictObject({ actor: reasoned });

export const ALERT_QUESTIONS: readonly Route[] = [
  route('GET', '/v1/alerts', {
    params: nothing, query: alertsFilter, body: nothing, summary: 'Alerts, open ones first, then the newest first.',
    run: async ({ backend, query }) => json(await backend.operations.alerts(given(query))),
  }),
  route('GET', '/v1/alerts/:id', {
    params: one, query: nothing, body: nothing, summary: 'One alert with what happened to it and the others of its incident; a unique prefix of its id will do.',
    run: async ({ backend, params }) => json(await backend.operations.alert(params.id)),
  }),
  route('GET', '/v1/alert-route', {
    params: nothing, query: routeFilter, body: nothing, summary: 'Which channels such an alert would go to, by which route, and what mutes it. Sends nothing.',
    run: async ({ backend, query }) => json(await backend.operations.alertRoute(given(query))),
  }),
  route('GET', '/v1/silences', {
    params: nothing, query: silencesFilter, body: nothing, summary: 'Silences, those that end last first; `active=true`: only those in force.',
    run: async ({ backend, query }) => json(await backend.operations.silences(given(query))),
  }),
];

export const ALERT_CHANGES: readonly Route[] = [
  route('POST', '/v1/alerts/:id/ack', {
    params: one, query: nothing, body: ackBody, summary: 'Look after an alert: its incident is not repeated until it gets worse or is over.',
    run: async ({ backend, params, actor }) => json(await backend.operations.acknowledgeAlert(params.id, actor)),
  }),
  route('POST', '/v1/silences', {
    params: nothing, query: nothing, body: silenceBody, summary: 'Tell nobody of alerts that all matchers fit, for `forMs` milliseconds from now.',
    run: async ({ backend, body, actor }) => json(await backend.operations.silence({ matchers: body.matchers, forMs: body.forMs }, actor)),
  }),
  route('POST', '/v1/silences/:id/end', {
    params: one, query: nothing, body: bareBody, summary: 'End a silence before its time.',
    run: async ({ backend, params, actor }) => json(await backend.operations.endSilence(params.id, actor)),
  }),
];
