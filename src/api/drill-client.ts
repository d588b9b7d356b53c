/** Drills, as a client asks for them. */
import type * as D from '../app/drills/operations.ts';
import type { Actor } from '../core/vocabulary.ts';

type Get = <T>(path: string, query?: Readonly<Record<string, string | number | undefined>>) => Promise<T>;
type Post = <T>(path: string, fields: object, actor: Actor) => Promise<T>;

export function drillCalls(get: Get, post: Post): D.DrillQuestions & D.DrillChanges {
  return {
    drills: (filter) => get<D.DrillsView>('/v1/drills', { ...filter }),
    drill: (id) => get<D.DrillView>(`/v1/drills/${encodeURIComponent(id)}`),
    drillPlan: (credential) => get<D.DrillPlanView>('/v1/drills/plan', { credential }),
    beginDrill: (credential, actor) => post<D.DrillView>('/v1/drills', { credential }, actor),
  };
}
