/** The route table of the control API. Reading is GET, changing is POST; every change carries its actor. */
import type { Operations } from '../app/operations.ts';
import type { Actor } from '../core/vocabulary.ts';
import { ALERT_CHANGES, ALERT_QUESTIONS } from './alert-routes.ts';
import { DRILL_CHANGES, DRILL_QUESTIONS } from './drill-routes.ts';
import { rotationEvents } from './events.ts';
import { INCIDENT_QUESTIONS } from './incident-routes.ts';
import { RESPONSE_CHANGES, RESPONSE_QUESTIONS } from './response-routes.ts';
import { given, json, route, type Answer, type Call, type Route } from './route.ts';
import * as s from './schemas.ts';
import type { z } from 'zod';

type Reading<Q extends z.ZodType> = (call: Call<object, z.output<Q>, object>) => Promise<unknown>;
type Changing<B extends z.ZodType> = (call: Call<object, object, z.output<B>>) => Promise<unknown>;

const read = <Q extends z.ZodType>(path: string, query: Q, summary: string, run: Reading<Q>): Route =>
  route('GET', path, { params: s.nothing, query, body: s.nothing, summary, run: async (call) => json(await run(call)) });
const change = <B extends z.ZodType>(path: string, body: B, summary: string, run: Changing<B>): Route =>
  route('POST', path, { params: s.nothing, query: s.nothing, body, summary, run: async (call) => json(await run(call)) });

const askOne = (what: string, summary: string, run: (operations: Operations, id: string, actor: Actor) => Promise<unknown>): Route =>
  route('POST', `/v1/rotations/:id/${what}`, {
    params: s.rotationId, query: s.nothing, body: s.bareBody, summary,
    run: async ({ backend, params, actor }) => json(await run(backend.operations, params.id, actor)),
  });

const probes: readonly Route[] = [
  probe('/healthz', 'Alive: the event loop answers.', async ({ health }) => {
    const live = health.live();
    return json({ live }, live ? 200 : 503);
  }),
  probe('/readyz', 'Ready: ledger and queue answer. Names what does not.', async ({ health }) => {
    const answer = await health.ready();
    return json(answer, answer.ready ? 200 : 503);
  }),
  probe('/metrics', 'Metrics, as Prometheus reads them.', async ({ health }) => ({ status: 200, type: 'metrics', body: await health.metrics() })),
];

function probe(path: string, summary: string, run: (backend: Call<object, object, object>['backend']) => Promise<Answer>): Route {
  return route('GET', path, { params: s.nothing, query: s.nothing, body: s.nothing, summary, run: (call) => run(call.backend) });
}

const questions: readonly Route[] = [
  read('/v1/status', s.nothing, 'The worker and every credential.', ({ backend }) => backend.operations.status()),
  read('/v1/plan', s.oneCredential, 'What would happen, when, and what blocks it.', ({ backend, query }) => backend.operations.plan(query.credential)),
  read('/v1/keys', s.keysFilter, 'Keys at the issuers, with their usage.', ({ backend, query }) => backend.operations.keys(given(query))),
  read('/v1/revoke/plan', s.revocationQuestion, 'What a revocation of `what`, or of all of an `owner`, would do; changes nothing.', ({ backend, query }) => backend.operations.revocationPlan(given(query))),
  read('/v1/usage', s.usageFilter, 'How the keys of a credential were used in the last `sinceMs` milliseconds (a day unless given), and who called.', ({ backend, query }) =>
    backend.operations.usage({ credential: query.credential, ...given({ sinceMs: query.sinceMs }) })),
  read('/v1/rotations', s.rotationsFilter, 'Rotations, newest first.', ({ backend, query }) => backend.operations.rotations(given(query))),
  route('GET', '/v1/rotations/:id', {
    params: s.rotationId, query: s.nothing, body: s.nothing, summary: 'One rotation with its history; a unique prefix of its id will do.',
    run: async ({ backend, params }) => json(await backend.operations.rotation(params.id)),
  }),
  route('GET', '/v1/rotations/:id/events', {
    params: s.rotationId, query: s.eventsFilter, body: s.nothing,
    summary: 'Transitions after `after`; waits up to `waitMs` for one, or for a reason other than `reason`.',
    run: async ({ backend, params, query, signal }) => json(await rotationEvents(backend.operations, params.id, query, signal)),
  }),
  read('/v1/audit', s.auditFilter, 'Audit events, newest first.', ({ backend, query }) => backend.operations.audit(given(query))),
  read('/v1/audit/verify', s.anchorsFilter, 'Whether the audit chain is whole, and still holds each `anchor` (`<seq>:<hash>`, repeatable).', ({ backend, query }) =>
    backend.operations.verifyAudit(query.anchor)),
  read('/v1/leaks', s.leaksFilter, 'Reported leaks that are or may be ours, newest first, and how much each source has reported.', ({ backend, query }) => backend.operations.leaks(given(query))),
  read('/v1/doctor', s.nothing, 'Whether everything is reachable and permitted; changes nothing.', ({ backend }) => backend.operations.doctor()),
];

const changes: readonly Route[] = [
  change('/v1/rotate', s.rotateBody, 'Rotate credentials, by name or by owner.', ({ backend, body, actor }) =>
    backend.operations.rotate(given({ credentials: body.credentials, owner: body.owner }), actor)),
  change('/v1/revoke', s.revokeBody, 'Emergency: revoke every live key of a `credential`, or `what` that or a key id names, and replace it unless `replace` is false.', ({ backend, body, actor }) =>
    backend.operations.revoke(body.credential ?? body.what ?? '', actor, { replace: body.replace, ...given({ as: body.credential === undefined ? body.as : 'credential', issuer: body.issuer }) })),
  change('/v1/revoke/owner', s.revokeOwnedBody, 'The same of every credential of an owner; each answers for itself.', ({ backend, body, actor }) =>
    backend.operations.revokeOwned(body.owner, body.replace, actor)),
  change('/v1/adopt', s.adoptBody, 'Take an existing key as the current key of a credential.', ({ backend, body, actor }) =>
    backend.operations.adopt({ credential: body.credential, ...given({ keyId: body.keyId, name: body.name }) }, actor)),
  change('/v1/pause', s.pauseBody, 'Start no rotation of a credential, an issuer, or at all. Never stops emergencies.', async ({ backend, body, actor }) => {
    await backend.operations.pause({ scope: body.scope, name: body.name }, actor);
    return { paused: true };
  }),
  change('/v1/resume', s.resumeBody, 'Take a pause back.', ({ backend, body, actor }) =>
    backend.operations.resume({ scope: body.scope, name: body.name }, actor)),
  askOne('abort', 'Ask that a rotation be given up; refused where there is no way back.', (operations, id, actor) => operations.abortRotation(id, actor)),
  askOne('resume', 'Have a rotation look again now; its back-off is over.', (operations, id, actor) => operations.resumeRotation(id, actor)),
  change('/v1/publish', s.publishBody, 'Fill stores that lack the current key, without a rotation.', ({ backend, body, actor }) =>
    backend.operations.publish(body.credential, actor)),
  change('/v1/doctor/settle', s.settleBody, 'Settle findings of the doctor by their ids; each is looked at again first.', ({ backend, body, actor }) =>
    backend.operations.settle(body.ids, actor)),
  change('/v1/break-glass', s.recordBody, 'Take in a record of `keyturn revoke --direct`; the issuer is asked whether its key is dead. `unsigned`: the caller vouches for one without a signature.', ({ backend, body, actor }) =>
    backend.operations.takeRecord({ record: body.record, unsigned: body.unsigned }, actor)),
  change('/v1/deliveries/retry', s.retryBody, 'Try stuck messages of one channel, or of all, again.', ({ backend, body, actor }) =>
    backend.operations.retryDeliveries(body.channel, actor)),
  change('/v1/reload', s.bareBody, 'Read the configuration again; a bad one changes nothing.', ({ backend, actor }) =>
    backend.operations.reload(actor)),
];

export const ROUTES: readonly Route[] = [...probes, ...questions, ...ALERT_QUESTIONS, ...INCIDENT_QUESTIONS, ...RESPONSE_QUESTIONS, ...DRILL_QUESTIONS, ...changes, ...DRILL_CHANGES, ...ALERT_CHANGES, ...RESPONSE_CHANGES];
