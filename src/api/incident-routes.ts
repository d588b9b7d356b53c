/** The routes of incidents: emergency revocations and their reports. */
import { z } from 'zod';
import { REPORT_FORMATS } from '../app/incident-operations.ts';
import { given, json, route, type Route } from './route.ts';
import { count, name, nothing } from './schemas.ts';

const one = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z]{1,26}$/, 'is no id') });
const incidentsFilter = z.strictObject({ credential: name.optional(), limit: count(1000).optional() });
const reportForm = z.strictObject({ format: z.enum(REPORT_FORMATS).default('json') });

export const INCIDENT_QUESTIONS: readonly Route[] = [
  route('GET', '/v1/incidents', {
    params: nothing, query: incidentsFilter, body: nothing, summary: 'Emergency revocations, newest first, and how often people were sent their report.',
    run: async ({ backend, query }) => json(await backend.operations.incidents(given(query))),
  }),
  route('GET', '/v1/incidents/:id', {
    params: one, query: reportForm, body: nothing, summary: 'The report of one, as the ledger knows it now: `format` is `json` (unless given), `markdown` or `html`; a unique prefix of its id will do.',
    run: async ({ backend, params, query: { format } }) =>
      format === 'json' ? json(await backend.operations.incident(params.id)) : { status: 200, type: format, body: await backend.operations.incidentText(params.id, format) },
  }),
];
