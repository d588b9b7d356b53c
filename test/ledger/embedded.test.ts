import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { openEmbedded, type Embedded } from '../../src/ledger/embedded.ts';
import { lockDataDir, openLedger } from '../../src/ledger/index.ts';
import { until } from '../support/processes.ts';
import { ROOT_KEY, RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { ROOT_KEY_TEXT } from './writer-key.ts';

const embedded = RUNTIMES.find((runtime) => runtime.name === 'embedded');

describe('an embedded ledger', () => {
  let running: RunningRuntime;
  let writer: ChildProcess | null = null;
  beforeEach(async () => {
    if (embedded === undefined) throw new Error('embedded always runs');
    running = await embedded.start();
  });
  afterEach(async () => {
    writer?.kill('SIGKILL');
    await running.stop();
  });

  /** Starts a writer and calls back with each number that it says it has written. */
  function startWriter(onLine: (line: string) => void): Promise<void> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), running.dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    writer = child;
    createInterface({ input: child.stdout }).on('line', onLine);
    return new Promise((resolve) => child.once('exit', () => resolve()));
  }

  test('keeps every acknowledged write when its process is killed, and the next one gets in at once', async () => {
    let acknowledged = 0;
    for (const atLeast of [20, 60, 33]) {
      const goal = acknowledged + atLeast;
      const before = acknowledged;
      const ended = startWriter((line) => {
        if (line !== 'open') acknowledged = before + Number(line);
      });
      await until(() => acknowledged >= goal, 30_000);
      writer?.kill('SIGKILL');
      await ended;
      const { ledger, pool } = await openLedger({ dataDir: running.dataDir, rootKey: new Secret(ROOT_KEY_TEXT) });
      const { rows } = await pool.query('select count(*)::int as n from keyturn.audit');
      // The last write may have been made and not yet told.
      expect([acknowledged, acknowledged + 1]).toContain(rows[0]?.['n']);
      acknowledged = Number(rows[0]?.['n']);
      while ((await ledger.seal(1000)) > 0);
      expect(await ledger.verifyAudit()).toMatchObject({ ok: true, sealed: acknowledged });
      await ledger.close();
    }
  });

  test('refuses a directory that another process holds, and says which', async () => {
    let open = false;
    const ended = startWriter(() => {
      open = true;
    });
    await until(() => open, 30_000);
    const refused = openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY });
    await expect(refused).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE', message: expect.stringContaining(`process ${writer?.pid}`) });
    writer?.kill('SIGKILL');
    await ended;
    lockDataDir(running.dataDir).release();
  });

  test('refuses a directory that this process holds, and gives it back when closed', async () => {
    const { ledger, lock } = await openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY });
    expect(lock?.dataDir).toBe(running.dataDir);
    expect(() => lockDataDir(running.dataDir)).toThrow(/in use/);
    await ledger.close();
    await ledger.close();
    lockDataDir(running.dataDir).release();
  });

  test('a wrong root key is refused and leaves the directory free', async () => {
    await (await openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY })).ledger.close();
    await expect(openLedger({ dataDir: running.dataDir, rootKey: new Secret('another-root-key-entirely') })).rejects.toMatchObject({ code: 'ROOT_KEY_MISMATCH' });
    const { ledger } = await openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY });
    await ledger.close();
    await expect(ledger.now()).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' });
  });

  test('sync is cheap enough to be called before every effect', async () => {
    const { ledger } = await openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY });
    const times: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      await ledger.setPause({ scope: 'credential', name: String(n), actor: { who: 't', why: 'w' } });
      const start = performance.now();
      await ledger.sync();
      times.push(performance.now() - start);
    }
    await ledger.close();
    const median = times.sort((a, b) => a - b)[10] ?? Number.NaN;
    console.log(`sync: median ${median.toFixed(2)} ms`);
    expect(median).toBeLessThan(50);
  });

  test.each([
    ['PostgreSQL mode never loads PGlite', { databaseUrl: 'postgres://u:p@127.0.0.1:1/x' }, '/pg-pool/', '@electric-sql'],
    ['embedded mode never loads node-postgres', {}, '@electric-sql', '/pg-pool/'],
  ])('%s', async (_name, options, loaded, absent) => {
    const script = `
      import { registerHooks } from 'node:module';
      const urls = [];
      registerHooks({ resolve(name, context, next) { const found = next(name, context); urls.push(found.url); return found; } });
      const { openLedger } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/ledger/index.ts'))});
      const { Secret } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/core/secret.ts'))});
      const options = { dataDir: process.argv[1], rootKey: new Secret('0123456789'), ...${JSON.stringify(options)} };
      await openLedger(options).then(({ ledger }) => ledger.close(), (error) => console.log(error.code));
      console.log(JSON.stringify([${JSON.stringify(loaded)}, ${JSON.stringify(absent)}].map((part) => urls.some((url) => url.includes(part)))));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, running.dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    await new Promise((resolve) => child.once('exit', resolve));
    expect(lines.at(-1)).toBe('[true,false]');
  });
});

describe('the data directory', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'keyturn-dir-'));
  });
  afterEach(() => {
    chmodSync(parent, 0o700);
    rmSync(parent, { recursive: true, force: true });
  });

  test('is made when missing, readable to its owner only, and names its holder', () => {
    const dataDir = join(parent, 'a', 'b');
    const lock = lockDataDir(dataDir);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'lock')).mode & 0o077).toBe(0);
    expect(readFileSync(join(dataDir, 'lock.pid'), 'utf8').trim()).toBe(String(process.pid));
    lock.release();
    lock.release();
    expect(existsSync(join(dataDir, 'lock.pid'))).toBe(false);
  });

  test('that cannot be made is one clear sentence', () => {
    writeFileSync(join(parent, 'file'), '');
    expect(() => lockDataDir(join(parent, 'file', 'data'))).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('cannot be used') }));
  });

  test('with a lock file that is no database is one clear sentence', () => {
    mkdirSync(join(parent, 'data'));
    writeFileSync(join(parent, 'data', 'lock'), 'x'.repeat(5000));
    expect(() => lockDataDir(join(parent, 'data'))).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('the pool over PGlite', () => {
  let opened: Embedded;
  let directory: string;
  beforeEach(async () => {
    if (embedded === undefined) throw new Error('embedded always runs');
    directory = (await embedded.start()).dataDir;
    opened = await openEmbedded(join(directory, 'ledger'));
    await opened.pool.query('create table public.t (n int)');
  });
  afterEach(async () => {
    await opened.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('statements of others wait while a client is in a transaction, and see nothing of what it rolls back', async () => {
    const client = await opened.pool.connect();
    await client.query('begin');
    await client.query('insert into public.t values (1)');
    const others = Promise.all([opened.pool.query('select count(*)::int as n from public.t'), opened.pool.query('insert into public.t values (2)')]);
    await client.query('insert into public.t values (3)');
    await client.query('rollback');
    client.release();
    const [counted] = await others;
    expect(counted.rows).toEqual([{ n: 0 }]);
    expect((await opened.pool.query('select n from public.t')).rows).toEqual([{ n: 2 }]);
  });

  test('a failed statement does not end its transaction, and a client given back inside one does not lock out the rest', async () => {
    const client = await opened.pool.connect();
    await client.query('begin');
    await client.query('insert into public.t values (1)');
    await expect(client.query('select broken')).rejects.toMatchObject({ code: '42703' });
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    client.release();
    await expect(client.query('select 1')).rejects.toThrow('released');
    expect((await opened.pool.query('select count(*)::int as n from public.t')).rows).toEqual([{ n: 0 }]);
  });

  test('statements that follow each other without end leave sockets and timers their turn', async () => {
    const loop = { turned: false };
    let statements = 0;
    setTimeout(() => (loop.turned = true), 20);
    const busy = async (): Promise<void> => {
      for (; !loop.turned && statements < 20_000; statements += 1) await opened.pool.query('select 1');
    };
    await Promise.all([busy(), busy(), busy()]);
    expect(loop.turned).toBe(true);
  });

  test('notifications reach the clients that listen, also when the statement begins with a comment', async () => {
    const [listening, deaf] = [await opened.pool.connect(), await opened.pool.connect()];
    const heard: string[] = [];
    listening.on('notification', (message) => heard.push(`${message.channel}:${message.payload}`));
    deaf.on('notification', () => heard.push('deaf heard'));
    await listening.query('-- Subscribe.\n-- Twice commented.\nLISTEN bull_jobs;');
    await opened.pool.query("select pg_notify('bull_jobs', 'a')");
    await until(() => heard.length === 1);
    await listening.query('unlisten bull_jobs');
    await listening.query('listen other');
    await opened.pool.query("select pg_notify('bull_jobs', 'b')");
    await opened.pool.query("notify other, 'c'");
    await until(() => heard.length === 2);
    expect(heard).toEqual(['bull_jobs:a', 'other:c']);
    listening.release();
    deaf.release();
  });

  test('results have the shape that node-postgres gives', async () => {
    const { pool } = opened;
    const typed = await pool.query("select 9007199254740993::int8 as big, 7 as int, true as yes, '2026-01-02T03:04:05.678Z'::timestamptz as at, $1::jsonb as json, $2::text[] as list, null as nothing", ['{"a":[1]}', ['x', 'y']]);
    expect(typed).toEqual({
      command: 'SELECT',
      rowCount: 1,
      rows: [{ big: '9007199254740993', int: 7, yes: true, at: new Date('2026-01-02T03:04:05.678Z'), json: { a: [1] }, list: ['x', 'y'], nothing: null }],
    });
    expect(await pool.query('insert into public.t values (1), (2)')).toMatchObject({ command: 'INSERT', rowCount: 2 });
    expect(await pool.query('update public.t set n = n + $1', [1])).toMatchObject({ command: 'UPDATE', rowCount: 2 });
    expect(await pool.query('delete from public.t where n = 2 returning n')).toMatchObject({ command: 'DELETE', rowCount: 1, rows: [{ n: 2 }] });
  });

  test('its log is cut short by checkpoints once it has grown', async () => {
    expect(await opened.checkpoint()).toBe(false);
    for (let round = 0; round < 6; round += 1) {
      await opened.pool.query('insert into public.t select 1 from generate_series(1, 300000)');
      await opened.checkpoint(1024 * 1024);
    }
    expect(await opened.checkpoint(1024 * 1024)).toBe(false);
    const segments = readdirSync(join(directory, 'ledger', 'pg_wal')).filter((name) => /^[0-9A-F]{24}$/.test(name));
    expect(segments.length).toBeLessThanOrEqual(6);
  });
});
