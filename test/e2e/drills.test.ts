/** A drill as people have it: begun from the command line, measured, told; and one whose worker is killed in its middle. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DrillsView, DrillView } from '../../src/app/drills/operations.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import type { SlackCatcher } from '../support/slack.ts';
import { openScene, type Scene } from './scene.ts';
import { readEnv, reached, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAME = 'prod-api';

vi.setConfig({ testTimeout: 300_000 });

describe.each(RUNTIMES)('drills on $name', (runtime) => {
  let scene: Scene;
  let home: Home;
  let sandbox: SandboxProcess;
  let slack: SlackCatcher;
  let worker: Worker;
  const served = (): string => readEnv(join(home.directory, 'app.env'))['HYPERMEMORY_API_KEY'] ?? '';
  const folder = (): string => join(home.directory, '.keyturn', 'drills');
  const left = (): readonly string[] => (existsSync(folder()) ? readdirSync(folder()) : []);
  const living = async (): Promise<readonly string[]> => (await sandbox.keysOf(`drill-${NAME}`)).filter(({ status }) => status === 'active').map(({ name }) => name);

  beforeAll(async () => {
    scene = await openScene(runtime, { dataDir: 'none' });
    ({ home, sandbox, slack } = scene);
    home.configure(scene.configuration({
      channels: { ops: scene.slackChannel },
      policies: { monthly: { every: '30d', overlap: '0s', quiet: '0s', drill: 'monthly', timezone: 'Europe/Berlin' } },
      credentials: { [NAME]: { issuer: 'hypermemory', owner: 'platform', scopes: ['memory:write', 'memory:read'], policy: 'monthly', stores: [{ store: 'app-env' }] } },
    }));
    worker = await home.up();
    await reached(home, NAME, 'done');
  }, 400_000);
  afterAll(() => scene?.close());

  test('passes, is measured and told, and leaves nothing', async () => {
    const before = served();
    const { code, stdout, stderr } = await home.keyturn('drill', NAME, '--yes', '--wait', '--timeout', '90s', '--reason', 'before the audit');
    expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/\tpassed\t/), expect.stringMatching(/^Drill \w{26} has begun\.$/m)]);
    expect(stdout).toMatch(new RegExp(`^\\w{26}\t${NAME}\tpassed\t\\d+\t\\d+\t\n$`));
    const { drills, trends } = await home.json<DrillsView>('drills');
    expect(drills).toEqual([expect.objectContaining({ credential: NAME, state: 'passed', refusedBy: expect.stringMatching(/^(call|list)$/), why: 'before the audit' })]);
    expect(trends).toEqual([expect.objectContaining({ credential: NAME, passed: 1, drills: 1 })]);
    const keys = await sandbox.keysOf(`drill-${NAME}`);
    expect([keys.length, await living(), left(), served()]).toEqual([2, [], [], before]);
    await until(() => slack.messages.some(({ text }) => text.includes(`${NAME}: drill passed`)), 30_000, 'Slack to hear of it');
    expect(await home.json('incidents')).toEqual([]);
    expect((await home.keyturn('status')).stdout).not.toContain('drill');
  });

  test('a worker that is killed in the middle leaves a drill that the next one brings to its end', async () => {
    const before = served();
    await sandbox.faults({ name: 'slow', match: { method: 'DELETE' }, effect: { kind: 'delay', ms: 4_000 } });
    const { id } = await home.json<DrillView>('drill', NAME, '--yes');
    await until(async () => (await sandbox.struck('slow')) > 0, 60_000, 'the revocation to be sent');
    await worker.kill();
    expect(left()).toEqual([id]);
    await sandbox.faults();
    worker = await home.up();
    const drill = await until(async () => {
      const seen = await home.json<DrillView>('drills', 'show', id);
      return seen.finishedAt === null ? null : seen;
    }, 180_000, 'the drill to be over');
    expect(drill).toMatchObject({ state: 'passed', failure: null, timeToRevokeMs: expect.any(Number), timeToRecoverMs: expect.any(Number) });
    expect([await living(), left(), served()]).toEqual([[], [], before]);
  });

  test.each([[['drill', 'nobody', '--yes'], 5, 'nobody'], [['drill', NAME], 2, 'Add --yes'], [['drill'], 2, 'credential'], [['drills', 'show', '01ZZ'], 5, 'There is no drill 01ZZ.'], [['drills', '--credential', 'nobody'], 5, 'nobody'], [['drills', '--limit', '0'], 2, '--limit']] as const)('%j says what is wrong', async (args, code, says) => {
    expect(await home.keyturn(...args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
  });
});
