/** The audit log in the hands of somebody with the database's password: what `keyturn audit verify` says then. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { openLedger, type SqlPool } from '../../src/ledger/index.ts';
import { putAside, putBack, tamper } from '../ledger/audit-chain.ts';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { openScene, type Scene } from './scene.ts';
import { reached, ROOT_KEY_VARIABLE, type Home, type Worker } from './support.ts';

describe.each(RUNTIMES)('an attacked audit log on $name', (runtime) => {
  let scene: Scene;
  let running: RunningRuntime;
  let home: Home;
  let worker: Worker;

  beforeAll(async () => {
    scene = await openScene(runtime, { plan: 'enterprise', dataDir: 'all' });
    ({ running, home } = scene);
    home.configure(scene.configuration({ credentials: { 'prod-api': { issuer: 'hypermemory', scopes: ['memory:write'], policy: 'monthly', stores: [{ store: 'app-env' }] } } }));
  });
  afterAll(() => scene?.close());

  /** Stops the worker, and gives the end of the chain that its last line tells. */
  async function stopped(): Promise<string> {
    expect(await worker.ended('SIGTERM')).toBe(0);
    const last = worker.lines().findLast((line) => line['msg'] === 'stopped');
    expect(last?.['auditHead']).toMatch(/^\d+:[0-9a-f]{64}$/);
    return String(last?.['auditHead']);
  }

  async function asAttacker(act: (pool: SqlPool) => Promise<void>): Promise<void> {
    const { ledger, pool } = await openLedger({ dataDir: running.dataDir, rootKey: new Secret(home.env[ROOT_KEY_VARIABLE] ?? ''), ...(running.databaseUrl === undefined ? {} : { databaseUrl: running.databaseUrl }) });
    await act(pool);
    await ledger.close();
  }

  test('an older copy of it is seen with an anchor only, a changed event always; both by name, with exit code 1, while the worker goes on', async () => {
    worker = await home.up();
    await reached(home, 'prod-api', 'done', 240_000);
    const early = await stopped();
    await asAttacker((pool) => putAside(pool, 'older'));

    worker = await home.up();
    expect(await home.keyturn('rotate', 'prod-api', '--wait')).toMatchObject({ code: 0 });
    const whole = await home.keyturn('audit', 'verify', '--anchor', early);
    const head = /whole and holds the anchor\. Head: (\d+:[0-9a-f]{64})\n$/.exec(whole.stdout)?.[1] ?? whole.stdout;
    expect(await home.keyturn('audit', 'verify', '--anchor', early, '--anchor', head)).toMatchObject({ code: 0, stdout: expect.stringContaining('all 2 anchors') });
    const late = await stopped();

    await asAttacker((pool) => putBack(pool, 'older'));
    worker = await home.up();
    expect(await home.keyturn('audit', 'verify')).toMatchObject({ code: 0 });
    expect(await home.keyturn('audit', 'verify', '--anchor', early)).toMatchObject({ code: 0 });
    const next = Number(early.split(':')[0]) + 1;
    const cut = await home.keyturn('audit', 'verify', '--anchor', early, '--anchor', late);
    expect([cut.code, cut.stdout]).toEqual([1, '']);
    expect(cut.stderr).toContain(`The audit chain is broken at event ${next}: `);
    expect(cut.stderr).toMatch(/were cut off with the record of its end|were replaced or belong to another ledger/);
    const json = await home.keyturn('audit', 'verify', '--anchor', early, '--anchor', late, '--json');
    expect([json.code, JSON.parse(json.stdout), JSON.parse(json.stderr)]).toEqual([1, expect.objectContaining({ ok: false, firstBad: { seq: next, why: expect.any(String) } }), { error: expect.objectContaining({ code: 'AUDIT_BROKEN' }) }]);
    await stopped();

    await asAttacker((pool) => tamper(pool, `update keyturn.audit set actor = '{"who": "nobody", "why": ""}' where pos = 2`));
    worker = await home.up();
    const changed = await home.keyturn('audit', 'verify');
    expect([changed.code, changed.stderr]).toEqual([1, expect.stringContaining('The audit chain is broken at event 2: this event was changed')]);
    expect(await home.keyturn('rotate', 'prod-api', '--wait')).toMatchObject({ code: 0 });
  }, 600_000);
});
