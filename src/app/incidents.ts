/** Incidents as people ask for them. */
import { KeyturnError } from '../core/errors.ts';
import { documentOf, htmlOf, markdownOf, reportOf, type IncidentReport } from '../incidents/index.ts';
import type { Rotation } from '../ports/ledger.ts';
import type { Context } from './context.ts';
import { everDeclared } from './changes.ts';
import { gatherIncident } from './incident-facts.ts';
import type { IncidentQuestions } from './incident-operations.ts';
import { iso } from './views.ts';

const DEFAULT_LIMIT = 50;
const FORMS = { markdown: markdownOf, html: htmlOf } as const;

export function incidentQuestions(context: Context): IncidentQuestions {
  const { incidents } = context;
  const report = async (idOrPrefix: string): Promise<IncidentReport> => reportOf(await gatherIncident(context, await knownIncident(context, idOrPrefix)));
  return {
    async incidents({ credential, limit }) {
      await everDeclared(context, credential);
      const found = await incidents.emergencies(credential === undefined ? {} : { credential }, { limit: limit ?? DEFAULT_LIMIT });
      const told = await incidents.toldOf(found.map(({ id }) => id));
      return found.map(({ id, credential, issuer, plan, state, message, actor, createdAt, finishedAt }) => {
        const report = told.get(id);
        const reports = report?.version ?? 0;
        return { id, credential, issuer, owner: plan.owner, state, message, requestedBy: actor.who, why: actor.why, at: createdAt.toISOString(), finishedAt: iso(finishedAt), reports, reportedAt: reports === 0 ? null : iso(report?.at ?? null) };
      });
    },
    incident: report,
    incidentText: async (idOrPrefix, format) => FORMS[format](documentOf(await report(idOrPrefix))),
  };
}

async function knownIncident({ ledger, alerts }: Context, idOrPrefix: string): Promise<Rotation> {
  const rotation = await ledger.rotation(idOrPrefix);
  if (rotation?.kind === 'emergency') return rotation;
  if (rotation !== null) throw unknown(`Rotation ${rotation.id} of ${rotation.credential} is ${rotation.kind}, no emergency revocation, so there is no incident of it.`, `See it with \`keyturn rotations show ${rotation.id}\`.`);
  const alert = await alerts.alert(idOrPrefix);
  if (alert !== null) throw unknown(`${idOrPrefix} is an alert, no emergency revocation.`, `See it with \`keyturn alerts show ${alert.id}\`.`);
  throw unknown(`There is no incident ${idOrPrefix}.`, 'See `keyturn incidents`.');
}

function unknown(message: string, todo: string): KeyturnError {
  return new KeyturnError('UNKNOWN_NAME', message, { effect: 'none', todo });
}
