/** Responses to findings without a worker: one that waits. */
import type * as R from '../../src/app/response-operations.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Actor } from '../../src/core/vocabulary.ts';

export const BREAKER: R.BreakerView = { hour: 1, maxPerHour: 3, byIssuer: { hypermemory: 1 }, maxPerIssuerPerHour: 2, waiting: 0, tripped: 0 };

export function responseView(parts: Partial<R.ResponseView> = {}): R.ResponseView {
  const at = new Date(Date.now() - 60_000);
  return {
    id: '01JTRESP000000000000000001', state: 'waiting', mode: 'approve', rule: 'outside_networks', credential: 'prod-api-server', issuer: 'hypermemory', issuerKeyId: 'key_1', policy: 'monthly',
    alert: '01JTALERT00000000000000001', title: 'prod-api-server: used from outside its networks', openedAt: at.toISOString(), expiresAt: new Date(at.getTime() + 3_600_000).toISOString(),
    decidedBy: null, rotationId: null, message: null, lastError: null, ...parts,
  };
}

export interface FakeResponseAnswers {
  responses: readonly R.ResponseView[];
  breaker: R.BreakerView;
}

type Called = (operation: keyof (R.ResponseQuestions & R.ResponseChanges), given: unknown, actor: Actor | null) => void;

/** They have a suite of their own: test/api/responses.test.ts. */
export const RESPONSE_OPERATIONS: readonly string[] = ['responses', 'approveResponse', 'declineResponse'] satisfies readonly (keyof (R.ResponseQuestions & R.ResponseChanges))[];

export function fakeResponses(called: Called, answers: Partial<FakeResponseAnswers>): R.ResponseQuestions & R.ResponseChanges {
  const known = (id: string): R.ResponseView => {
    const found = (answers.responses ?? [responseView()]).find((one) => one.id.startsWith(id));
    if (found === undefined) throw new KeyturnError('UNKNOWN_NAME', `There is no response ${id}.`, { todo: 'See `keyturn responses`.', effect: 'none' });
    return found;
  };
  const decided = (id: string, state: R.ResponseView['state'], actor: Actor): R.ResponseView => ({ ...known(id), state, decidedBy: { ...actor, at: new Date().toISOString() } });
  return {
    responses: async (filter) => { called('responses', filter, null); return { responses: answers.responses ?? [responseView()], breaker: answers.breaker ?? BREAKER }; },
    approveResponse: async (id, actor) => { called('approveResponse', { id }, actor); return decided(id, 'accepted', actor); },
    declineResponse: async (id, actor) => { called('declineResponse', { id }, actor); return decided(id, 'declined', actor); },
  };
}
