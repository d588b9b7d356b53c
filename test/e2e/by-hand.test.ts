/** What people do by hand while a worker runs, and what they are told; judged by the sandbox, the env files and Slack. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canMakeTerminal, keyturnOnTerminal } from '../support/cli.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import type { SlackCatcher } from '../support/slack.ts';
import { openScene, type Scene } from './scene.ts';
import { issuerAt, readEnv, until, type Home, type SandboxProcess } from './support.ts';

const NAMES = ['prod-api', 'prod-web', 'ci-testing'];
const LEGACY = 'prod-legacy';

describe.each(RUNTIMES)('by hand on $name', (runtime) => {
  let scene: Scene;
  let home: Home;
  let sandbox: SandboxProcess;
  let slack: SlackCatcher;
  let legacyKey: string;
  const envFile = (name: string): string => join(home.directory, 'env', `${name}.env`);
  const served = (name: string): string => readEnv(envFile(name))['HYPERMEMORY_API_KEY'] ?? '';
  const rotates = async (name: string): Promise<void> => {
    const before = served(name);
    expect([name, (await home.keyturn('rotate', name, '--wait')).code]).toEqual([name, 0]);
    expect([await sandbox.alive(before), (await sandbox.alive(served(name)))?.status]).toEqual([null, 'active']);
  };
  const isPaused = async (name: string, resume: string): Promise<void> => {
    const before = served(name);
    const refused = await home.keyturn('rotate', name, '--wait');
    expect([name, refused.code, refused.stderr]).toEqual([name, 4, expect.stringMatching(new RegExp(`paused by cli:alice@.*: freeze\\. Nothing was requested\\.\\n {2}.*\`keyturn resume ${resume}\``))]);
    expect([served(name), (await sandbox.alive(before))?.status]).toEqual([before, 'active']);
  };
  const configuration = (extra: Record<string, readonly unknown[]> = {}): Record<string, unknown> => {
    const credential = (name: string, owner: string): unknown => ({ issuer: name === 'ci-testing' ? 'second' : 'hm', owner, scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'env', path: envFile(name), record: true }, ...(extra[name] ?? [])] });
    return scene.configuration({
      issuers: { hm: issuerAt(sandbox, { plan: 'enterprise' }), second: issuerAt(sandbox, { plan: 'enterprise' }) },
      stores: { env: { type: 'env-file', createIfMissing: true } },
      channels: { ops: scene.slackChannel },
      credentials: { 'prod-api': credential('prod-api', 'platform'), 'prod-web': credential('prod-web', 'platform'), 'ci-testing': credential('ci-testing', 'ci'), [LEGACY]: credential(LEGACY, 'old') },
    });
  };

  beforeAll(async () => {
    scene = await openScene(runtime, { plan: 'enterprise', dataDir: 'all' });
    ({ home, sandbox, slack } = scene);
    mkdirSync(join(home.directory, 'env'));
    const { id, key } = await sandbox.mint('made-by-a-person', ['memory:write']);
    legacyKey = id;
    writeFileSync(envFile(LEGACY), `# ours since 2024\nHYPERMEMORY_API_KEY=${key}\nPORT=1\n`);
    home.configure(configuration());
    await home.up();
    await until(async () => (await home.json<{ credentials: { credential: string; health: string }[] }>('status')).credentials.filter((one) => one.health === 'ok').length === NAMES.length, 60_000, 'the first keys');
  });
  afterAll(() => scene?.close());

  test('pausing one credential, one issuer or everything stops just that, says by whom and why, and ends with resume', async () => {
    expect(await home.keyturn('pause', 'prod-api', '--reason', 'freeze')).toMatchObject({ code: 0 });
    await isPaused('prod-api', 'prod-api');
    expect((await home.keyturn('status')).stdout).toMatch(/# Paused: credential prod-api, by cli:alice@.*: freeze/);
    await rotates('prod-web');
    expect(await home.keyturn('resume', 'prod-api')).toMatchObject({ code: 0 });
    expect(await home.keyturn('pause', '--issuer', 'hm', '--reason', 'freeze')).toMatchObject({ code: 0 });
    await isPaused('prod-web', '--issuer hm');
    await rotates('ci-testing');
    expect(await home.keyturn('resume', '--issuer', 'hm')).toMatchObject({ code: 0 });
    await rotates('prod-api');
  });

  test('rotate --owner rotates every credential of that owner, and nobody else\'s', async () => {
    const before = NAMES.map(served);
    const rotated = await home.keyturn('rotate', '--owner', 'platform', '--wait');
    expect([rotated.code, rotated.stdout]).toEqual([0, expect.stringMatching(/\tprod-api\tdone\t[^]*\tprod-web\tdone\t|\tprod-web\tdone\t[^]*\tprod-api\tdone\t/)]);
    const alive = await Promise.all(before.map((value) => sandbox.alive(value)));
    expect(alive.map((key) => key?.status ?? 'dead')).toEqual(['dead', 'dead', 'active']);
  });

  test('revoke wants a reason and a yes; then the key is dead at once and replaced, even while everything is paused', async () => {
    const before = served('ci-testing');
    expect(await home.keyturn('revoke', 'ci-testing', '--yes')).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') });
    expect(await home.keyturn('revoke', 'ci-testing', '--reason', 'leaked')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    if (canMakeTerminal()) {
      const declined = await keyturnOnTerminal(['revoke', 'ci-testing', '--reason', 'leaked'], 100, {
        cwd: home.directory, env: { ...home.env, HOME: home.directory },
        onOutput: (output, child) => void (output.includes('[y/N]') && child.stdin?.writable === true && child.stdin.end('n\n')),
      });
      expect([declined.code, declined.stdout]).toEqual([1, expect.stringContaining('ci-testing')]);
    }
    expect((await sandbox.alive(before))?.status).toBe('active');
    expect(await home.keyturn('pause', '--all', '--reason', 'freeze')).toMatchObject({ code: 0 });
    await isPaused('prod-api', '--all');
    const revoked = await home.keyturn('revoke', 'ci-testing', '--yes', '--reason', 'leaked', '--wait');
    expect([revoked.code, revoked.stderr.replace(/^.*\n/, '')]).toEqual([0, '']);
    expect([await sandbox.alive(before), (await sandbox.alive(served('ci-testing')))?.status]).toEqual([null, 'active']);
    expect((await sandbox.keysOf('ci-testing')).filter((key) => key.status === 'active')).toHaveLength(1);
    expect(await home.keyturn('resume', '--all')).toMatchObject({ code: 0 });
    await rotates('prod-api');
  });

  test('a key that a person made is left alone until it is adopted, and rotated from then on', async () => {
    const value = served(LEGACY);
    expect(await home.json('status')).toMatchObject({ credentials: expect.arrayContaining([expect.objectContaining({ credential: LEGACY, health: 'unbound', currentKey: null })]) });
    expect(await home.keyturn('rotate', LEGACY)).toMatchObject({ code: 4, stderr: expect.stringContaining(`keyturn adopt ${LEGACY} --key-id`) });
    const wrong = (await sandbox.keysOf('prod-web')).find((key) => key.status === 'active')?.id ?? '';
    expect(await home.keyturn('adopt', LEGACY, '--key-id', wrong)).toMatchObject({ code: 4, stdout: '' });
    expect(await home.keyturn('adopt', LEGACY, '--key-id', 'key_nowhere')).toMatchObject({ code: 4, stdout: '' });
    expect((await sandbox.alive(value))?.status).toBe('active');
    expect(await home.keyturn('adopt', LEGACY, '--key-id', legacyKey, '--reason', 'ours')).toMatchObject({ code: 0, stderr: '' });
    await rotates(LEGACY);
    expect(await sandbox.alive(value)).toBeNull();
    expect(Object.keys(readEnv(envFile(LEGACY)))).toEqual(['HYPERMEMORY_API_KEY', 'PORT']);
  });

  test('publish fills a newly added place with the current key, without a rotation', async () => {
    home.configure(configuration({ 'prod-web': [{ store: 'env', path: envFile('web-copy') }] }));
    expect(await home.keyturn('reload')).toMatchObject({ code: 0 });
    const minted = (await sandbox.keysOf('prod-web')).length;
    expect((await home.keyturn('doctor')).stdout).toMatch(/problem\tstore\tprod-web: .*web-copy.*It is empty\. Fill it with `keyturn publish prod-web`/);
    const published = await home.keyturn('publish', 'prod-web');
    expect([published.code, published.stdout]).toEqual([0, expect.stringMatching(/web-copy.*\tfilled|web-copy.*\tpublished/)]);
    expect([served('web-copy'), (await sandbox.keysOf('prod-web')).length]).toEqual([served('prod-web'), minted]);
    expect((await home.keyturn('publish', 'prod-web')).stdout).toMatch(/web-copy.*\talready/);
    await rotates('prod-web');
    expect(served('web-copy')).toBe(served('prod-web'));
  });

  test('the key of a credential that left the configuration is left alone, and shown as undeclared', async () => {
    const value = served(LEGACY);
    const { credentials, ...rest } = configuration();
    home.configure({ ...rest, credentials: Object.fromEntries(Object.entries(credentials as object).filter(([name]) => name !== LEGACY)) });
    expect(await home.keyturn('reload')).toMatchObject({ code: 0 });
    expect(await home.keyturn('rotate', LEGACY)).toMatchObject({ code: 5 });
    const id = (await sandbox.alive(value))?.id;
    expect(await home.json('keys')).toContainEqual(expect.objectContaining({ credential: LEGACY, issuerKeyId: id, state: 'undeclared' }));
    expect(readEnv(envFile(LEGACY))['HYPERMEMORY_API_KEY']).toBe(value);
  });

  test('a message that Slack refuses is visibly stuck, in status and doctor, until it is tried again', async () => {
    const told = (): number => slack.messages.filter((message) => message.text.includes('ci-testing')).length;
    const stuck = async (): Promise<readonly unknown[]> => (await home.json<{ stuckDeliveries: unknown[] }>('status')).stuckDeliveries;
    // The report of an emergency of before comes when it is ready.
    await until(async () => (await home.json<{ reports: number }[]>('incidents')).every(({ reports }) => reports > 0), 240_000, 'every incident to be told of');
    await until(async () => (await home.json<{ figures: { deliveriesWaiting: number } }>('status')).figures.deliveriesWaiting === 0, 40_000, 'messages to be delivered');
    const before = told();
    slack.failNext({ kind: 'error', method: 'chat.postMessage', error: 'channel_not_found' });
    await rotates('ci-testing');
    await until(async () => (await stuck()).length === 1, 40_000, 'the message to be stuck');
    expect(told()).toBe(before);
    expect((await home.keyturn('status')).stdout).toMatch(/ops.*channel_not_found|channel_not_found.*ops/);
    expect(await home.keyturn('doctor')).toMatchObject({ code: 1, stdout: expect.stringMatching(/problem\tledger\toutbox\t.*keyturn deliveries retry/) });
    expect(await home.keyturn('deliveries', 'retry', 'nobody')).toMatchObject({ code: 5, stderr: expect.stringContaining('Declared: ops.') });
    expect(await home.keyturn('deliveries', 'retry', 'ops')).toMatchObject({ code: 0, stdout: expect.stringContaining('1') });
    await until(() => told() === before + 1, 40_000, 'the message to arrive');
    await until(async () => (await stuck()).length === 0, 40_000, 'nothing to be stuck');
    expect(await home.keyturn('doctor')).toMatchObject({ code: 0 });
  }, 400_000);
});
