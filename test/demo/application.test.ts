import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startApplication, type ApplicationReport } from '../../src/demo/application.ts';
import { REFUSED, type Call } from '../../src/demo/caller.ts';
import { readServed, servedValue } from '../../src/demo/env-file.ts';
import { gapOf, isExcused } from '../../src/demo/gap.ts';
import { inspectorOf } from '../../src/demo/inspector.ts';
import { startOutsider } from '../../src/demo/outsider.ts';
import { minted, client, sandbox, sha256, temporaryDir } from '../sandbox/support.ts';

const SCOPES = ['memory:read', 'memory:write'];
const UPDATE = '/api/v1/memory/update';

async function rig() {
  const api = await sandbox({ plan: 'enterprise' });
  const envFile = join(temporaryDir(), 'app.env');
  writeFileSync(envFile, '');
  const application = await startApplication({ apiUrl: api.url, envFile, everyMs: 10 });
  onTestFinished(() => application.stop());
  const admin = client(api.url, api.adminKey);
  const ask = async (path: string, method = 'GET'): Promise<ApplicationReport & { status: number }> => {
    const response = await fetch(application.url + path, { method });
    return { ...((await response.json()) as ApplicationReport), status: response.status };
  };
  return {
    api, envFile,
    mint: (name: string) => minted(admin, name, SCOPES),
    publish: (key: string, backup?: string) => {
      writeFileSync(`${envFile}.new`, `HYPERMEMORY_API_KEY=${key}\n${backup === undefined ? '' : `HYPERMEMORY_API_KEY_BACKUP=${backup}\n`}`);
      renameSync(`${envFile}.new`, envFile);
    },
    health: () => ask('/healthz'),
    drain: () => ask('/drain', 'POST'),
    calls: async () => (await (await fetch(`${application.url}/calls`)).json()) as readonly Call[],
  };
}

const eventually = async (look: () => Promise<void>): Promise<void> => vi.waitFor(look, { timeout: 10_000, interval: 20 });

test('without a key the application is red and calls nobody; with its first key it turns green', async () => {
  const { mint, publish, health } = await rig();
  expect(await health()).toMatchObject({ status: 503, ok: false, why: 'waiting for a key', requests: 0, using: null });
  publish((await mint('first-key')).key);
  await eventually(async () => expect(await health()).toMatchObject({ status: 200, ok: true, failures: 0, using: 'primary' }));
});

test('a new key that one place refuses turns it red, but no call fails: the backup serves', async () => {
  const { api, mint, publish, health } = await rig();
  const [old, bad] = [await mint('old-key'), await mint('bad-key')];
  publish(old.key);
  await eventually(async () => expect(await health()).toMatchObject({ ok: true }));
  await api.setFaults([{ name: 'refusal', match: { path: UPDATE, keyName: 'bad-key' }, effect: { kind: 'status', status: 401 } }]);
  publish(bad.key, old.key);
  await eventually(async () => expect(await health()).toMatchObject({ status: 503, using: 'backup', failures: 0 }));
  expect(await inspectorOf(api.url).struck('refusal')).toBeGreaterThan(0);
  publish(old.key);
  await eventually(async () => expect(await health()).toMatchObject({ status: 200, using: 'primary', failures: 0 }));
});

test('the only key dying is a failure, said without the key', async () => {
  const { api, mint, publish, health } = await rig();
  const { id, key } = await mint('only-key');
  publish(key);
  await eventually(async () => expect(await health()).toMatchObject({ ok: true }));
  await api.revokeKey(id);
  await eventually(async () => expect((await health()).failures).toBeGreaterThan(0));
  const { status, lastFailure } = await health();
  expect(status).toBe(503);
  expect(lastFailure).toMatch(/^(GET|POST) \/api\/v1\/memory\/\w+: status 401$/);
});

test('drained, it has counted every call that the service saw, and makes no more', async () => {
  const { api, mint, publish, health, drain } = await rig();
  const { id, key } = await mint('the-key');
  publish(key);
  await eventually(async () => expect((await health()).requests).toBeGreaterThan(20));
  const last = await drain();
  expect(last.failures).toBe(0);
  expect((await api.requests(id)).total).toBe(last.requests);
  await new Promise((resolve) => { setTimeout(resolve, 100); });
  expect((await health()).requests).toBe(last.requests);
});

test('its record has every call, and between a key\'s death and the next one\'s first answer nothing but refusals', async () => {
  const { api, mint, publish, health, drain, calls } = await rig();
  const [leaked, next] = [await mint('leaked-key'), await mint('next-key')];
  publish(leaked.key);
  await eventually(async () => expect((await health()).requests).toBeGreaterThan(20));
  await api.revokeKey(leaked.id);
  await eventually(async () => expect((await health()).failures).toBeGreaterThan(3));
  publish(next.key);
  await eventually(async () => expect(await health()).toMatchObject({ ok: true }));
  const [last, record] = [await drain(), await calls()];
  const gap = gapOf((await inspectorOf(api.url).keys()).find(({ id }) => id === leaked.id), record);
  expect(record).toHaveLength(last.requests);
  expect(record.filter(({ problem }) => problem !== null)).toHaveLength(last.failures);
  expect(record.filter((call) => call.problem !== null && !isExcused(call, gap))).toEqual([]);
});

test('whoever else has a key calls with it until it is refused, and not once more', async () => {
  const { api, mint } = await rig();
  const { id, key } = await mint('found-key');
  const outsider = startOutsider({ baseUrl: api.url, key, agent: 'somebody/1.0', everyMs: 5 });
  onTestFinished(() => outsider.stop());
  await eventually(async () => expect(outsider.calls.filter(({ problem }) => problem === null).length).toBeGreaterThan(3));
  await api.revokeKey(id);
  await eventually(async () => expect(outsider.calls.at(-1)?.problem).toBe(REFUSED));
  await outsider.stop();
  expect(outsider.calls.filter(({ problem }) => problem !== null)).toHaveLength(1);
  expect((await inspectorOf(api.url).keys())[0]).toMatchObject({ requests: outsider.calls.length - 1, requests_after_revocation: 1 });
});

test('the env file is read as fingerprints that match what the sandbox shows', async () => {
  const { api, mint, publish, envFile } = await rig();
  expect(await readServed(envFile)).toEqual({ current: null, backup: null });
  const [current, backup] = [await mint('current-key'), await mint('backup-key')];
  publish(current.key, backup.key);
  expect(await readServed(envFile)).toEqual({ current: sha256(current.key), backup: sha256(backup.key) });
  expect(await servedValue(envFile)).toBe(current.key);
  const keys = await inspectorOf(api.url).keys();
  expect(keys.map(({ name }) => name)).toEqual(['current-key', 'backup-key']);
});
