import { execFile, spawnSync } from 'node:child_process';
import {
  appendFileSync, chmodSync, chownSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { SecretStore } from '../../src/ports/store.ts';
import { createEnvFileStore, type EnvFileOptions } from '../../src/stores/env-file/index.ts';
import { mountPoints } from '../../src/stores/env-file/mounts.ts';
import type { VictimOrder, VictimReport } from './env-file-victim.ts';

const OLD = 'hm_live_old_0123456789abcdef';
const NEW = 'hm_live_new_fedcba9876543210';
const TEXT = `# app\nPORT=1\nKEY=${OLD}\nLAST='x y'\n`;
const PROMOTED = `# app\nPORT=1\nKEY=${NEW}\nKEY_BACKUP=${OLD}\nLAST='x y'\n`;
const NOBODY = 65_534;
const VICTIM = fileURLToPath(new URL('env-file-victim.ts', import.meta.url));
const asRoot = process.geteuid?.() === 0;
const run = promisify(execFile);
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

/** How to get a mount namespace of one's own here, or null: then only what needs no mount is tested. */
const unshare = [['-m'], ['-rm']].find((flags) => spawnSync('unshare', [...flags, 'true']).status === 0) ?? null;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keyturn-env-'));
  path = join(directory, 'app.env');
  writeFileSync(path, TEXT);
  chmodSync(path, 0o640);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);
const storeAt = (options: Partial<EnvFileOptions> = {}): SecretStore => createEnvFileStore({ name: 'env', path, variable: 'KEY', ...options });

async function promote(store: SecretStore, text = NEW, displaced: 'keep' | 'drop' = 'keep'): Promise<void> {
  const { version } = await store.read(signal());
  await store.promote({ attempt: 'a', value: new Secret(text), expect: version, displaced }, signal());
}

function spawnVictim(order: VictimOrder, wrap: (command: string[]) => string[] = (command) => command): { killed: boolean; report: VictimReport | null } {
  const [file = '', ...args] = wrap([process.execPath, VICTIM, JSON.stringify(order)]);
  const ran = spawnSync(file, args, { encoding: 'utf8' });
  if (ran.signal === null && ran.stdout === '') throw new Error(ran.stderr);
  return { killed: ran.signal === 'SIGKILL', report: ran.stdout === '' ? null : (JSON.parse(ran.stdout) as VictimReport) };
}

/** Files beside the env file that others than the owner may read; one about to replace it may be as open as it is. */
const loose = (): string[] =>
  readdirSync(directory).filter((name) => {
    const allowed = name === 'app.env' || name.includes('-tmp.') ? 0o640 : 0o600;
    return (statSync(at(name)).mode & 0o777 & ~allowed) !== 0;
  });
const fatals = async (store: SecretStore): Promise<string[]> => (await store.probe(signal())).filter(({ fatal }) => fatal).map(({ message }) => message);
const warnings = async (store: SecretStore): Promise<string[]> => (await store.probe(signal())).filter(({ fatal }) => !fatal).map(({ message }) => message);

describe('env-file: what is on disk', () => {
  it('holds a pending key in a file that only its owner can read, and nothing that an application reads changes', async () => {
    const before = statSync(path, { bigint: true });
    await storeAt().stage('a', new Secret(NEW), signal());
    const after = statSync(path, { bigint: true });
    expect([after.ino, after.mtimeNs, readFileSync(path, 'utf8')]).toEqual([before.ino, before.mtimeNs, TEXT]);
    expect(readdirSync(directory).sort()).toEqual(['.app.env.keyturn-KEY', 'app.env']);
    expect(statSync(join(directory, '.app.env.keyturn-KEY')).mode & 0o777).toBe(0o600);
  });

  it('keeps comments, order, mode and owner, and leaves nothing behind once the old key is retired', async () => {
    if (asRoot) chownSync(path, 1234, 2345);
    const { uid, gid } = statSync(path);
    const store = storeAt();
    await store.stage('a', new Secret(NEW), signal());
    await promote(store);
    expect(readFileSync(path, 'utf8')).toBe(PROMOTED);
    await store.retire(({ value }) => value.equals(new Secret(OLD)), 'superseded', signal());
    expect(readFileSync(path, 'utf8')).toBe(TEXT.replace(OLD, NEW));
    expect(readdirSync(directory)).toEqual(['app.env']);
    const now = statSync(path);
    expect([now.mode & 0o777, now.uid, now.gid]).toEqual([0o640, uid, gid]);
  });

  it('keeps a byte order mark, CRLF, other encodings and a missing last line break', async () => {
    const bytes = Buffer.concat([Buffer.from('\uFEFFA=1\r\n# caf'), Buffer.from([0xe9]), Buffer.from(`\r\nKEY="${OLD}"`)]);
    writeFileSync(path, bytes);
    await promote(storeAt({ backupVariable: null }));
    expect(readFileSync(path).toString('latin1')).toBe(bytes.toString('latin1').replace(OLD, NEW));
  });

  it('replaces the target of a symbolic link, not the link, and both are one location', async () => {
    const link = join(directory, 'link.env');
    symlinkSync('app.env', link);
    const store = storeAt({ path: link });
    await promote(store);
    expect(readlinkSync(link)).toBe('app.env');
    expect(readFileSync(path, 'utf8')).toBe(PROMOTED);
    expect(store.location).toBe(storeAt().location);
  });

  it('creates a missing file only when allowed to, with the mode asked for', async () => {
    const missing = join(directory, 'new.env');
    await expect(storeAt({ path: missing }).stage('a', new Secret(NEW), signal())).rejects.toMatchObject({ code: 'STORE_MISSING', todo: expect.stringContaining('createIfMissing') });
    const store = storeAt({ path: missing, createIfMissing: true, mode: 0o640 });
    await store.stage('a', new Secret(NEW), signal());
    expect(existsSync(missing)).toBe(false);
    await promote(store);
    expect([readFileSync(missing, 'utf8'), statSync(missing).mode & 0o777]).toEqual([`KEY=${NEW}\n`, 0o640]);
  });

  it('does not overwrite a file that somebody creates at the last moment', async () => {
    const missing = join(directory, 'new.env');
    const store = storeAt({ path: missing, createIfMissing: true });
    await atFirstSync(() => writeFileSync(missing, 'THEIRS=1\n'), async () => {
      await expect(promote(store)).rejects.toMatchObject({ code: 'STORE_CONFLICT', effect: 'none' });
    });
    expect(readFileSync(missing, 'utf8')).toBe('THEIRS=1\n');
  });

  it('loses nothing of a line that somebody adds while the new file is being written', async () => {
    await atFirstSync(() => appendFileSync(path, 'THEIRS=1\n'), async () => {
      await expect(promote(storeAt(), NEW, 'drop')).rejects.toMatchObject({ code: 'STORE_CONFLICT', effect: 'none' });
    });
    expect(readFileSync(path, 'utf8')).toBe(`${TEXT}THEIRS=1\n`);
    await promote(storeAt());
    expect(readFileSync(path, 'utf8')).toBe(`${PROMOTED}THEIRS=1\n`);
  });

  it('never leaves a dying key as the backup after a rollback', async () => {
    const store = storeAt();
    await promote(store);
    await promote(store, OLD, 'drop');
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
    expect(readdirSync(directory)).toEqual(['app.env']);
  });

  it('refuses values that no env file can hold, and lines that would not be read back', async () => {
    await expect(storeAt().stage('a', new Secret('two\nlines of a value'), signal())).rejects.toMatchObject({ code: 'STORE_UNSUITABLE' });
    writeFileSync(path, 'A="never closed\n');
    await expect(promote(storeAt(), 'x" # closes it')).rejects.toMatchObject({ code: 'STORE_UNSUITABLE', todo: expect.stringContaining('Close the quote') });
    expect(readFileSync(path, 'utf8')).toBe('A="never closed\n');
  });
});

/** Does something the moment that a new file is first synced, which is right before it is moved in. */
async function atFirstSync(act: () => void, work: () => Promise<void>): Promise<void> {
  const sample = await open('/dev/null');
  const handles = Object.getPrototypeOf(sample) as { sync: FileHandle['sync'] };
  await sample.close();
  const original = handles.sync;
  let acted = false;
  handles.sync = function sync(this: FileHandle) {
    if (!acted) act();
    acted = true;
    return original.call(this);
  };
  await work().finally(() => {
    handles.sync = original;
  });
  expect(acted).toBe(true);
}

describe('env-file: processes that die, starve or compete', () => {
  it('leaves a whole file wherever it is killed, nothing that others can read, and the next call clears up', async () => {
    let deaths = 0;
    let opened = 0;
    for (let dieAt = 1; ; dieAt += 1) {
      writeFileSync(path, TEXT);
      const { killed } = spawnVictim({ path, variable: 'KEY', values: [NEW], dieAt });
      expect([TEXT, PROMOTED], `killed at change ${dieAt}`).toContain(readFileSync(path, 'utf8'));
      expect(loose(), `killed at change ${dieAt}`).toEqual([]);
      expect(statSync(path).mode & 0o777).toBe(0o640);
      opened += readdirSync(directory).filter((name) => name.includes('-tmp.') && (statSync(at(name)).mode & 0o077) !== 0).length;
      const store = storeAt();
      await store.stage('KEY-0', new Secret(NEW), signal());
      const { version } = await store.read(signal());
      await store.promote({ attempt: 'KEY-0', value: new Secret(NEW), expect: version, displaced: 'keep' }, signal());
      expect(readFileSync(path, 'utf8'), `killed at change ${dieAt}`).toBe(PROMOTED);
      expect((await store.read(signal())).slots.map(({ role }) => role), `killed at change ${dieAt}`).toEqual(['current', 'backup', 'displaced']);
      expect(readdirSync(directory).sort(), `killed at change ${dieAt}`).toEqual(['.app.env.keyturn-KEY', 'app.env']);
      await store.retire(() => true, 'superseded', signal());
      expect(readdirSync(directory)).toEqual(['app.env']);
      if (!killed) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(20);
    expect(opened, 'only the file that is renamed next may be as readable as the one that it replaces').toBe(1);
  });

  it('keeps nothing of a change that died once everything is retired, also where the next caller changes nothing else', async () => {
    let deaths = 0;
    for (let dieAt = 1; ; dieAt += 1) {
      writeFileSync(path, TEXT);
      const { killed } = spawnVictim({ path, variable: 'KEY', values: [NEW], retire: true, dieAt });
      await storeAt().retire(() => true, 'rejected', signal());
      expect(readdirSync(directory), `killed at change ${dieAt}`).toEqual(['app.env']);
      if (!killed) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(20);
  });

  it('says that the disk is full, with the old file intact and no half-written one left', () => {
    const filler = `# ${'x'.repeat(20_000)}\n`;
    writeFileSync(path, filler + TEXT);
    // A limit on file sizes fails a write half-way, as a full disk does, and needs no disk of its own.
    const { report } = spawnVictim({ path, variable: 'KEY', values: [NEW] }, (command) => ['sh', '-c', 'ulimit -f 8; exec "$@"', 'sh', ...command]);
    expect(report).toMatchObject({ done: false, code: 'STORE_UNAVAILABLE', sentence: expect.stringContaining('Free space') });
    expect(readFileSync(path, 'utf8')).toBe(filler + TEXT);
    expect(readdirSync(directory).sort()).toEqual(['.app.env.keyturn-KEY', 'app.env']);
  });

  it('serves several processes that write one file at once, each its own variable', async () => {
    const variables = ['KEY_A', 'KEY_B', 'KEY_C'];
    const values = [1, 2, 3, 4].map((at) => `hm_live_value_${at}`);
    const ran = await Promise.all(variables.map((variable) => run(process.execPath, [VICTIM, JSON.stringify({ path, variable, values, retire: true } satisfies VictimOrder)])));
    expect(ran.map(({ stdout }) => (JSON.parse(stdout) as VictimReport).done)).toEqual([true, true, true]);
    const lines = readFileSync(path, 'utf8').split('\n').filter((line) => line !== '');
    expect(lines.toSorted()).toEqual([...TEXT.split('\n').filter((line) => line !== ''), ...variables.map((variable) => `${variable}=hm_live_value_4`)].toSorted());
    expect(readdirSync(directory)).toEqual(['app.env']);
  });

  it('takes over the lock of a dead process at once, and of another machine after a while', async () => {
    const lock = (name: string): string => join(directory, `.app.env.keyturn-lock.${name}`);
    writeFileSync(lock('othermachine.1.2.abc'), '');
    await expect(storeAt({ callTimeoutMs: 300 }).stage('a', new Secret(NEW), signal())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const old = new Date(Date.now() - 60_000);
    utimesSync(lock('othermachine.1.2.abc'), old, old);
    await storeAt({ callTimeoutMs: 3_000 }).stage('a', new Secret(NEW), signal());
    expect(readdirSync(directory).filter((name) => name.includes('lock'))).toEqual([]);
  });
});

describe('env-file: doctor', () => {
  it('finds nothing to say about an ordinary file, and changes nothing', async () => {
    const before = readdirSync(directory);
    expect(await storeAt().probe(signal())).toEqual([]);
    expect(readdirSync(directory)).toEqual(before);
  });

  it('warns of doubled lines, hard links and files that everybody may read', async () => {
    appendFileSync(path, `KEY=${OLD}\n`);
    linkSync(path, join(directory, 'other-name'));
    chmodSync(path, 0o644);
    const found = (await warnings(storeAt())).join('\n');
    for (const expected of ['more than once', 'hard links', 'chmod o-rwx']) expect(found).toContain(expected);
    expect(found).not.toContain(OLD);
  });

  it('refuses a missing file or directory, a directory, and a computed value', async () => {
    expect(await fatals(storeAt({ path: at('none.env') }))).toEqual([expect.stringContaining('createIfMissing')]);
    expect(await fatals(storeAt({ path: at('none/x.env'), createIfMissing: true }))).toEqual([expect.stringContaining('ENOENT')]);
    mkdirSync(at('d'));
    expect(await fatals(storeAt({ path: at('d') }))).toEqual([expect.stringContaining('not an ordinary file')]);
    writeFileSync(path, 'KEY=$OTHER\n');
    expect(await fatals(storeAt())).toEqual([expect.stringContaining(':1 computes KEY')]);
  });

  it('knows mount points with spaces in their names', () => {
    expect(mountPoints('36 35 98:0 / /srv/my\\040app/.env rw,noatime master:1 - ext4 /dev/root rw\n')).toEqual(['/srv/my app/.env']);
  });

  if (asRoot) {
    it('finds a directory and a file that it has no right to replace', () => {
      chmodSync(directory, 0o755);
      chmodSync(path, 0o644);
      const probe = (): string => (spawnVictim({ path, variable: 'KEY', values: [], uid: NOBODY }).report?.problems ?? []).filter(({ fatal }) => fatal).map(({ message }) => message).join('\n');
      expect(probe()).toContain('write its directory');
      expect(spawnVictim({ path, variable: 'KEY', values: [NEW], uid: NOBODY }).report).toMatchObject({ code: 'STORE_DENIED' });
      chmodSync(directory, 0o777);
      expect(probe()).toContain('may not give a new copy');
      expect(spawnVictim({ path, variable: 'KEY', values: [NEW], uid: NOBODY }).report).toMatchObject({ code: 'STORE_UNSUITABLE' });
      chmodSync(directory, 0o1777);
      expect(probe()).toContain('sticky');
      expect(readFileSync(path, 'utf8')).toBe(TEXT);
    });
  }

  if (unshare !== null) {
    const inNamespace = (mount: string) => (command: string[]): string[] => ['unshare', ...unshare, 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...command];

    it('finds a file that is mounted by itself before anything is created, and fails safely if told to go on', () => {
      const wrap = inNamespace(`mount --bind '${path}' '${path}'`);
      const { report } = spawnVictim({ path, variable: 'KEY', values: [] }, wrap);
      expect(report?.problems).toContainEqual({ fatal: true, message: expect.stringContaining('Mount the directory') });
      expect(spawnVictim({ path, variable: 'KEY', values: [NEW] }, wrap).report).toMatchObject({ code: 'STORE_UNSUITABLE', sentence: expect.stringContaining('EBUSY') });
      expect(readFileSync(path, 'utf8')).toBe(TEXT);
    });

    it('finds a read-only mount', () => {
      const wrap = inNamespace(`mount --bind '${directory}' '${directory}' && mount -o remount,bind,ro '${directory}'`);
      const { report } = spawnVictim({ path, variable: 'KEY', values: [] }, wrap);
      expect(report?.problems).toEqual([{ fatal: true, message: expect.stringContaining('read-only') }]);
      expect(spawnVictim({ path, variable: 'KEY', values: [NEW] }, wrap).report).toMatchObject({ code: 'STORE_UNSUITABLE', sentence: expect.stringContaining('EROFS') });
    });
  }
});
