import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { client, minted, sandbox, sha256, temporaryDir } from './support.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** A sandbox as a process of its own; resolves when it printed its three lines. */
async function child(dataDir?: string): Promise<{ process: ChildProcess; url: string; lines: string[] }> {
  const spawned = spawn(process.execPath, [CHILD, ...(dataDir === undefined ? [] : [dataDir])], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void spawned.kill('SIGKILL'));
  const lines: string[] = [];
  for await (const line of createInterface({ input: spawned.stdout })) {
    lines.push(line);
    if (line.startsWith('Inspection: ')) break;
  }
  return { process: spawned, url: /http:\S+/.exec(lines[0] ?? '')?.[0] ?? '', lines };
}

const keyIn = (dir: string) => readFileSync(join(dir, 'admin.key'), 'utf8').trim();

describe('a data directory', () => {
  test('keeps keys, uses, revocations, memory, usage and the audit log over a restart', async () => {
    const dataDir = temporaryDir();
    const first = await startSandbox({ dataDir });
    const admin = client(first.url, first.adminKey);
    const kept = await minted(admin, 'kept', ['memory:write']);
    const dead = await minted(admin, 'dead', ['memory:read']);
    await client(first.url, kept.key).post('/api/v1/memory/store', { key: 'k', description: 'remembered' });
    await admin.del(`/v1/api-keys/${dead.id}`);
    const before = await first.inspect();
    await first.close();

    const second = await sandbox({ dataDir });
    expect(await second.inspect()).toEqual(before);
    expect(second.adminKey).toBe(first.adminKey);
    expect((await client(second.url, kept.key).post('/api/v1/memory/recall', { query: 'remembered' })).body['count']).toBe(1);
    expect((await client(second.url, dead.key).get('/v1/usage')).status).toBe(401);
    expect((await second.requests(kept.id)).total).toBe(2);
    const events = (await client(second.url, second.adminKey).get(`/v1/audit-log?key_id=${dead.id}`)).body['events'] as { type: string }[];
    expect(events.map(({ type }) => type)).toEqual(['key.created', 'key.revoked', 'auth.failed']);
  });

  test('keeps what a process acknowledged before it was killed', async () => {
    const dataDir = temporaryDir();
    const { process: spawned, url } = await child(dataDir);
    const admin = client(url, keyIn(dataDir));
    const { id, key } = await minted(admin, 'acknowledged', ['memory:read']);
    const revoked = await minted(admin, 'revoked', ['memory:read']);
    await admin.del(`/v1/api-keys/${revoked.id}`);
    expect((await client(url, key).get('/v1/usage')).status).toBe(200);
    spawned.kill('SIGKILL');
    await once(spawned, 'exit');

    const again = await sandbox({ dataDir });
    expect((await again.inspect()).keys.find((life) => life.id === id)).toMatchObject({ sha256: sha256(key), requests: 1, status: 'active' });
    expect((await client(again.url, key).get('/v1/usage')).status).toBe(200);
    expect((await client(again.url, revoked.key).get('/v1/usage')).status).toBe(401);
  });

  test('holds no value of a key but the admin key, in a file of mode 0600', async () => {
    const dataDir = temporaryDir();
    writeFileSync(join(dataDir, 'admin.key'), '', { mode: 0o644 });
    const box = await sandbox({ dataDir });
    const { key } = await minted(client(box.url, box.adminKey), 'secret', ['memory:read']);
    await client(box.url, key).get('/v1/usage');
    expect(statSync(join(dataDir, 'admin.key')).mode & 0o777).toBe(0o600);
    expect(keyIn(dataDir)).toBe(box.adminKey);
    expect(readdirSync(dataDir)).not.toContain('admin.key.new');
    for (const file of readdirSync(dataDir)) {
      const content = readFileSync(join(dataDir, file)).toString('latin1');
      expect([file, content.includes(key)]).toEqual([file, false]);
      if (file !== 'admin.key') expect([file, content.includes(box.adminKey)]).toEqual([file, false]);
    }
  });

  test('whose admin.key others may read is narrowed again; one that a crash left half written does not matter', async () => {
    const dataDir = temporaryDir();
    const first = await startSandbox({ dataDir });
    await first.close();
    chmodSync(join(dataDir, 'admin.key'), 0o644);
    writeFileSync(join(dataDir, 'admin.key.new'), 'hm_li', { mode: 0o644 });
    const second = await startSandbox({ dataDir });
    await second.close();
    expect([second.adminKey, statSync(join(dataDir, 'admin.key')).mode & 0o777]).toEqual([first.adminKey, 0o600]);
    const third = await sandbox({ dataDir, adminKey: 'hm_live_given' });
    expect([third.adminKey, keyIn(dataDir), statSync(join(dataDir, 'admin.key')).mode & 0o777]).toEqual(['hm_live_given', 'hm_live_given', 0o600]);
    expect((await client(third.url, first.adminKey).get('/v1/api-keys')).status).toBe(401);
  });

  test('whose admin.key was lost gets a new admin key, and the lost one is revoked', async () => {
    const dataDir = temporaryDir();
    const first = await startSandbox({ dataDir });
    await first.close();
    rmSync(join(dataDir, 'admin.key'));
    const second = await sandbox({ dataDir });
    expect((await client(second.url, first.adminKey).get('/v1/api-keys')).status).toBe(401);
    expect((await client(second.url, second.adminKey).get('/v1/api-keys')).status).toBe(200);
  });

  test('of another sandbox, or that cannot be used, is one clear sentence', async () => {
    const dataDir = temporaryDir();
    await sandbox({ dataDir });
    await expect(startSandbox({ dataDir })).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE', message: expect.stringContaining(dataDir) });
    const file = join(temporaryDir(), 'file');
    writeFileSync(file, '');
    await expect(startSandbox({ dataDir: file })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    const odd = temporaryDir();
    mkdirSync(join(odd, 'sandbox.db'));
    await expect(startSandbox({ dataDir: odd })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    const blocked = temporaryDir();
    mkdirSync(join(blocked, 'admin.key'));
    await expect(startSandbox({ dataDir: blocked })).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE', message: expect.stringContaining('admin.key') });
  });
});

describe('starting', () => {
  test('on a taken port says what to do, and gives the data directory free again', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const dataDir = temporaryDir();
    await expect(startSandbox({ port, dataDir })).rejects.toMatchObject({ code: 'PORT_IN_USE', message: expect.stringContaining(`Port ${port}`) });
    await sandbox({ dataDir });
  });

  test('with a wrong option names it, and does not quote a wrong admin key', async () => {
    await expect(startSandbox({ plan: 'gold' as 'pro' })).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('gold') });
    await expect(startSandbox({ port: 70_000 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(startSandbox({ adminKey: 'not a key' })).rejects.toMatchObject({ message: expect.not.stringContaining('not a key') });
  });

  test('with a given admin key takes it', async () => {
    const box = await sandbox({ adminKey: 'hm_live_given' });
    expect((await client(box.url, 'hm_live_given').get('/v1/api-keys')).status).toBe(200);
  });
});

describe('the command', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('prints where things are but no value, and stops cleanly on %s', async (signal) => {
    const dataDir = temporaryDir();
    const { process: spawned, url, lines } = await child(dataDir);
    expect(lines).toEqual([`HyperMemory sandbox: ${url} (plan developer)`, `Admin key: in ${join(dataDir, 'admin.key')}`, `Inspection: ${url}/__sandbox/keys`]);
    expect(lines.join('\n')).not.toContain(keyIn(dataDir));
    expect((await client(url).get('/__sandbox/keys')).status).toBe(200);
    spawned.kill(signal);
    expect(await once(spawned, 'exit')).toEqual([0, null]);
    await sandbox({ dataDir });
  });

  test('without a data directory cleans up after itself', async () => {
    const { process: spawned, lines } = await child();
    const file = lines[1]?.replace('Admin key: in ', '') ?? '';
    expect(statSync(file).mode & 0o777).toBe(0o600);
    spawned.kill('SIGTERM');
    await once(spawned, 'exit');
    expect(() => statSync(file)).toThrow('ENOENT');
  });
});
