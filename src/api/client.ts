/**
 * What the CLI talks to a worker with. Over Node's own http, not undici: `keyturn status` must start in a blink,
 * and loading undici (70 ms) takes longer than all the rest together.
 */
import type { OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import type * as O from '../app/operations.ts';
import type { LeakAnswer, LeaksView } from '../app/leak-views.ts';
import type { AuditVerdict } from '../ports/ledger.ts';
import { anchorText } from '../core/anchor.ts';
import type { Secret } from '../core/secret.ts';
import type { Actor } from '../core/vocabulary.ts';
import { alertCalls } from './alert-client.ts';
import { answerOf, shownPlace, textAnswerOf, unreachable } from './client-errors.ts';
import type { EventsQuery, RotationEvents } from './events.ts';
import { drillCalls } from './drill-client.ts';
import { incidentCalls } from './incident-client.ts';
import { responseCalls } from './response-client.ts';

/** Where a worker listens. */
export type Place = { readonly socketPath: string } | { readonly url: string; readonly token: Secret | null };

export interface ClientOptions {
  /** For one answer, milliseconds; `doctor` and `plan` ask many outside parties. Default 120 s. */
  readonly timeoutMs?: number;
  /** Ends every request of this client. */
  readonly signal?: AbortSignal;
}

export interface Client extends O.Operations {
  /** Where this client connects, for people. */
  readonly place: string;
  /** Reports leaks to a source without a signature, in its own format. */
  reportLeaks(source: string, body: string): Promise<LeakAnswer>;
  /** Transitions of a rotation after `query.after`, waiting for one up to `query.waitMs`. */
  events(id: string, query: EventsQuery, signal?: AbortSignal): Promise<RotationEvents>;
}

const one = (id: string): string => `/v1/rotations/${encodeURIComponent(id)}`;

/** A list is a parameter given as often as it has entries. */
type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
type Read<T> = (place: Place, status: number, text: string) => T;
type Send = <T>(read: Read<T>, method: 'GET' | 'POST', path: string, body?: object | string, signal?: AbortSignal) => Promise<T>;

/** Makes a client; connects with each request. Every method throws the KeyturnError that the worker answered, or WORKER_UNREACHABLE. */
export function connect(place: Place, options: ClientOptions = {}): Client {
  const send = sender(place, options);
  const get = async <T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> =>
    (await send(answerOf, 'GET', path + queryText(query), undefined, signal)) as T;
  const text = (path: string, query: Query): Promise<string> => send(textAnswerOf, 'GET', path + queryText(query));
  const post = async <T>(path: string, fields: object, actor: Actor): Promise<T> => (await send(answerOf, 'POST', path, { ...fields, actor })) as T;
  return {
    place: shownPlace(place),
    status: () => get<O.StatusView>('/v1/status'),
    plan: (credential) => get<readonly O.PlanEntry[]>('/v1/plan', { credential }),
    keys: (filter) => get<readonly O.KeyView[]>('/v1/keys', { ...filter }),
    revocationPlan: (question) => get<readonly O.RevocationPlan[]>('/v1/revoke/plan', { ...question }),
    usage: (request) => get<O.UsageView>('/v1/usage', { ...request }),
    rotations: (filter) => get<readonly O.RotationSummary[]>('/v1/rotations', { ...filter }),
    rotation: (id) => get<O.RotationDetail>(one(id)),
    events: (id, query, signal) => get<RotationEvents>(`${one(id)}/events`, { ...query }, signal),
    audit: (filter) => get<readonly O.AuditView[]>('/v1/audit', { ...filter }),
    verifyAudit: (anchors = []) => get<AuditVerdict>('/v1/audit/verify', { anchor: anchors.map(anchorText) }),
    leaks: (filter) => get<LeaksView>('/v1/leaks', { ...filter }),
    reportLeaks: async (source, body) => (await send(answerOf, 'POST', `/v1/leaks/${encodeURIComponent(source)}`, body)) as LeakAnswer,
    doctor: () => get<readonly O.Finding[]>('/v1/doctor'),
    rotate: (request, actor) => post<readonly O.RequestedRotation[]>('/v1/rotate', request, actor),
    revoke: (what, actor, options = {}) => post<O.RequestedRotation>('/v1/revoke', { what, ...options }, actor),
    revokeOwned: (owner, replace, actor) => post<readonly O.OwnedRevocation[]>('/v1/revoke/owner', { owner, replace }, actor),
    adopt: (request, actor) => post<O.KeyView>('/v1/adopt', request, actor),
    pause: async (request, actor) => void (await post('/v1/pause', request, actor)),
    resume: (request, actor) => post<{ readonly wasPaused: boolean }>('/v1/resume', request, actor),
    abortRotation: (id, actor) => post<O.AskedRotation>(`${one(id)}/abort`, {}, actor),
    resumeRotation: (id, actor) => post<O.AskedRotation>(`${one(id)}/resume`, {}, actor),
    publish: (credential, actor) => post<readonly O.PublishResult[]>('/v1/publish', { credential }, actor),
    settle: (ids, actor) => post<readonly O.SettledFinding[]>('/v1/doctor/settle', { ids }, actor),
    takeRecord: (request, actor) => post<O.BreakGlassTaken>('/v1/break-glass', request, actor),
    retryDeliveries: (channel, actor) => post<{ readonly retried: number }>('/v1/deliveries/retry', { channel }, actor),
    ...alertCalls(get, post),
    ...incidentCalls(get, text),
    ...drillCalls(get, post),
    ...responseCalls(get, post),
    reload: (actor) => post<{ readonly applied: boolean; readonly problems: readonly string[] }>('/v1/reload', {}, actor),
  };
}

function queryText(query: Query): string {
  const given = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [value].flat().map((one): [string, string] => [key, String(one)])));
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

function sender(place: Place, options: ClientOptions): Send {
  return (read, method, path, body, signal) => {
    const signals = [AbortSignal.timeout(options.timeoutMs ?? 120_000), options.signal, signal].filter((one) => one !== undefined);
    return exchange({ place, read, method, path, body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body), signal: AbortSignal.any(signals) });
  };
}

/** `getBuiltinModule` gives the module as it is; an `import` would build all its exports, which loads undici after all. */
function requester(place: Place): typeof httpRequest {
  return 'url' in place && place.url.startsWith('https:') ? process.getBuiltinModule('node:https').request : process.getBuiltinModule('node:http').request;
}

interface Exchange<T> {
  readonly place: Place;
  readonly read: Read<T>;
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly signal: AbortSignal;
}

function exchange<T>({ place, read, method, path, body, signal }: Exchange<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const where = 'url' in place ? target(place.url, path) : { socketPath: place.socketPath, path };
    const fail = (error: unknown): void => reject(unreachable(place, error, signal));
    const request = requester(place)({ ...where, method, headers: headersFor(place, body), agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', fail);
      response.on('end', () => {
        try {
          resolve(read(place, response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on('error', fail).end(body ?? undefined);
  });
}

function target(base: string, path: string): { readonly hostname: string; readonly port: string; readonly path: string } {
  const url = new URL(base);
  return { hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port, path: url.pathname.replace(/\/$/, '') + path };
}

function headersFor(place: Place, body: string | null): OutgoingHttpHeaders {
  return {
    accept: 'application/json',
    ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...('url' in place && place.token !== null ? { authorization: `Bearer ${place.token.reveal()}` } : {}),
  };
}
