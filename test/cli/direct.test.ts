/** `keyturn revoke --direct` as a process of its own, where there is nothing but a configuration and an issuer. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseRecord } from '../../src/app/break-glass/text.ts';
import { authenticityOf, type SealedRecord } from '../../src/core/break-glass.ts';
import { attemptName } from '../../src/core/naming.ts';
import { Secret } from '../../src/core/secret.ts';
import { startSandbox, type RunningSandbox } from '../../src/sandbox/index.ts';
import { canMakeTerminal, keyturn, keyturnOnTerminal, LAUNCHER, type CliResult } from '../support/cli.ts';
import { until } from '../support/processes.ts';

const ROOT = 'root-key-of-the-tests-0123456789abcdef';
const OURS = 'abc234';

let sandbox: RunningSandbox;
let directory = '';
let attempts = 0;

beforeAll(async () => {
  sandbox = await startSandbox({ plan: 'enterprise', limits: { keys: null, requestsPerWindow: null, queries: null } });
});
afterAll(() => sandbox.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kt-direct-'));
  configure();
});
afterEach(async () => {
  await sandbox.setFaults([]);
  for (const key of (await sandbox.inspect()).keys) if (key.status === 'active' && key.name.includes('api')) await sandbox.revokeKey(key.id);
  rmSync(directory, { recursive: true, force: true });
});

function configure(issuers = '  hm: { type: hypermemory, adminKey: "${env:ADMIN}", baseUrl: "URL", timeout: 2s }\n'): void {
  writeFileSync(join(directory, 'keyturn.yaml'), `version: 1
issuers:
${issuers.replaceAll('URL', sandbox.url)}stores:
  env: { type: env-file }
credentials:
  prod-api: { issuer: hm, scopes: ['memory:write'], stores: [{ store: env, path: prod-api.env }] }
security: { rootKey: "\${env:ROOT}" }
`);
}

const env = (more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({ ADMIN: sandbox.adminKey, ROOT, HOME: directory, ...more });
const direct = (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
  keyturn(['revoke', ...args, '--direct', '--reason', 'it leaked'], { cwd: directory, env: env(more) });
const mint = (installation: string): Promise<{ readonly id: string; readonly key: string }> =>
  sandbox.mintKey({ name: attemptName('prod-api', installation, `R${(attempts += 1)}`, 1), scopes: ['memory:write'] });
const status = async (id: string): Promise<string | undefined> => (await sandbox.inspect()).keys.find((key) => key.id === id)?.status;
const recordAt = (path: string): SealedRecord => parseRecord(readFileSync(path, 'utf8'));
/** As a worker leaves its data directory. */
const begun = (): void => {
  mkdirSync(join(directory, '.keyturn'));
  writeFileSync(join(directory, '.keyturn', 'installation'), `${OURS}\n`);
};
const inDataDir = (): readonly string[] => readdirSync(join(directory, '.keyturn', 'break-glass')).map((file) => join(directory, '.keyturn', 'break-glass', file));

describe('revoke --direct', () => {
  it('revokes what this installation made for a credential, leaves what others made, and keeps a signed record', async () => {
    begun();
    const [mine, theirs] = [await mint(OURS), await mint('zzz999')];
    const result = await direct(['prod-api', '--yes']);
    expect([result.code, result.stdout]).toEqual([0, expect.stringMatching(new RegExp(`^hm\t${mine.id}\tprod-api-kt-${OURS}-\\w+\trevoked\t.*\n$`))]);
    expect([await status(mine.id), await status(theirs.id)]).toEqual(['revoked', 'active']);
    const [path = ''] = inDataDir();
    expect([recordAt(path), authenticityOf(recordAt(path), new Secret(ROOT))]).toEqual([expect.objectContaining({ keyId: mine.id, credential: 'prod-api', why: 'it leaked', outcome: 'revoked', revokedAt: expect.any(String) }), 'signed']);
    expect(readFileSync(path, 'utf8')).not.toContain(mine.key);
  });

  it('keeps no value that the reason quotes, and revokes nothing for a value that is given as an id', async () => {
    begun();
    const key = await mint(OURS);
    const refused = await direct([key.key, '--yes']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('begins as the values of keys do')]);
    expect([refused.stderr.includes(key.key), await status(key.id)]).toEqual([false, 'active']);
    expect((await keyturn(['revoke', key.id, '--direct', '--yes', '--reason', `"${key.key}" is in hm_live_ docs`], { cwd: directory, env: env() })).code).toBe(0);
    expect(inDataDir().map((path) => recordAt(path).why)).toEqual(['[secret] is in hm_live_ docs']);
  });

  it('where nothing tells the installation shows the keys and revokes none, until one is named', async () => {
    const [mine, theirs] = [await mint(OURS), await mint('zzz999')];
    const refused = await direct(['prod-api', '--yes']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(new RegExp(`${mine.id}[^]*${theirs.id}[^]*--installation ${OURS}, or --installation zzz999`))]);
    expect([await status(mine.id), await status(theirs.id)]).toEqual(['active', 'active']);
    expect((await direct(['prod-api', '--yes', '--installation', OURS])).code).toBe(0);
    expect([await status(mine.id), await status(theirs.id)]).toEqual(['revoked', 'active']);
    expect((await direct(['prod-api', '--yes', '--installation', OURS]))).toMatchObject({ code: 5, stderr: expect.stringContaining(theirs.id) });
    expect((await direct([theirs.id, '--yes'])).code).toBe(0);
    expect(await status(theirs.id)).toBe('revoked');
  });

  it('without a data directory keeps the record here, without a root key unsigned, and says both', async () => {
    const key = await mint(OURS);
    const result = await direct([key.id, '--yes'], { ROOT: '' });
    expect([result.code, result.stderr]).toEqual([0, expect.stringMatching(/could not be written where it was meant to be[^]*keyturn break-glass import [^]*not signed/)]);
    const [file = ''] = readdirSync(directory).filter((name) => name.startsWith('keyturn-break-glass-'));
    expect(recordAt(join(directory, file))).toMatchObject({ keyId: key.id, outcome: 'revoked', mac: null });
  });

  it('keeps it where it is told to, and prints it where it can keep it nowhere: the key dies all the same', async () => {
    const [one, two] = [await mint(OURS), await mint(OURS)];
    expect((await direct([one.id, '--yes', '--record', 'stick'])).code).toBe(0);
    expect(recordAt(join(directory, 'stick', readdirSync(join(directory, 'stick'))[0] ?? ''))).toMatchObject({ keyId: one.id });
    const three = await mint(OURS);
    expect((await direct([three.id, '--yes', '--record', '/proc/no/folder'])).code).toBe(0);
    expect(await status(three.id)).toBe('revoked');
    const nowhere = await keyturn(['revoke', two.id, '--direct', '--yes', '--reason', 'it leaked', '--config', join(directory, 'keyturn.yaml')], { cwd: '/proc', env: env() });
    expect(nowhere.code).toBe(0);
    expect(await status(two.id)).toBe('revoked');
    expect(parseRecord(nowhere.stderr.slice(nowhere.stderr.indexOf('{')))).toMatchObject({ keyId: two.id, outcome: 'revoked' });
  });

  it('says that a key is not known to be dead when the time is over, and never that it is', async () => {
    begun();
    const key = await mint(OURS);
    await sandbox.setFaults([{ match: { method: 'DELETE', path: '/v1/api-keys' }, effect: { kind: 'status', status: 500 } }]);
    const result = await direct([key.id, '--yes', '--timeout', '2s']);
    expect([result.code, result.stdout, result.stderr]).toEqual([1, expect.stringMatching(/\tunconfirmed\t/), expect.stringMatching(/dashboard now[^]*goes on with it as an emergency.*If the key is to live after all, remove .*\.json first/)]);
    expect([await status(key.id), inDataDir().map((path) => recordAt(path).outcome)]).toEqual(['active', ['unconfirmed']]);
  });

  it('stops at once where the issuer refuses the admin key', async () => {
    const key = await mint(OURS);
    const result = await direct([key.id, '--yes', '--json'], { ADMIN: 'hm_live_nobody' });
    expect([result.code, JSON.parse(result.stdout)]).toEqual([1, [expect.objectContaining({ outcome: 'unconfirmed', tries: 1, lastError: expect.stringContaining('admin key is invalid') })]]);
  });

  it('is revoked unseen where the issuer cannot list', async () => {
    const key = await mint(OURS);
    await sandbox.setFaults([{ match: { method: 'GET', path: '/v1/api-keys' }, effect: { kind: 'status', status: 500 } }]);
    expect(await direct([key.id, '--yes'])).toMatchObject({ code: 0, stdout: expect.stringContaining('\trevoked\t'), stderr: expect.stringContaining('does not list its keys, and is asked again') });
    expect(await status(key.id)).toBe('revoked');
  });

  it('is what revoke points at where no worker answers', async () => {
    expect(await keyturn(['revoke', 'prod-api', '--yes', '--reason', 'it leaked'], { cwd: directory, env: env() })).toMatchObject({ code: 3, stderr: expect.stringMatching(/keyturn up[^]*add --direct: docs\/break-glass\.md/) });
    expect((await keyturn(['status'], { cwd: directory, env: env() })).stderr).not.toContain('--direct');
  });

  it('completes the record when it is stopped', async () => {
    begun();
    const key = await mint(OURS);
    await sandbox.setFaults([{ match: { method: 'DELETE', path: '/v1/api-keys' }, effect: { kind: 'drop-before' } }]);
    const child = spawn(process.execPath, [LAUNCHER, 'revoke', key.id, '--direct', '--yes', '--reason', 'it leaked'], { cwd: directory, env: { PATH: process.env['PATH'], USER: 'alice', ...env() }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    await until(() => said.includes('not revoked yet'), 30_000, 'a try to fail');
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, inDataDir().map((path) => recordAt(path).outcome), await status(key.id)]).toEqual([130, ['stopped'], 'active']);
    expect(said).toContain('does not go on with it, since you stopped it');
  });

  it('wants a choice where two issuers list the key, a reason, and a yes', async () => {
    configure('  hm: { type: hypermemory, adminKey: "${env:ADMIN}", baseUrl: "URL" }\n  twin: { type: hypermemory, adminKey: "${env:ADMIN}", baseUrl: "URL" }\n');
    const key = await mint(OURS);
    expect(await direct([key.id, '--yes'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--issuer hm') });
    expect(await direct([key.id, '--issuer', 'hm'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await direct([key.id, '--issuer', 'nobody', '--yes'])).toMatchObject({ code: 5, stderr: expect.stringContaining('Configured: hm, twin') });
    expect(await keyturn(['revoke', key.id, '--direct', '--yes'], { cwd: directory, env: env() })).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') });
    expect(await keyturn(['revoke', 'prod-api', '--record', 'x', '--yes', '--reason', 'x'], { cwd: directory, env: env() })).toMatchObject({ code: 2, stderr: expect.stringContaining('--direct') });
    for (const more of [['--as', 'key'], ['--no-replace']]) expect(await direct([key.id, '--issuer', 'hm', '--yes', ...more])).toMatchObject({ code: 2, stderr: expect.stringContaining(more[0] ?? '') });
    expect(await status(key.id)).toBe('active');
    expect((await direct([key.id, '--issuer', 'twin', '--yes'])).code).toBe(0);
    expect(await status(key.id)).toBe('revoked');
  });

  it.skipIf(!canMakeTerminal())('shows a person what would die and which key is served, and takes no for an answer', async () => {
    begun();
    const [mine, theirs] = [await mint(OURS), await mint('zzz999')];
    writeFileSync(join(directory, 'prod-api.env'), `HYPERMEMORY_API_KEY=${mine.key}\n`, { mode: 0o600 });
    const declined = await keyturnOnTerminal(['revoke', 'prod-api', '--direct', '--reason', 'it leaked'], 300, {
      cwd: directory, env: env(), onOutput: (output, child) => void (output.includes('[y/N]') && child.stdin?.writable === true && child.stdin.end('n\n')),
    });
    expect(declined.code).toBe(1);
    expect(declined.stdout).toMatch(new RegExp(`${mine.id} {2}prod-api-kt-${OURS}-\\w+ {2}hm_live_… {2}created .*this installation of Keyturn made it; served by .*prod-api\\.env`));
    expect(declined.stdout).toContain(`Left alone, since other installations made them: ${theirs.id}.`);
    expect(await status(mine.id)).toBe('active');
  });
});
