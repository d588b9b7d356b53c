import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startApplication, type ApplicationReport } from '../../src/demo/application.ts';
import { readServed } from '../../src/demo/env-file.ts';
import { inspectorOf } from '../../src/demo/inspector.ts';
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

test('the env file is read as fingerprints that match what the sandbox shows', async () => {
  const { api, mint, publish, envFile } = await rig();
  expect(await readServed(envFile)).toEqual({ current: null, backup: null });
  const [current, backup] = [await mint('current-key'), await mint('backup-key')];
  publish(current.key, backup.key);
  expect(await readServed(envFile)).toEqual({ current: sha256(current.key), backup: sha256(backup.key) });
  const keys = await inspectorOf(api.url).keys();
  expect(keys.map(({ name }) => name)).toEqual(['current-key', 'backup-key']);
});
