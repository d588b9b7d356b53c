/** The routes of responses to findings. */
import { z } from 'zod';
import { RESPONSE_STATES } from '../core/response.ts';
import { given, json, route, type Route } from './route.ts';
import { count, flag, name, nothing, reasoned } from './schemas.ts';

const one = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z]{1,26}$/, 'is no id') });
const filter = z.strictObject({ credential: name.optional(), open: flag, state: z.enum(RESPONSE_STATES).optional(), limit: count(1000).optional() });
const decision = z.strictObject({ actor: reasoned });

export const RESPONSE_QUESTIONS: readonly Route[] = [
  route('GET', '/v1/responses', {
    params: nothing, query: filter, body: nothing, summary: 'What critical findings were answered with, newest first, and how near the circuit breaker is.',
    run: async ({ backend, query }) => json(await backend.operations.responses(given(query))),
  }),
];

export const RESPONSE_CHANGES: readonly Route[] = [
  route('POST', '/v1/responses/:id/approve', {
    params: one, query: nothing, body: decision, summary: 'Have the key revoked that a response waits to be approved for.',
    run: async ({ backend, params, actor }) => json(await backend.operations.approveResponse(params.id, actor)),
  }),
  route('POST', '/v1/responses/:id/decline', {
    params: one, query: nothing, body: decision, summary: 'Leave that key alive; nobody is asked again about the incident.',
    run: async ({ backend, params, actor }) => json(await backend.operations.declineResponse(params.id, actor)),
  }),
];
