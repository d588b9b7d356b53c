/** A key leaks: it is reported to a worker's open door, or by a scanner on the command line, and dies; the application has a new one. */
import { createHmac } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LeaksView } from '../../src/app/leak-views.ts';
import { LAUNCHER } from '../support/cli.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { openScene, type Scene } from './scene.ts';
import { readEnv, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAME = 'prod-api';
const SECRET = 'secret-of-the-scanner-0123';
/** As TruffleHog prints a finding. */
const line = (value: string): string => JSON.stringify({ SourceMetadata: { Data: { Git: { repository: 'https://github.com/o/r', file: '.env', line: 3, commit: 'abc' } } }, DetectorName: 'CustomRegex', Raw: value, RawV2: '' });

describe.each(RUNTIMES)('leaks on $name', (runtime) => {
  let scene: Scene;
  let home: Home;
  let sandbox: SandboxProcess;
  let worker: Worker;
  let api = '';
  const served = (): string => readEnv(join(home.directory, 'app.env'))['HYPERMEMORY_API_KEY'] ?? '';
  const report = async (value: string, secret = SECRET): Promise<number> => {
    const body = JSON.stringify({ leaks: [...Array.from({ length: 500 }, (_, n) => ({ value: `ghp_stranger_${n}` })), { value, url: `https://example.com/paste?key=${value}` }] });
    const seconds = Math.floor(Date.now() / 1_000);
    const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
    return (await fetch(`${api}/v1/leaks/scanner`, { method: 'POST', body, headers: { 'x-keyturn-signature': `t=${seconds},v1=${mac}` } })).status;
  };
  const view = (): Promise<LeaksView> => home.json<LeaksView>('leaks');

  beforeAll(async () => {
    scene = await openScene(runtime, { env: { SCANNER_SECRET: SECRET } });
    ({ home, sandbox, api } = scene);
    home.configure(scene.configuration({
      credentials: { [NAME]: { issuer: 'hypermemory', scopes: ['memory:write', 'memory:read'], policy: 'monthly', stores: [{ store: 'app-env' }] } },
      leaks: { sources: { scanner: { type: 'signed', secret: '${env:SCANNER_SECRET}' }, trufflehog: { type: 'trufflehog' } } },
      api: { listen: scene.listen },
    }));
    worker = await home.up();
    await until(() => sandbox.alive(served()), 40_000, 'the first key');
  });
  afterAll(() => scene?.close());

  test('its current key, among strangers: it dies, the application reads a new one, and nothing of the value is left', async () => {
    const leaked = served();
    expect([await report(leaked, 'wrong'), await report(leaked), await report(leaked)]).toEqual([401, 202, 202]);
    await until(async () => (await sandbox.alive(leaked)) === null, 20_000, 'the leaked key to die');
    const fresh = await until(async () => (served() !== leaked && (await sandbox.alive(served())) !== null ? served() : null), 40_000, 'the replacement');
    expect((await sandbox.keysOf(NAME)).filter(({ status }) => status === 'active')).toHaveLength(1);
    const { leaks, sources } = await view();
    expect(leaks.length).toBeGreaterThanOrEqual(1);
    expect(leaks).toContainEqual(expect.objectContaining({ outcome: 'emergency', credential: NAME, source: 'scanner', url: 'https://example.com/paste' }));
    expect(sources).toMatchObject([{ source: 'scanner', leaks: 501 * sources[0]!.deliveries, foreign: 500 * sources[0]!.deliveries }]);
    expect(JSON.stringify(leaks) + worker.output()).not.toContain(leaked);
    expect(fresh).not.toBe(leaked);
  });

  test('a scanner on the command line: what is dead already is said, and so is what was not understood', async () => {
    const dead = `hm_live_${'0'.repeat(48)}`;
    const child = spawn(process.execPath, [LAUNCHER, 'leaks', 'intake', '-', '--source', 'trufflehog'], { cwd: home.directory, env: { PATH: process.env['PATH'], HOME: home.directory, ...home.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    child.stdin.end(`${line(dead)}\nnot a finding\n${'x'.repeat(400_000)}\n`);
    const [code] = (await once(child, 'close')) as [number];
    expect([code, said]).toEqual([1, expect.stringContaining('Reported 1 leaked secret: 0 of yours, 1 like keys of your issuers')]);
    expect(said).toContain('Not understood: 2 lines');
    await until(async () => (await view()).leaks.some(({ outcome, looksLike }) => outcome === 'unmanaged' && looksLike === 'hypermemory'), 20_000, 'the outcome');
    expect((await home.keyturn('leaks')).stdout).toMatch(/\tunmanaged\thypermemory\t/);
    expect(await home.keyturn('leaks', '--source', 'nope')).toMatchObject({ code: 5, stderr: expect.stringContaining('No leak source is called nope') });
    expect((await home.keyturn('doctor')).stdout).toMatch(/^ok\tleak source\tscanner\ttakes signed reports/m);
  });

  test('a worker that is killed right after it took a report: the next one revokes', async () => {
    const leaked = served();
    expect(await report(leaked)).toBe(202);
    await worker.kill();
    worker = await home.up();
    await until(async () => (await sandbox.alive(leaked)) === null, 120_000, 'the leaked key to die');
    await until(async () => (served() !== leaked ? await sandbox.alive(served()) : null), 60_000, 'the replacement');
    await until(async () => (await view()).leaks.filter(({ outcome }) => outcome === 'emergency').length >= 2, 60_000, 'the outcome');
  }, 240_000);
});
