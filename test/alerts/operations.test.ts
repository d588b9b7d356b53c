/** From a scan to messages and back to people's questions, on a real ledger and a configuration. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AlertRouteRequest } from '../../src/app/alert-operations.ts';
import { pruneAlerts, tellOf } from '../../src/app/alerting.ts';
import { alertChanges, alertQuestions } from '../../src/app/alerts.ts';
import type { Context } from '../../src/app/context.ts';
import { planCredentials } from '../../src/config/index.ts';
import type { Finding } from '../../src/core/finding.ts';
import type { Log } from '../../src/ports/log.ts';
import { changed, load } from '../config/support.ts';
import { plannedTexts } from '../ledger/fixtures.ts';
import { openOn, RUNTIMES, setClock, type OpenRuntime } from '../support/runtimes.ts';
import { findingOf, MINUTE, START } from './alert-fixtures.ts';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const ALICE = { who: 'cli:alice', why: 'on it' };
const { config } = load(changed('policies:', `routes:
  - { channels: [ops], rules: ["*"], severity: [warning, critical] }
  - { channels: [ops], labels: { team: nobody } }
alerts:
  maintenance: [{ name: always, hours: "00:00-24:00", matching: [rule=key_unused] }]
policies:`));
const [credential = ''] = Object.keys(config.credentials);

let open: OpenRuntime;
let context: Context;
const woken: string[] = [];
beforeAll(async () => {
  const [embedded] = RUNTIMES;
  if (embedded === undefined) throw new Error('there is no embedded runtime');
  const running = await embedded.start();
  const opened = await openOn(running);
  open = { ...opened, close: () => opened.close().then(() => running.stop()) };
  await open.ledger.declare(plannedTexts(planCredentials(config)));
  const queue = { wake: async (job: string) => { woken.push(job); return true; }, wakeAll: async () => true };
  context = { alerts: open.alerts, ledger: open.ledger, config: () => config, engine: { log, queue } } as unknown as Context;
});
afterAll(() => open.close());

const scanAt = async (minute: number, ...findings: readonly Finding[]) => {
  await setClock(open.pool, new Date(START + minute * MINUTE));
  return await tellOf(context, { findings, without: () => 'clear' });
};

test('an alert is told by its route, looked after, silenced and over', async () => {
  const [questions, changes] = [alertQuestions(context), alertChanges(context)];
  const finding = findingOf({ credential, rule: 'error_rate' });
  expect(await scanAt(0, finding, findingOf({ credential, rule: 'new_user_agent', severity: 'info' }))).toMatchObject({ applied: true, begun: 2, messages: 1 });
  expect(woken).toEqual(['deliver']);
  const [alert] = await questions.alerts({ credential, rule: 'error_rate' });
  expect(alert).toMatchObject({ state: 'firing', channels: ['ops'], muted: null, acknowledged: null });
  expect(await changes.acknowledgeAlert(alert?.id ?? '', ALICE)).toMatchObject({ already: false, alert: { acknowledged: { by: 'cli:alice', why: 'on it' } } });
  expect(await changes.acknowledgeAlert(alert?.id ?? '', ALICE)).toMatchObject({ already: true });
  const silence = await changes.silence({ matchers: [`credential=${credential}`], forMs: 60 * MINUTE }, ALICE);
  expect(silence).toMatchObject({ mutes: 2, active: true, matchers: [`credential=${credential}`] });
  expect(await questions.alert(alert?.id.slice(0, 25) ?? '')).toMatchObject({ muted: { by: 'silence', id: silence.id }, timesTold: 1, means: expect.stringContaining('requests fail') });
  for (let minute = 3; minute < 20; minute += 3) expect(await scanAt(minute)).toMatchObject({ messages: 0 });
  expect((await questions.alerts({ open: true, rule: 'error_rate' })).map(({ state }) => state)).toEqual(['resolved']);
  expect(await changes.endSilence(silence.id, ALICE)).toMatchObject({ ended: true, active: false, endedBy: 'cli:alice' });
  expect(await scanAt(21)).toMatchObject({ messages: 1 });
  expect((await open.ledger.deliveries({}, { limit: 5 })).map(({ notice }) => notice.title)).toEqual([`Over: ${finding.title}`, finding.title]);
  await expect(changes.acknowledgeAlert(alert?.id ?? '', ALICE)).rejects.toMatchObject({ code: 'ALERT_ENDED' });
  await expect(questions.alerts({ credential: 'nobody' })).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
  await expect(questions.alerts({ rule: 'eror_rate' })).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  await expect(questions.alert('01ZZZZ')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  await expect(changes.endSilence('01ZZZZ', ALICE)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  await expect(changes.silence({ matchers: ['team=x'], forMs: MINUTE }, ALICE)).rejects.toMatchObject({ code: 'USAGE' });
  await setClock(open.pool, new Date(START + 200 * 1_440 * MINUTE));
  expect(await pruneAlerts(context)).toBe(3);
});

const alertRoute = (request: AlertRouteRequest) => alertQuestions(context).alertRoute(request);

test('where an alert would go is told with the reasons, and nothing is sent', async () => {
  const before = (await open.ledger.deliveries({}, { limit: 50 })).length;
  expect(await alertRoute({ rule: 'error_rate', credential })).toMatchObject({ severity: 'warning', channels: ['ops'], by: 'routes', muted: null, lines: [{ takes: true }, { takes: false, because: 'takes the label team=nobody' }] });
  expect(await alertRoute({ rule: 'new_user_agent', credential })).toMatchObject({ severity: 'info', channels: [], lines: [{ because: 'takes severity warning, critical' }, {}] });
  expect(await alertRoute({ rule: 'key_unused' })).toMatchObject({ muted: { by: 'maintenance', id: 'always' } });
  await expect(alertRoute({ rule: 'eror_rate' })).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  await expect(alertRoute({ credential: 'nobody' })).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
  expect((await open.ledger.deliveries({}, { limit: 50 })).length).toBe(before);
});
