/** A newer Keyturn upgrades the ledger while an older worker runs, and somebody starts the older one again afterwards. */
import { request } from 'node:http';
import { join } from 'node:path';
import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrateLedger } from '../../src/ledger/migrate.ts';
import { MIGRATIONS } from '../../src/ledger/migrations/index.ts';
import { openEmbedded } from '../../src/ledger/embedded.ts';
import { kyselyOver } from '../../src/ledger/open.ts';
import { postgresPool } from '../../src/ledger/postgres.ts';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { openScene, type Scene } from './scene.ts';
import { reached, readEnv, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const FUTURE = '9998-future';
const LATER = { ...MIGRATIONS, [FUTURE]: { up: async (db: Kysely<unknown>): Promise<void> => void (await sql.raw('alter table keyturn.rotations add column from_the_future text').execute(db)) } };

describe.each(RUNTIMES)('a ledger that a newer Keyturn has migrated, on $name', (runtime) => {
  let scene: Scene;
  let running: RunningRuntime;
  let home: Home;
  let sandbox: SandboxProcess;
  let worker: Worker | undefined;
  const envFile = (): string => join(home.directory, 'app.env');

  beforeAll(async () => {
    scene = await openScene(runtime, { plan: 'enterprise', dataDir: 'all' });
    ({ running, home, sandbox } = scene);
    home.configure(scene.configuration({ credentials: { 'prod-api': { issuer: 'hypermemory', scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'app-env' }] } } }));
    worker = await home.up();
    await reached(home, 'prod-api', 'done', 240_000);
  });
  afterAll(() => scene?.close());

  /** As the newer Keyturn would: embedded, only once this one is stopped. */
  async function upgrade(): Promise<void> {
    if (running.databaseUrl === undefined) {
      await worker?.ended('SIGTERM');
      const { pool, close } = await openEmbedded(join(running.dataDir, 'ledger'));
      await migrateLedger(kyselyOver(pool), LATER);
      return await close();
    }
    const pool = postgresPool(running.databaseUrl, 2);
    await migrateLedger(kyselyOver(pool), LATER);
    await pool.end();
  }

  function readiness(): Promise<{ readonly status: number; readonly reasons: readonly string[] }> {
    return new Promise((resolve, reject) => {
      request({ socketPath: join(running.dataDir, 'keyturn.sock'), path: '/readyz' }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => { text += chunk.toString(); });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, reasons: (JSON.parse(text) as { reasons: string[] }).reasons }));
      }).on('error', reject).end();
    });
  }

  test('an older worker stops and says why, changes nothing outside, and neither it nor its questions start on it again', async () => {
    const served = readEnv(envFile())['HYPERMEMORY_API_KEY'];
    const minted = (await sandbox.keysOf('prod-api')).length;
    await upgrade();
    const sentence = `The ledger was migrated by a newer Keyturn (${FUTURE}): this one would misread it, so it changes nothing.`;
    const todo = 'Run that newer Keyturn, or restore a backup of the ledger taken before the upgrade.';

    if (running.databaseUrl !== undefined) {
      expect(await readiness()).toEqual({ status: 503, reasons: [`${sentence} ${todo}`] });
      const rotate = await home.keyturn('rotate', 'prod-api', '--wait');
      expect([rotate.code, rotate.stdout, rotate.stderr]).toEqual([1, '', expect.stringContaining(`error: ${sentence}\n  ${todo}\n`)]);
      expect((await home.keyturn('publish', 'prod-api')).stderr).toContain(sentence);
      expect((await home.keyturn('revoke', 'prod-api', '--yes', '--reason', 'leaked')).stderr).toContain(sentence);
      await until(() => worker?.lines().some((line) => JSON.stringify(line).includes(FUTURE)), 30_000, 'the log to say so');
      expect(await home.keyturn('status')).toMatchObject({ code: 0 });
      expect(await worker?.ended('SIGTERM')).toBe(0);
    }
    worker = undefined;

    const again = await home.keyturn('up');
    expect([again.code, again.stderr]).toEqual([1, `error: ${sentence}\n  ${todo}\n`]);
    const asked = await home.keyturn('plan');
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining(sentence)]);
    const json = await home.keyturn('up', '--json');
    expect([json.code, JSON.parse(json.stderr)]).toEqual([1, { error: { code: 'LEDGER_NEWER', message: sentence, todo } }]);

    expect([readEnv(envFile())['HYPERMEMORY_API_KEY'], (await sandbox.alive(served))?.status, (await sandbox.keysOf('prod-api')).length]).toEqual([served, 'active', minted]);
  }, 600_000);
});
