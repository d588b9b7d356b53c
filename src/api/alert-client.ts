/** Alerts and silences, as a client asks for them. */
import type * as A from '../app/alert-operations.ts';
import type { Actor } from '../core/vocabulary.ts';

type Get = <T>(path: string, query?: Readonly<Record<string, string | number | boolean | undefined>>) => Promise<T>;
type Post = <T>(path: string, fields: object, actor: Actor) => Promise<T>;

const alert = (id: string): string => `/v1/alerts/${encodeURIComponent(id)}`;

export function alertCalls(get: Get, post: Post): A.AlertQuestions & A.AlertChanges {
  return {
    alerts: (filter) => get<readonly A.AlertView[]>('/v1/alerts', { ...filter }),
    alert: (id) => get<A.AlertDetail>(alert(id)),
    alertRoute: (request) => get<A.AlertRoute>('/v1/alert-route', { ...request }),
    silences: (filter) => get<readonly A.SilenceView[]>('/v1/silences', { ...filter }),
    acknowledgeAlert: (id, actor) => post<Awaited<ReturnType<A.AlertChanges['acknowledgeAlert']>>>(`${alert(id)}/ack`, {}, actor),
    silence: (request, actor) => post<Awaited<ReturnType<A.AlertChanges['silence']>>>('/v1/silences', request, actor),
    endSilence: (id, actor) => post<Awaited<ReturnType<A.AlertChanges['endSilence']>>>(`/v1/silences/${encodeURIComponent(id)}/end`, {}, actor),
  };
}
