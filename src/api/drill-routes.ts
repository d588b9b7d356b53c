/** The routes of drills: the emergency path tried with a throw-away key. */
import { z } from 'zod';
import { given, json, route, type Route } from './route.ts';
import { actor, count, name, nothing } from './schemas.ts';

const one = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z]{1,26}$/, 'is no id') });
const filter = z.strictObject({ credential: name.optional(), limit: count(1000).optional() });
const ofOne = z.strictObject({ credential: name });
const begin = z.strictObject({ credential: name, actor });

export const DRILL_QUESTIONS: readonly Route[] = [
  route('GET', '/v1/drills', {
    params: nothing, query: filter, body: nothing, summary: 'Drills, newest first, and by credential how fast the last ten that passed were.',
    run: async ({ backend, query }) => json(await backend.operations.drills(given(query))),
  }),
  route('GET', '/v1/drills/plan', {
    params: nothing, query: ofOne, body: nothing, summary: 'What a drill of a credential would do, and what stands in its way; changes nothing.',
    run: async ({ backend, query }) => json(await backend.operations.drillPlan(query.credential)),
  }),
  route('GET', '/v1/drills/:id', {
    params: one, query: nothing, body: nothing, summary: 'One drill, and what it does now; a unique prefix of its id will do.',
    run: async ({ backend, params }) => json(await backend.operations.drill(params.id)),
  }),
];

export const DRILL_CHANGES: readonly Route[] = [
  route('POST', '/v1/drills', {
    params: nothing, query: nothing, body: begin, summary: 'Begin a drill of a credential: a throw-away key of its issuer is revoked as in an emergency, and replaced.',
    run: async ({ backend, body, actor: who }) => json(await backend.operations.beginDrill(body.credential, who)),
  }),
];
