import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { createCommandHook } from '../../src/hooks/command/index.ts';
import type { CommandHookOptions } from '../../src/hooks/command/index.ts';
import type { HookEvent } from '../../src/ports/check.ts';

const event: HookEvent = { event: 'rolled_back', credential: 'prod-api-server', rotationId: '01JR', id: '01JD' };
const never = new AbortController().signal;

describe('command hook', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keyturn-hook-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const hook = (script: string, options: Partial<CommandHookOptions> = {}) => createCommandHook({ name: 'reload', command: ['sh', '-c', script], cwd: folder, ...options });
  const text = (name: string) => readFile(join(folder, name), 'utf8');

  it('tells the command what happened, by its environment, and nothing else of ours', async () => {
    process.env['KEYTURN_TEST_WORKER_SECRET'] = 'do-not-hand-on';
    await hook('env > seen', { env: { EXTRA: 'yes' } }).run(event, never);
    delete process.env['KEYTURN_TEST_WORKER_SECRET'];
    const names = (await text('seen')).split('\n').map((line) => line.split('=', 1)[0] ?? '').filter((name) => !['', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name));
    expect(names.sort()).toEqual(['EXTRA', 'HOME', 'KEYTURN_CREDENTIAL', 'KEYTURN_DELIVERY', 'KEYTURN_EVENT', 'KEYTURN_ROTATION', 'PATH']);
    expect(await text('seen')).toContain('KEYTURN_EVENT=rolled_back');
  });

  it('hands arguments on as they are, through no shell', async () => {
    const script = join(folder, 'show.mjs');
    await writeFile(script, "import { writeFileSync } from 'node:fs'; writeFileSync('seen', JSON.stringify(process.argv.slice(2)));");
    const args = ['$(touch pwned)', '; touch pwned', '*', 'a b', '"', ''];
    await createCommandHook({ name: 'reload', command: [process.execPath, script, ...args], cwd: folder }).run(event, never);
    expect(JSON.parse(await text('seen'))).toEqual(args);
  });

  it('fails with the exit code and the end of what the command said', async () => {
    await expect(hook('echo from out; echo "from err" >&2; exit 3').run(event, never)).rejects.toMatchObject({ code: 'HOOK_FAILED', message: expect.stringMatching(/sh ended 3.*from out/s) });
    await expect(hook('echo "from err" >&2; kill -SEGV $$').run(event, never)).rejects.toMatchObject({ message: expect.stringMatching(/was killed by SIGSEGV.*from err/s) });
  });

  it('says when the program is not there', async () => {
    const missing = createCommandHook({ name: 'reload', command: ['keyturn-no-such-program'] });
    await expect(missing.run(event, never)).rejects.toMatchObject({ code: 'HOOK_FAILED', message: expect.stringContaining('could not be started (ENOENT)') });
    expect((await missing.probe(never)).ok).toBe(false);
  });

  it('shows no secret that the command printed, even after a flood of output', async () => {
    const secret = new Secret('printed-by-command-662607');
    await writeFile(join(folder, 'leak'), secret.reveal());
    const error: unknown = await hook('i=0; while [ $i -lt 4000 ]; do echo "line $i of a long log"; i=$((i+1)); done; cat leak; exit 1').run(event, never).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('[secret]');
    expect(String(error)).not.toContain(secret.reveal());
    expect(String(error).length).toBeLessThan(2_000);
  });

  it.each(['sleep 60', 'trap "" TERM; sleep 60 & echo $! > child; wait; sleep 60'])('kills the whole process group at the time-out: %s', async (script) => {
    const began = performance.now();
    await expect(hook(`echo $$ > parent; ${script}`, { timeoutMs: 300 }).run(event, never)).rejects.toMatchObject({ message: expect.stringContaining('did not end within 0.3 s') });
    expect(performance.now() - began).toBeLessThan(4_000);
    for (const name of ['parent', 'child']) {
      const pid = Number(await text(name).catch(() => '0'));
      if (pid > 0) await vi.waitFor(async () => expect(await alive(pid)).toBe(false));
    }
  });

  it('does not wait for a daemon that the command leaves behind', async () => {
    const began = performance.now();
    await hook('sleep 5 & exit 0').run(event, never);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('stops the command when told to', async () => {
    const stop = new AbortController();
    const run = hook('echo $$ > parent; sleep 60').run(event, stop.signal);
    await vi.waitFor(() => text('parent'));
    stop.abort(new Error('shutting down'));
    await expect(run).rejects.toThrow('shutting down');
    expect(await alive(Number(await text('parent')))).toBe(false);
  });

  it('refuses a secret in arguments or environment, also one that becomes known later', async () => {
    const early = new Secret('known-early-299792');
    expect(() => createCommandHook({ name: 'reload', command: ['echo', `--key=${early.reveal()}`] })).toThrow(/secret/);
    expect(() => createCommandHook({ name: 'reload', command: ['echo'], env: { KEY: early.reveal() } })).toThrow(/secret/);
    const hooked = hook('touch ran', { env: { KEY: 'known-late-458212' } });
    expect(new Secret('known-late-458212').toString()).toBe('[secret]');
    await expect(hooked.run(event, never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(text('ran')).rejects.toThrow(/ENOENT/);
  });

  it('its probe finds the program without running it', async () => {
    expect((await hook('touch ran').probe(never)).ok).toBe(true);
    expect((await createCommandHook({ name: 'reload', command: [process.execPath] }).probe(never)).ok).toBe(true);
    expect((await createCommandHook({ name: 'reload', command: ['node'], path: dirname(process.execPath) }).probe(never)).detail).toContain('may be executed');
    await expect(text('ran')).rejects.toThrow(/ENOENT/);
  });
});

/** A zombie counts as dead: nobody in a container may be there to reap it. */
async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}
