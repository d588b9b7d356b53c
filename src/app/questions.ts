import type { Notes } from '../core/facts.ts';
import type { CredentialPlan } from '../core/plan.ts';
import type { Actor } from '../core/vocabulary.ts';
import { declaredPages } from '../rotation/declared.ts';
import { alertQuestions } from './alerts.ts';
import { knownRotation } from './asks.ts';
import { declared, everDeclared, usedIssuer } from './changes.ts';
import type { Context } from './context.ts';
import { drillQuestions } from './drills/index.ts';
import { doctor } from './doctor.ts';
import { incidentQuestions } from './incidents.ts';
import { keys, keysById } from './keys.ts';
import { leaksView } from './leak-views.ts';
import type { PlanEntry, Questions, RotationDetail } from './operations.ts';
import { planFor } from './plan-question.ts';
import { responseQuestions } from './response-views.ts';
import { revocationPlan } from './revocations.ts';
import { status } from './status.ts';
import { usageOf } from './usage.ts';
import { attemptViews, auditView, debtView, rotationSummary, transitionView } from './views.ts';

const DEFAULT_LIMIT = 50;

export function questions(context: Context): Questions {
  const { ledger } = context;
  return {
    status: () => status(context),
    async plan(credential) {
      const pauses = await ledger.pauses();
      if (credential !== undefined) return [await planFor(context, await declared(context, credential), pauses)];
      const entries: PlanEntry[] = [];
      for await (const page of declaredPages(ledger)) entries.push(...(await Promise.all(page.map((record) => planFor(context, record, pauses)))));
      return entries;
    },
    async keys(filter) {
      if (filter.credential !== undefined) await declared(context, filter.credential);
      if (filter.issuer !== undefined) await usedIssuer(context, filter.issuer);
      return await keys(context, filter);
    },
    revocationPlan: (question) => revocationPlan(context, question),
    async usage({ credential, sinceMs }) {
      await everDeclared(context, credential);
      return await usageOf(context, credential, sinceMs);
    },
    async rotations({ limit, ...filter }) {
      await everDeclared(context, filter.credential);
      const rotations = await ledger.rotations(filter, { limit: limit ?? DEFAULT_LIMIT });
      const [records, now] = await Promise.all([keysById(ledger, rotations), ledger.now()]);
      return rotations.map((rotation) => rotationSummary(rotation, records, now));
    },
    rotation: (id) => rotationDetail(context, id),
    async audit({ limit, ...filter }) {
      await everDeclared(context, filter.credential);
      return (await ledger.auditEvents(filter, { limit: limit ?? DEFAULT_LIMIT })).map(auditView);
    },
    verifyAudit: (anchors) => ledger.verifyAudit(anchors),
    async leaks(filter) {
      await everDeclared(context, filter.credential);
      return await leaksView(context, filter);
    },
    doctor: () => doctor(context),
    ...alertQuestions(context),
    ...incidentQuestions(context),
    ...drillQuestions(context),
    ...responseQuestions(context),
  };
}

async function rotationDetail(context: Context, idOrPrefix: string): Promise<RotationDetail> {
  const { ledger } = context;
  const rotation = await knownRotation(context, idOrPrefix);
  const [history, debts, records, watches, now] = await Promise.all([
    ledger.history(rotation.id), ledger.openDebts({ credential: rotation.credential }), keysById(ledger, [rotation]), ledger.watches(rotation.issuer), ledger.now(),
  ]);
  const { abortAsked, plan, notes }: { abortAsked: Actor | null; plan: CredentialPlan; notes: Notes } = rotation;
  return {
    ...rotationSummary(rotation, records, now),
    history: history.map(transitionView),
    debts: debts.filter((debt) => debt.rotationId === rotation.id).map((debt) => debtView(debt, now, plan.policy.deadlines.stuckMs)),
    attempts: attemptViews(rotation),
    watches: watches.filter((watch) => watch.rotationId === rotation.id).map(({ name, until }) => ({ name, until: until.toISOString() })),
    evidence: notes.evidence ?? {},
    abortAsked: abortAsked === null ? null : { by: abortAsked.who, why: abortAsked.why },
  };
}
