/** Drills as people ask for them. */
import { decideDrill, drillHangs } from '../../core/drill.ts';
import { DRILL_STEPS } from '../../core/drill.ts';
import { spreadOf } from '../../core/drill-trend.ts';
import { duration } from '../../core/phrases.ts';
import { KeyturnError } from '../../core/errors.ts';
import type { Drill } from '../../ports/drill-ledger.ts';
import { declared, everDeclared } from '../changes.ts';
import type { Context } from '../context.ts';
import { iso } from '../views.ts';
import { beginDrill } from './begin.ts';
import { gatherDrill } from './facts.ts';
import { obstacles } from './obstacles.ts';
import type { DrillChanges, DrillPlanView, DrillQuestions, DrillTrend, DrillView } from './operations.ts';

const DEFAULT_LIMIT = 50;
const TREND_OF = 10;

export function drillQuestions(context: Context): DrillQuestions {
  const { drills } = context;
  return {
    async drills({ credential, limit }) {
      await everDeclared(context, credential);
      const found = await drills.drills(credential === undefined ? {} : { credential }, { limit: limit ?? DEFAULT_LIMIT });
      const names = [...new Set(found.map((drill) => drill.credential))].sort();
      return { drills: await Promise.all(found.map((drill) => view(context, drill))), trends: await Promise.all(names.map((name) => trendOf(context, name))) };
    },
    drill: async (idOrPrefix) => await view(context, await known(context, idOrPrefix)),
    drillPlan: (credential) => planOf(context, credential),
  };
}

export function drillChanges(context: Context): DrillChanges {
  return { beginDrill: async (credential, actor) => await view(context, await known(context, await beginDrill(context, credential, actor))) };
}

async function known({ drills }: Context, idOrPrefix: string): Promise<Drill> {
  const drill = await drills.drill(idOrPrefix);
  if (drill === null) throw new KeyturnError('UNKNOWN_NAME', `There is no drill ${idOrPrefix}.`, { effect: 'none', todo: 'See `keyturn drills`.' });
  return drill;
}

async function view(context: Context, drill: Drill): Promise<DrillView> {
  const { id, credential, issuer, state, actor, occurrence, startedAt, finishedAt, verdict, refusedBy } = drill;
  const open = finishedAt === null ? (await gatherDrill(context, drill)).facts : null;
  return {
    id, credential, issuer, state, requestedBy: actor.who, why: actor.why, scheduledFor: iso(occurrence), startedAt: startedAt.toISOString(), finishedAt: iso(finishedAt),
    timeToRevokeMs: open?.revokeMs ?? drill.revokeMs, timeToRecoverMs: open?.recoverMs ?? drill.recoverMs, refusedBy, failure: verdict?.why ?? null,
    now: open === null ? '' : drillHangs(open) || NOW[decideDrill(open).do],
    rotations: DRILL_STEPS.flatMap((step) => (drill.rotations[step] === null ? [] : [{ step, id: drill.rotations[step] }])),
  };
}

/** Between two rotations of it. */
const NOW: Readonly<Record<ReturnType<typeof decideDrill>['do'], string>> = {
  wait: 'Waiting for its keys to be revoked.', request: 'About to take the next step.', prove: 'Trying the revoked key and its replacement.', judge: 'About to be ended.', finish: 'About to be over.',
};

async function trendOf({ drills }: Context, credential: string): Promise<DrillTrend> {
  const last = (await drills.drills({ credential }, { limit: TREND_OF })).filter(({ state }) => state !== 'running');
  const passed = last.filter(({ state }) => state === 'passed');
  return { credential, drills: last.length, passed: passed.length, revoke: spreadOf(passed.map(({ revokeMs }) => revokeMs)), recover: spreadOf(passed.map(({ recoverMs }) => recoverMs)) };
}

async function planOf(context: Context, name: string): Promise<DrillPlanView> {
  const record = await declared(context, name);
  const found = await obstacles(context, record);
  const [last] = await context.drills.drills({ credential: name }, { limit: 1 });
  return { credential: name, issuer: record.issuer, scopes: record.plan.scopes, steps: stepsOf(name, record.issuer, last), blockedBy: found.map(({ why, todo }) => ({ why, todo })) };
}

function stepsOf(name: string, issuer: string, last: Drill | undefined): readonly string[] {
  const before = last?.state === 'passed' && last.revokeMs !== null && last.recoverMs !== null ? ` The last drill took ${duration(last.revokeMs)} to revoke and ${duration(last.recoverMs)} to recover.` : '';
  return [
    `${issuer} issues a throw-away key with the scopes of ${name}, which is kept in a file of its own in the data directory.`,
    'It is revoked as in an emergency, and replaced by another one; both times are measured, and both keys tried.',
    `All of it is revoked and removed. Keys, stores, hooks and applications of ${name} are not touched.${before}`,
  ];
}
