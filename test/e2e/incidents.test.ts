/** An emergency as people see it: a key is revoked from the command line, Slack hears what it did, and the report is read in each of its forms. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IncidentReport, IncidentView } from '../../src/app/incident-operations.ts';
import { reportSchema } from '../../src/incidents/index.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import type { SlackCatcher } from '../support/slack.ts';
import { GATEWAY, openScene, type Scene } from './scene.ts';
import { readEnv, reached, until, type Home } from './support.ts';

const NAME = 'prod-api';
const HOSTILE = '<script>alert(1)</script> | `[x](http://evil.example)` <!channel>';

describe.each(RUNTIMES)('an incident on $name', (runtime) => {
  let scene: Scene;
  let home: Home;
  let slack: SlackCatcher;
  let leaked = '';
  const served = (): string => readEnv(join(home.directory, 'app.env'))['HYPERMEMORY_API_KEY'] ?? '';
  const told = (): readonly string[] => slack.messages.filter(({ text }) => text.includes('what the revoked key did')).map((message) => JSON.stringify(message));
  const show = async (...args: readonly string[]) => home.keyturn('incidents', 'show', ...args);

  beforeAll(async () => {
    scene = await openScene(runtime);
    ({ home, slack } = scene);
    home.configure(scene.configuration({
      channels: { ops: scene.slackChannel },
      credentials: { [NAME]: { issuer: 'hypermemory', owner: 'platform', scopes: ['memory:write', 'memory:read'], policy: 'monthly', stores: [{ store: 'app-env' }] } },
      usage: { sources: { gateway: { ...GATEWAY, lateness: '0s' } } },
      api: { listen: scene.listen },
    }));
    await home.up();
    await reached(home, NAME, 'done');
    leaked = served();
    await scene.push({ key: leaked, address: '10.0.0.7', agent: 'billing/2.1', requests: 3 }, { key: leaked, address: '203.0.113.9', agent: HOSTILE });
    expect((await home.keyturn('revoke', NAME, '--yes', '--reason', 'pasted into a public issue', '--wait')).code).toBe(0);
    await scene.push({ key: leaked, address: '203.0.113.9', agent: HOSTILE, outcome: 'denied' }, { key: served(), address: '10.0.0.7', agent: 'billing/2.1' });
    await until(() => told().length > 0, 180_000, 'Slack to hear of it');
  }, 400_000);
  afterAll(() => scene?.close());

  test('Slack heard once, with who called, and nothing in it that calls or links', async () => {
    const [message = '', ...more] = told();
    expect([more, message.includes('keyturn incidents show 01')]).toEqual([[], true]);
    expect(message).toContain('billing/2.1');
    expect(message).not.toMatch(/<!channel|<http|<script/);
    expect(message.includes(leaked)).toBe(false);
  });

  test('is listed, with the report that was sent', async () => {
    const [only, ...none] = await home.json<readonly IncidentView[]>('incidents', '--credential', NAME);
    expect([only, none]).toEqual([expect.objectContaining({ credential: NAME, owner: 'platform', state: 'done', why: 'pasted into a public issue', reports: 1 }), []]);
    expect((await home.keyturn('incidents')).stdout).toMatch(new RegExp(`^${only?.id}\\t${NAME}\\tdone\\t.*\\tpasted into a public issue$`, 'm'));
  });

  test('is shown as Markdown, as a page and as JSON, and the value of no key is in any of them', async () => {
    const [{ id } = { id: '' }] = await home.json<readonly IncidentView[]>('incidents');
    const [markdown, html, json] = [await show(id.slice(0, 22)), await show(id, '--format', 'html'), await show(id, '--format', 'json')];
    for (const { code, stderr, stdout } of [markdown, html, json]) expect([code, stderr, stdout.includes(leaked), stdout.includes(served())]).toEqual([0, '', false, false]);
    expect(markdown.stdout).toMatch(/^# prod-api: emergency revocation\n[^]*## Who called\n[^]*billing\/2\.1[^]*## Open questions\n/);
    expect(html.stdout).toContain('&lt;script&gt;');
    expect(html.stdout).not.toContain('<script');
    const report: IncidentReport = reportSchema.parse(JSON.parse(json.stdout));
    expect(report).toMatchObject({ incident: { id, of: 'rotation' }, status: 'recovered', usage: { seen: [{ source: 'gateway', requests: 4, refusedAfter: 1 }] }, recovery: { stores: [{ afterMs: expect.any(Number) }] } });
    expect(report.usage.callers.map(({ address, usesReplacement }) => [address, usesReplacement])).toEqual([['10.0.0.7', true], ['203.0.113.9', false]]);
    expect(report.audit.filter(({ hash }) => hash !== null).length).toBeGreaterThan(5);
  });

  test.each([[['incidents', 'show', '01ZZ'], 5, 'There is no incident 01ZZ.\n  See `keyturn incidents`.'], [['incidents', '--credential', 'nobody'], 5, 'nobody'], [['incidents', 'show', '-x'], 2, 'unknown option'], [['incidents', 'show', 'a b'], 2, 'is no id']] as const)('%j says what is wrong', async (args, code, says) => {
    expect(await home.keyturn(...args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
  });

  test('a rotation that is no emergency leads to where it is shown', async () => {
    const rotations = await home.json<readonly { readonly id: string; readonly kind: string }[]>('rotations');
    const other = rotations.find(({ kind }) => kind !== 'emergency')?.id ?? '';
    expect(await show(other)).toMatchObject({ code: 5, stderr: expect.stringContaining(`keyturn rotations show ${other}`) });
  });
});
