/** Alerts and silences without a worker. */
import type * as A from '../../src/app/alert-operations.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Actor } from '../../src/core/vocabulary.ts';

export function alertView(parts: Partial<A.AlertView> = {}): A.AlertView {
  return {
    id: '01JTALERT0001', incident: '01JTALERT0001', state: 'firing', rule: 'request_rate', severity: 'warning', subject: 'key:k1', credential: 'prod-api-server', issuer: 'hypermemory', owner: 'platform',
    title: 'prod-api-server: far more requests than usual', expected: 'at most 100 requests a minute', actual: '500 requests a minute', firedAt: '2026-03-02T12:00:00.000Z', lastSeenAt: '2026-03-02T12:05:00.000Z', endedAt: null,
    acknowledged: null, muted: null, channels: ['ops'], ...parts,
  };
}

export function silenceView(parts: Partial<A.SilenceView> = {}): A.SilenceView {
  return { id: '01JTSILENCE01', matchers: ['credential=prod-*'], by: 'cli:alice', why: 'load test', createdAt: '2026-03-02T12:00:00.000Z', endsAt: '2026-03-02T14:00:00.000Z', active: true, endedBy: null, ...parts };
}

const detail = (parts: Partial<A.AlertDetail>): A.AlertDetail => ({
  ...alertView(), happened: 'Key `hm_live_…` made 500 requests a minute.', means: 'Something loops.', todo: ['See who calls: `keyturn usage prod-api-server`.'], facts: { Key: 'hm_live_…' }, evidence: { minutes: 3 },
  firstSeenAt: '2026-03-02T11:58:00.000Z', peak: 900, fireAt: 100, clearAt: 80, holdMs: 600_000, timesTold: 1,
  events: [{ at: '2026-03-02T12:00:00.000Z', what: 'firing', detail: '500 requests a minute' }], others: [], ...parts,
});

type Called = (operation: keyof (A.AlertQuestions & A.AlertChanges), given: unknown, actor: Actor | null) => void;

/** They have a suite of their own: test/api/alerts.test.ts. */
export const ALERT_OPERATIONS: readonly string[] = ['alerts', 'alert', 'alertRoute', 'silences', 'acknowledgeAlert', 'silence', 'endSilence'] satisfies readonly (keyof (A.AlertQuestions & A.AlertChanges))[];

export interface FakeAlertAnswers {
  alerts: readonly A.AlertView[];
  alert: Partial<A.AlertDetail>;
  alertRoute: Partial<A.AlertRoute>;
  silences: readonly A.SilenceView[];
}

export function fakeAlerts(called: Called, answers: Partial<FakeAlertAnswers>): A.AlertQuestions & A.AlertChanges {
  return {
    alerts: async (filter) => { called('alerts', filter, null); return answers.alerts ?? [alertView()]; },
    alert: async (id) => {
      called('alert', { id }, null);
      if (!'01JTALERT0001'.startsWith(id)) throw new KeyturnError('UNKNOWN_NAME', `There is no alert ${id}.`, { effect: 'none' });
      return detail(answers.alert ?? {});
    },
    alertRoute: async (request) => {
      called('alertRoute', request, null);
      return { rule: request.rule ?? null, credential: request.credential ?? null, owner: request.owner ?? null, severity: request.severity ?? 'warning', channels: ['ops'], by: 'routes', muted: null,
        lines: [{ line: 1, channels: ['ops'], takes: true, because: null }, { line: 2, channels: ['mail'], takes: false, because: 'takes severity critical' }], ...answers.alertRoute };
    },
    silences: async (filter) => { called('silences', filter, null); return answers.silences ?? [silenceView()]; },
    acknowledgeAlert: async (id, actor) => { called('acknowledgeAlert', { id }, actor); return { alert: alertView({ acknowledged: { by: actor.who, why: actor.why, at: '2026-03-02T12:06:00.000Z' } }), already: false }; },
    silence: async (request, actor) => { called('silence', request, actor); return { ...silenceView({ matchers: request.matchers, by: actor.who, why: actor.why }), mutes: 2 }; },
    endSilence: async (id, actor) => { called('endSilence', { id }, actor); return { ...silenceView({ active: false, endedBy: actor.who }), ended: true }; },
  };
}
