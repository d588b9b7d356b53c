/** Incidents, as a client asks for them. */
import type * as I from '../app/incident-operations.ts';

type Query = Readonly<Record<string, string | number | undefined>>;
type Get = <T>(path: string, query?: Query) => Promise<T>;
type GetText = (path: string, query: Query) => Promise<string>;

const one = (id: string): string => `/v1/incidents/${encodeURIComponent(id)}`;

export function incidentCalls(get: Get, text: GetText): I.IncidentQuestions {
  return {
    incidents: (filter) => get<readonly I.IncidentView[]>('/v1/incidents', { ...filter }),
    incident: (id) => get<I.IncidentReport>(one(id)),
    incidentText: (id, format) => text(one(id), { format }),
  };
}
