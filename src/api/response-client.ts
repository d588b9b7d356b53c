/** Responses to findings, as a client asks for them. */
import type * as R from '../app/response-operations.ts';
import type { Actor } from '../core/vocabulary.ts';

type Get = <T>(path: string, query?: Readonly<Record<string, string | number | boolean | undefined>>) => Promise<T>;
type Post = <T>(path: string, fields: object, actor: Actor) => Promise<T>;

const one = (id: string): string => `/v1/responses/${encodeURIComponent(id)}`;

export function responseCalls(get: Get, post: Post): R.ResponseQuestions & R.ResponseChanges {
  return {
    responses: (filter) => get<R.ResponsesView>('/v1/responses', { ...filter }),
    approveResponse: (id, actor) => post<R.ResponseView>(`${one(id)}/approve`, {}, actor),
    declineResponse: (id, actor) => post<R.ResponseView>(`${one(id)}/decline`, {}, actor),
  };
}
