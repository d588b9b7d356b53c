/** Drills without a worker. */
import type * as D from '../../src/app/drills/operations.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Actor } from '../../src/core/vocabulary.ts';

export const DRILL: D.DrillView = {
  id: '01KDRLL00000000000000000AB', credential: 'prod-api-server', issuer: 'hypermemory', state: 'passed', requestedBy: 'cli:alice@laptop', why: 'monthly', scheduledFor: null,
  startedAt: '2026-03-04T10:00:00.000Z', finishedAt: '2026-03-04T10:00:04.000Z', timeToRevokeMs: 84, timeToRecoverMs: 612, refusedBy: 'call', failure: null, now: '',
  rotations: [{ step: 'mint', id: '01KM' }, { step: 'leak', id: '01KL' }, { step: 'end', id: '01KE' }],
};

/** They have a suite of their own: test/api/drills.test.ts. */
export const DRILL_OPERATIONS: readonly string[] = ['drills', 'drill', 'drillPlan', 'beginDrill'] satisfies readonly (keyof (D.DrillQuestions & D.DrillChanges))[];

type Called = (operation: keyof (D.DrillQuestions & D.DrillChanges), given: unknown, actor: Actor | null) => void;

export interface DrillAnswers {
  /** What stands in the way. */
  readonly blockedBy?: D.DrillPlanView['blockedBy'];
  /** One after the other, as the drill goes on; the last stays. */
  readonly drills?: readonly D.DrillView[];
}

export function fakeDrills(called: Called, known: (credential: string) => unknown, answers: () => DrillAnswers): D.DrillQuestions & D.DrillChanges {
  let looked = 0;
  const shown = (): D.DrillView => {
    const { drills = [DRILL] } = answers();
    return drills[Math.min(looked, drills.length - 1)] ?? DRILL;
  };
  return {
    drills: async (filter) => {
      called('drills', filter, null);
      return { drills: [shown()], trends: [{ credential: shown().credential, drills: 2, passed: 1, revoke: { medianMs: 84, slowestMs: 1_900, lastMs: 84 }, recover: { medianMs: 612, slowestMs: 4_000, lastMs: 612 } }] };
    },
    drill: async (id) => {
      called('drill', { id }, null);
      looked += 1;
      if (!shown().id.startsWith(id)) throw new KeyturnError('UNKNOWN_NAME', `There is no drill ${id}.`, { todo: 'See `keyturn drills`.', effect: 'none' });
      return shown();
    },
    drillPlan: async (credential) => {
      called('drillPlan', { credential }, null);
      known(credential);
      return { credential, issuer: 'hypermemory', scopes: ['memory:read'], steps: ['A key is issued.', 'It is revoked.'], blockedBy: answers().blockedBy ?? [] };
    },
    beginDrill: async (credential, actor) => {
      called('beginDrill', { credential }, actor);
      known(credential);
      const [obstacle] = answers().blockedBy ?? [];
      if (obstacle !== undefined) throw new KeyturnError('BLOCKED', obstacle.why, { todo: obstacle.todo, effect: 'none' });
      return shown();
    },
  };
}
