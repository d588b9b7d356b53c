/** Alerts from the command line, on a worker that scans usage: what is found, told, looked after, silenced, and where it would go. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AlertDetail, AlertView, SilenceView } from '../../src/app/alert-operations.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import type { SlackCatcher } from '../support/slack.ts';
import { GATEWAY, openScene, type Scene } from './scene.ts';
import { BRISK, issuerAt, readEnv, reached, until, type Home, type Worker } from './support.ts';

const NAME = 'prod-api';
const MINUTE = 60_000;
const FAILING = `${NAME}: many requests fail`;
const HOSTILE = 'Agent "<!channel>\u001b[2J" came\nin a line of its own.';

describe.each(RUNTIMES)('alerts on $name', (runtime) => {
  let scene: Scene;
  let home: Home;
  let slack: SlackCatcher;
  let worker: Worker;
  const alerts = (...more: readonly string[]): Promise<AlertView[]> => home.json<AlertView[]>('alerts', ...more);
  const said = (text: string): number => slack.messages.filter((message) => message.text.includes(text)).length;

  /** Usage of the current key some minutes ago, when the gateway's counts of it are complete. */
  const current = () => ({ at: new Date(Date.now() - 5 * MINUTE).toISOString(), key: readEnv(join(home.directory, 'app.env'))['HYPERMEMORY_API_KEY'] });

  beforeAll(async () => {
    scene = await openScene(runtime);
    ({ home, slack } = scene);
    home.configure(scene.configuration({
      issuers: { hypermemory: { ...issuerAt(scene.sandbox), knownKeys: ['sandbox-admin'] } },
      channels: { ops: scene.slackChannel },
      routes: [{ channels: ['ops'], severity: ['warning', 'critical'] }],
      credentials: { [NAME]: { issuer: 'hypermemory', owner: 'platform', scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'app-env' }] } },
      usage: { sources: { gateway: GATEWAY } },
      rules: { failed_authentications: { requests: 5, severity: 'info' } },
      worker: { intervals: { ...BRISK, scan: '1s' } },
      api: { listen: scene.listen },
    }));
    worker = await home.up();
    await reached(home, NAME, 'done');
    expect(await home.keyturn('alerts')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^id\tstate\t[^\n]*\n$/) });
    await scene.push({ ...current(), outcome: 'failed', requests: 60, address: '10.0.0.9', agent: 'billing/2' }, { ...current(), outcome: 'denied', requests: 9, address: '10.0.0.66', agent: HOSTILE });
    await until(() => said(FAILING) === 1, 60_000, 'Slack to be told');
  }, 300_000);
  afterAll(() => scene?.close());

  test('are listed, open ones first, by credential and by rule; and people were told of those that a route takes', async () => {
    expect([said(FAILING), said('refused for their key')]).toEqual([1, 0]);
    const open = await alerts('--open');
    for (const [rule, severity] of [['error_rate', 'warning'], ['failed_authentications', 'info']]) expect(open).toContainEqual(expect.objectContaining({ rule, severity, state: 'firing', credential: NAME }));
    expect(open).toHaveLength(2);
    expect(await alerts('--rule', 'error_rate', '--credential', NAME)).toMatchObject([{ channels: ['ops'], acknowledged: null, muted: null }]);
    expect((await home.keyturn('alerts', '--limit', '1')).stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  test('one is shown with what happened, what to do, and nothing that steers a terminal', async () => {
    const [{ id } = { id: '' }] = await alerts('--rule', 'error_rate');
    const shown = await home.keyturn('alerts', 'show', id.slice(0, 24));
    expect(shown.code).toBe(0);
    for (const text of [`# alert: ${id}`, '# state: firing, warning', '# todo: See who calls', '10.0.0.66 (Agent "<!channel> [2J" came in a line of its own.)', '\tfiring\t']) expect(shown.stdout).toContain(text);
    expect(shown.stdout).not.toMatch(/(?![\t\n])\p{Cc}/u);
    expect(await home.json<AlertDetail>('alerts', 'show', id)).toMatchObject({ id, happened: expect.stringContaining('60 failed'), timesTold: 1, facts: { 'Used lately by': expect.stringContaining('billing/2') } });
  });

  test('somebody looks after one, with a reason, once', async () => {
    const [{ id } = { id: '' }] = await alerts('--rule', 'error_rate');
    expect(await home.keyturn('alerts', 'ack', id)).toMatchObject({ code: 2, stderr: expect.stringContaining('An acknowledgement wants a --reason') });
    expect(await home.keyturn('alerts', 'ack', id, '--reason', 'asking the payments team')).toMatchObject({ code: 0, stdout: expect.stringContaining(`You look after alert ${id}`) });
    expect(await home.keyturn('alerts', 'ack', id, '--reason', 'me too')).toMatchObject({ code: 0, stdout: expect.stringContaining('looks after it already') });
    expect(await alerts('--rule', 'error_rate')).toMatchObject([{ acknowledged: { by: expect.stringContaining('cli:alice@'), why: 'asking the payments team' } }]);
    expect((await home.keyturn('alerts', '--open')).stdout).toContain('looks after it');
  });

  test('a silence has an author, a reason and an end, mutes what it fits, and ends before its time', async () => {
    for (const [args, says] of [[['--for', '2h'], 'wants a --reason'], [['--reason', 'x'], 'wants an end'], [['--for', 'long', '--reason', 'x'], 'takes a duration'], [['--for', '400d', '--reason', 'x'], 'a year at most']] as const) {
      expect([args, await home.keyturn('silence', `credential=${NAME}`, ...args)]).toEqual([args, expect.objectContaining({ code: 2, stdout: '', stderr: expect.stringContaining(says) })]);
    }
    expect(await home.keyturn('silence', 'team=x', '--for', '2h', '--reason', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('is no matcher') });
    const made = await home.json<SilenceView & { mutes: number }>('silence', 'credential=prod-*', 'rule=error_rate', '--for', '2h', '--reason', 'load test');
    expect(made).toMatchObject({ mutes: 1, active: true, by: expect.stringContaining('cli:alice@'), why: 'load test' });
    expect((await home.keyturn('silences')).stdout).toMatch(new RegExp(`^${made.id}\\tcredential=prod-\\* rule=error_rate\\t\\S+Z\\tcli:alice@\\S+\\tload test\\t-$`, 'm'));
    expect(await alerts('--rule', 'error_rate')).toMatchObject([{ muted: { by: 'silence', id: made.id } }]);
    expect(await home.keyturn('silences', 'end', made.id, '--reason', 'done')).toMatchObject({ code: 0, stdout: expect.stringContaining('Ended silence') });
    expect([await home.json('silences'), await home.json('silences', '--all')]).toMatchObject([[], [{ id: made.id, active: false, endedBy: expect.stringContaining('cli:alice@') }]]);
    expect(await home.json('audit', '--limit', '200')).toEqual(expect.arrayContaining([expect.objectContaining({ why: 'load test' }), expect.objectContaining({ why: 'asking the payments team' })]));
  });

  test('where one would go is told with the reasons, and nothing is sent', async () => {
    const before = slack.messages.length;
    const route = await home.keyturn('alerts', 'route', '--dry-run', '--rule', 'error_rate', '--credential', NAME);
    expect([route.code, route.stdout]).toEqual([0, expect.stringContaining('ops')]);
    expect(await home.json('alerts', 'route', '--dry-run', '--rule', 'new_user_agent', '--credential', NAME)).toMatchObject({ severity: 'info', channels: [], owner: 'platform', lines: [{ takes: false, because: expect.stringContaining('severity') }] });
    expect(slack.messages.length).toBe(before);
  });

  test('a name that is none is an error that says so', async () => {
    for (const args of [['alerts', 'show', '01ZZ'], ['alerts', 'ack', '01ZZ', '--reason', 'x'], ['silences', 'end', '01ZZ'], ['alerts', 'route', '--rule', 'eror_rate'], ['alerts', 'route', '--credential', 'nobody'], ['alerts', '--credential', 'nobody'], ['alerts', '--rule', 'eror_rate']]) {
      expect([args, await home.keyturn(...args)]).toEqual([args, expect.objectContaining({ code: 5, stdout: '', stderr: expect.stringMatching(/^error: .*\n {2}\S/) })]);
    }
  });

  test('what people did outlives the worker', async () => {
    await worker.kill();
    worker = await home.up();
    expect(await alerts('--rule', 'error_rate')).toMatchObject([{ acknowledged: { why: 'asking the payments team' } }]);
    expect(said(FAILING)).toBe(1);
  }, 180_000);
});
