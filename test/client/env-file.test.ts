import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyRing, type EnvFileOptions, type KeyRingEvent } from '../../src/client/index.ts';
import { startApi, type Api } from './api.ts';

/** So long that a test which passes did not owe it to the poll. */
const NEVER_MS = 3_600_000;

let dir: string;
let file: string;
let server: Api;
let events: KeyRingEvent[];
const rings: KeyRing[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keyring-'));
  file = join(dir, 'app.env');
  server = await startApi(['one', 'two', 'three']);
  events = [];
});

afterEach(async () => {
  for (const ring of rings.splice(0)) ring.close();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

function ringOn(options: EnvFileOptions = {}, path = file): KeyRing {
  const ring = KeyRing.fromEnvFile(path, { baseUrl: server.url, onEvent: (event) => events.push(event), pollMs: NEVER_MS, ...options });
  rings.push(ring);
  return ring;
}

const keys = (primary: string, backup?: string): string =>
  `# written by a test\nHYPERMEMORY_API_KEY=${primary}\n${backup === undefined ? '' : `HYPERMEMORY_API_KEY_BACKUP='${backup}'\n`}`;

async function replaceFile(text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function keySent(ring: KeyRing): Promise<string | undefined> {
  await ring.fetch('/');
  return server.keysSeen().at(-1);
}

const problems = (): string[] => events.flatMap((event) => (event.type === 'problem' ? [event.code] : []));
const becomes = (ring: KeyRing, key: string): Promise<void> => vi.waitFor(async () => expect(await keySent(ring)).toBe(key), { timeout: 10_000 });

describe('an env file that changes', () => {
  it('is noticed when another file is renamed into its place, again and again', async () => {
    await writeFile(file, keys('one'));
    const ring = ringOn();
    expect(await keySent(ring)).toBe('one');
    await replaceFile(keys('two', 'one'));
    await becomes(ring, 'two');
    await replaceFile(keys('three'));
    await becomes(ring, 'three');
    expect(server.calls.every(({ status }) => status === 200)).toBe(true);
  });

  it('is noticed when it is rewritten in place', async () => {
    await writeFile(file, keys('one'));
    const ring = ringOn();
    expect(await keySent(ring)).toBe('one');
    await writeFile(file, keys('two'));
    await becomes(ring, 'two');
  });

  it('is noticed by the poll where no event comes: behind a link into another directory', async () => {
    await mkdir(join(dir, 'elsewhere'));
    await mkdir(join(dir, 'linked'));
    file = join(dir, 'elsewhere', 'app.env');
    await writeFile(file, keys('one'));
    await symlink(file, join(dir, 'linked', 'app.env'));
    const ring = ringOn({ pollMs: 20 }, join(dir, 'linked', 'app.env'));
    expect(await keySent(ring)).toBe('one');
    await replaceFile(keys('two'));
    await becomes(ring, 'two');
  });

  it('is noticed when its directory is linked anew, as Kubernetes does', async () => {
    for (const [version, key] of [['v1', 'one'], ['v2', 'two']] as const) {
      await mkdir(join(dir, version));
      await writeFile(join(dir, version, 'app.env'), keys(key));
    }
    await symlink('v1', join(dir, '..data'));
    await symlink(join('..data', 'app.env'), file);
    const ring = ringOn();
    expect(await keySent(ring)).toBe('one');
    await symlink('v2', join(dir, '..new'));
    await rename(join(dir, '..new'), join(dir, '..data'));
    await becomes(ring, 'two');
  });

  it('is read after a 401 even when nothing was noticed', async () => {
    await mkdir(join(dir, 'elsewhere'));
    await mkdir(join(dir, 'linked'));
    file = join(dir, 'elsewhere', 'app.env');
    await writeFile(file, keys('one'));
    await symlink(file, join(dir, 'linked', 'app.env'));
    const ring = ringOn({}, join(dir, 'linked', 'app.env'));
    expect(await keySent(ring)).toBe('one');
    await replaceFile(keys('two'));
    server.accept('two');
    expect((await ring.fetch('/')).status).toBe(200);
    expect(server.keysSeen()).toEqual(['one', 'one', 'two']);
  });

  it('with the names that were asked for, and only those', async () => {
    await writeFile(file, 'HYPERMEMORY_API_KEY=one\nexport MY_KEY="two"\n');
    expect(await keySent(ringOn({ primary: 'MY_KEY', backup: 'MY_BACKUP' }))).toBe('two');
  });
});

describe('an env file in a bad way', () => {
  it('that is missing for a moment leaves the keys in use, tells it once, and is taken up again', async () => {
    await writeFile(file, keys('one'));
    const ring = ringOn({ pollMs: 10 });
    expect(await keySent(ring)).toBe('one');
    await rm(file);
    await vi.waitFor(() => expect(ring.status().problem?.code).toBe('missing'));
    expect(await keySent(ring)).toBe('one');
    await writeFile(file, keys('one'));
    await vi.waitFor(() => expect(ring.status().problem).toBeNull());
    expect(problems()).toEqual(['missing']);
    expect(events.at(-1)).toMatchObject({ type: 'refreshed', changed: false });
  });

  it('whose directory was away for a moment is taken up again, though the file itself never changed', async () => {
    const [here, away] = [join(dir, 'here'), join(dir, 'away')];
    await mkdir(here);
    file = join(here, 'app.env');
    await writeFile(file, keys('one'));
    const ring = ringOn({ pollMs: 10 });
    await ring.ready();
    await rename(here, away);
    await vi.waitFor(() => expect(ring.status().problem?.code).toBe('missing'));
    await rename(away, here);
    await vi.waitFor(() => expect(ring.status().problem).toBeNull());
  });

  it.each([
    ['empty', 'empty', ''],
    ['blank', 'empty', '\n \n'],
    ['without the key', 'no-key', 'OTHER=1\n'],
    ['with an empty key', 'no-key', "HYPERMEMORY_API_KEY=''\n"],
    ['with half a line', 'no-key', 'HYPERMEMORY_API_KEY="thr'],
    ['with a key of two words', 'bad-key', 'HYPERMEMORY_API_KEY="a b"\n'],
  ])('that is %s leaves the keys in use', async (_how, code, text) => {
    await writeFile(file, keys('one'));
    const ring = ringOn();
    expect(await keySent(ring)).toBe('one');
    await replaceFile(text);
    await vi.waitFor(() => expect(ring.status().problem?.code).toBe(code));
    expect(await keySent(ring)).toBe('one');
    await replaceFile(keys('two'));
    await becomes(ring, 'two');
    expect(ring.status().problem).toBeNull();
  });

  it.each([
    ['a directory', () => mkdir(file)],
    ['huge', () => replaceFile(keys('two') + '#'.repeat(2 * 1024 * 1024))],
    ['a link to itself, which nobody can read', () => symlink(file, file)],
  ])('that is %s leaves the keys in use', async (_what, put) => {
    await writeFile(file, keys('one'));
    const ring = ringOn({ pollMs: 10 });
    expect(await keySent(ring)).toBe('one');
    await rm(file);
    await put();
    await vi.waitFor(() => expect(ring.status().problem?.code).toBe('unreadable'));
    expect(await keySent(ring)).toBe('one');
  });

  it('that is not there yet at the start is found when it comes, its directory too', async () => {
    file = join(dir, 'later', 'app.env');
    const ring = ringOn({ pollMs: 10 });
    await expect(ring.ready()).rejects.toThrow(`The env file ${file} is not there.`);
    await mkdir(join(dir, 'later'));
    await writeFile(file, keys('one'));
    await vi.waitFor(() => expect(ring.status().using).toBe('primary'));
    expect(await keySent(ring)).toBe('one');
  });

  it('is left alone once the ring is closed', async () => {
    await writeFile(file, keys('one'));
    const ring = ringOn({ pollMs: 5 });
    await ring.ready();
    ring.close();
    events.length = 0;
    const witness = ringOn({ pollMs: 50 });
    await witness.ready();
    await replaceFile(keys('two'));
    await becomes(witness, 'two');
    expect(events.map(({ type }) => type)).toEqual(['refreshed', 'refreshed']);
  });
});

describe('a rotation under constant load', () => {
  it.each([
    ['the old key dies a while after the file was replaced', 4],
    ['the old key dies at the same moment', 0],
  ])('fails no request: %s', async (_when, afterCalls) => {
    server.accept('one');
    await writeFile(file, keys('one'));
    const ring = ringOn();
    const failures: unknown[] = [];
    const calls = Array.from({ length: 8 }, () => 0);
    const stop = new AbortController();
    const client = async (_: unknown, n: number): Promise<void> => {
      while (!stop.signal.aborted) {
        const answer = await ring.fetch('/', { method: 'POST', body: 'x' }).catch((error: unknown) => error);
        if (!(answer instanceof Response) || answer.status !== 200) failures.push(answer);
        else await answer.arrayBuffer();
        calls[n] = (calls[n] ?? 0) + 1;
        await turn();
      }
    };
    const clients = calls.map(client);
    // Each of them: one that lags behind for two rotations would hold a key that is rightly dead.
    const after = (count: number, start = [...calls]): Promise<void> =>
      vi.waitFor(() => expect(calls.every((made, n) => made >= (start[n] ?? 0) + count)).toBe(true), { timeout: 20_000 });
    let old = 'one';
    for (let round = 1; round <= 5; round += 1) {
      const fresh = `round-${round}`;
      await after(3);
      server.accept(old, fresh);
      await replaceFile(keys(fresh, old));
      if (afterCalls > 0) await after(afterCalls);
      server.accept(fresh);
      await after(3);
      await replaceFile(keys(fresh));
      old = fresh;
    }
    await after(3);
    stop.abort();
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(server.keysSeen().at(-1)).toBe('round-5');
  });

  it('rolled back: the file goes back to the old key, and no request fails', async () => {
    server.accept('one', 'two');
    await writeFile(file, keys('one'));
    const ring = ringOn();
    expect(await keySent(ring)).toBe('one');
    await replaceFile(keys('two', 'one'));
    await becomes(ring, 'two');
    await replaceFile(keys('one'));
    server.accept('one');
    expect((await ring.fetch('/')).status).toBe(200);
    await becomes(ring, 'one');
  });
});
