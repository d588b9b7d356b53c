/** Incidents without a worker: one report, in all its forms. */
import type * as I from '../../src/app/incident-operations.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Actor } from '../../src/core/vocabulary.ts';
import { documentOf, htmlOf, markdownOf, reportOf } from '../../src/incidents/index.ts';
import { factsOf } from '../incidents/incident-fixtures.ts';

export const REPORT = reportOf(factsOf());

export function incidentView(parts: Partial<I.IncidentView> = {}): I.IncidentView {
  const { incident, credential, issuer, owner, asked } = REPORT;
  return { id: incident.id, credential, issuer, owner, state: 'done', message: 'Reported.', requestedBy: asked.by, why: asked.why, at: asked.at, finishedAt: REPORT.at, reports: 1, reportedAt: REPORT.at, ...parts };
}

type Called = (operation: keyof I.IncidentQuestions, given: unknown, actor: Actor | null) => void;

/** They have a suite of their own: test/api/incidents.test.ts. */
export const INCIDENT_OPERATIONS: readonly string[] = ['incidents', 'incident', 'incidentText'] satisfies readonly (keyof I.IncidentQuestions)[];

const known = (id: string): typeof REPORT => {
  if (!REPORT.incident.id.startsWith(id)) throw new KeyturnError('UNKNOWN_NAME', `There is no incident ${id}.`, { todo: 'See `keyturn incidents`.', effect: 'none' });
  return REPORT;
};

export function fakeIncidents(called: Called): I.IncidentQuestions {
  return {
    incidents: async (filter) => { called('incidents', filter, null); return [incidentView()]; },
    incident: async (id) => { called('incident', { id }, null); return known(id); },
    incidentText: async (id, format) => { called('incidentText', { id, format }, null); return (format === 'html' ? htmlOf : markdownOf)(documentOf(known(id))); },
  };
}
