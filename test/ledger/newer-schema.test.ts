import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrateLedger } from '../../src/ledger/migrate.ts';
import { MIGRATIONS } from '../../src/ledger/migrations/index.ts';
import { openLedger } from '../../src/ledger/index.ts';
import { kyselyOver } from '../../src/ledger/open.ts';
import { postgresPool } from '../../src/ledger/postgres.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { until } from '../support/processes.ts';
import { openOn, openRuntime, ROOT_KEY, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';
import { ACTOR, asked, begun, committed, created, debtOf, declared, due, fresh, keyOf, leased, MINUTE, noticeOf, plannedTexts, planOf } from './fixtures.ts';

const FUTURE = '9998-future';
/** What a later Keyturn might bring: more columns, in the tables that workers write to all the time. */
const LATER: Readonly<Record<string, Migration>> = {
  ...MIGRATIONS,
  [FUTURE]: {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const table of ['rotations', 'transitions', 'audit']) await sql.raw(`alter table keyturn.${table} add column from_the_future text`).execute(db);
      await sql.raw('create table keyturn.future_ran (at timestamptz default clock_timestamp())').execute(db);
      await sql.raw('insert into keyturn.future_ran default values').execute(db);
    },
  },
};
const failure = (work: Promise<unknown>): Promise<unknown> => work.then(() => null, (error: unknown) => error);
const NEWER = { code: 'LEDGER_NEWER', message: expect.stringContaining(FUTURE) };

describe.each(RUNTIMES)('a ledger migrated by a newer Keyturn under a running worker on $name', (runtime) => {
  let open: OpenRuntime;
  beforeEach(async () => {
    open = await openRuntime(runtime);
  });
  afterEach(() => open.close());

  const migrate = (): Promise<void> => migrateLedger(kyselyOver(open.pool), LATER);

  test('the lease that it holds writes nothing any more and cannot be renewed, no new one is given, and the rotation is as it was', async () => {
    const held = await begun(open.ledger);
    const free = await created(open.ledger, asked(fresh('free')));
    await migrate();
    await expect(open.ledger.commit(held, 'requested', { to: 'preflight', reason: 'admitted' })).rejects.toMatchObject(NEWER);
    await expect(open.ledger.renew(held, MINUTE)).rejects.toMatchObject(NEWER);
    expect(await open.ledger.lease(free.id, 'w2', MINUTE)).toBeNull();
    expect(await open.ledger.rotation(held.rotation.id)).toEqual(held.rotation);
    expect(await open.ledger.history(held.rotation.id)).toHaveLength(1);
    await expect(open.ledger.ping()).rejects.toMatchObject(NEWER);
  });

  test('every other write is refused within a bound of a second or so, and nothing of it is written; reading goes on', async () => {
    const { ledger } = open;
    await declared(ledger, 'c');
    const [seen] = await due(ledger, 'c');
    const key = await ledger.adopt(keyOf('c', { state: 'current' }), ACTOR, {});
    const lease = await begun(ledger);
    await ledger.notify(noticeOf('n'), ['ops'], 1);
    const [deliveryId = ''] = await ledger.deliverable(1);
    const delivery = await ledger.leaseDelivery(deliveryId, 'w', MINUTE);
    const debt = await ledger.addDebt(debtOf('c'), ACTOR);
    const paid = await ledger.leaseDebt(debt?.id ?? '', 'w', MINUTE);
    if (delivery === null || debt === null || paid === null || seen === undefined) throw new Error('the stage is not set');
    await migrate();
    // The answer that a write may rely on is a second old at most.
    await until(() => failure(ledger.setDue('c', null)), 5_000, 'a write to be refused');
    const before = await contents(open);
    const entry = { type: 't', actor: ACTOR, credential: null, rotationId: null, keyId: null, detail: {} };
    const writes: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['declare', () => ledger.declare(plannedTexts([{ plan: planOf('d'), revision: 'r' }]))],
      ['redate', () => ledger.redate([{ due: seen, dueAt: null }])],
      ['requestDue', () => ledger.requestDue([{ due: seen, actor: ACTOR, occurrence: new Date() }])],
      ['setDue', () => ledger.setDue('c', null)],
      ['adopt', () => ledger.adopt(keyOf('d'), ACTOR, {})],
      ['markKey', () => ledger.markKey(key.id, 'lost', ACTOR, 'x')],
      ['request', () => ledger.request(asked('e'))],
      ['release', () => ledger.release(lease)],
      ['addDebt', () => ledger.addDebt(debtOf('c'), ACTOR)],
      ['addOrphan', () => ledger.addOrphan(debtOf('c'), ACTOR)],
      ['hurryDebt', () => ledger.hurryDebt(debt.id, ACTOR)],
      ['askAbort', () => ledger.askAbort(lease.rotation.id, ACTOR)],
      ['askResume', () => ledger.askResume(lease.rotation.id, ACTOR)],
      ['leaseDebt', () => ledger.leaseDebt(debt.id, 'w2', 1)],
      ['settleDebt', () => ledger.settleDebt(paid, 'w', 'revoked', [])],
      ['postponeDebt', () => ledger.postponeDebt(paid, 'w', 'x', 1, [])],
      ['watchFound', () => ledger.watchFound({ issuer: 'hm', credential: 'c', name: 'n', rotationId: lease.rotation.id, until: new Date() }, [debtOf('c')])],
      ['dropExpiredWatches', () => ledger.dropExpiredWatches()],
      ['setPause', () => ledger.setPause({ scope: 'all', name: null, actor: ACTOR })],
      ['clearPause', () => ledger.clearPause('all', null, ACTOR)],
      ['audit', () => ledger.audit(entry)],
      ['seal', () => ledger.seal(1)],
      ['notify', () => ledger.notify(noticeOf('m'), ['ops'], 1)],
      ['leaseDelivery', () => ledger.leaseDelivery(deliveryId, 'w2', 1)],
      ['delivered', () => ledger.delivered(delivery, 'r')],
      ['undelivered', () => ledger.undelivered(delivery, 'x', 1)],
      ['retryStuck', () => ledger.retryStuck()],
      ['takePace', () => ledger.takePace([{ key: 'p', everyMs: 1, burst: 1 }])],
      ['restPace', () => ledger.restPace({ key: 'p', everyMs: 1, burst: 1 }, 1)],
      ['noteDone', () => ledger.noteDone('sweep')],
    ];
    for (const [name, write] of writes) expect([name, await failure(write())]).toEqual([name, expect.objectContaining({ code: 'LEDGER_NEWER' })]);
    expect(await contents(open)).toEqual(before);
    const reads = ['now', 'installation', 'credentials', 'issuers', 'retired', 'pauses', 'figures', 'verifyAudit', 'watches'] as const;
    for (const name of reads) await ledger[name]();
    const asks = new Set([...writes.map(([name]) => name), ...reads, ...READS]);
    expect(Object.keys(ledger).filter((name) => !asks.has(name))).toEqual([]);
  });
});

/** Methods that only read, or that ask in their own statement (the test before). */
const READS = [
  'kind', 'credential', 'declaredCredentials', 'dueCredentials', 'key', 'keys', 'keysNamed', 'keysOf', 'keysOfIssuer', 'rotation', 'openRotation', 'rotations', 'history', 'wakeable', 'openDebts', 'debt',
  'payableDebts', 'auditHead', 'auditEvents', 'deliverable', 'dueChannels', 'deliveries', 'channelLags', 'sinceDone', 'daily', 'sync', 'close', 'ping', 'lease', 'renew', 'commit',
];

async function contents({ pool }: OpenRuntime): Promise<unknown> {
  const tables = ['credentials', 'keys', 'rotations', 'transitions', 'debts', 'watches', 'pauses', 'audit', 'deliveries', 'meta'];
  const select = tables.map((table) => `(select jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text) from keyturn.${table} t) as ${table}`);
  return (await pool.query(`select ${select.join(', ')}`)).rows[0];
}

const SHARED = RUNTIMES.filter(({ name }) => name !== 'embedded');

describe.each(SHARED)('upgrading with several workers on $name', (runtime) => {
  let open: OpenRuntime;
  beforeEach(async () => {
    open = await openRuntime(runtime);
  });
  afterEach(() => open.close());

  test('two upgraders at once migrate once; a worker that keeps writing loses nothing that was acknowledged, and is then refused by name', async () => {
    const lease = await leased(open.ledger, (await created(open.ledger, asked(fresh('busy')))).id);
    const writing = keepWriting(open.ledger, lease);
    await until(() => writing.acknowledged() > 20);
    const url = open.running.databaseUrl ?? '';
    const pools = [postgresPool(url, 2), postgresPool(url, 2)];
    await Promise.all(pools.map((pool) => migrateLedger(kyselyOver(pool), LATER)));
    await Promise.all(pools.map((pool) => pool.end()));
    expect(await writing.refused).toMatchObject(NEWER);

    const { rows } = await open.pool.query('select count(*)::int as n from keyturn.future_ran');
    expect(rows).toEqual([{ n: 1 }]);
    const rotation = await open.ledger.rotation(lease.rotation.id);
    expect(rotation?.notes['n']).toBe(writing.acknowledged());
    const history = await open.ledger.history(lease.rotation.id);
    expect(history.slice(1).map(({ reason }) => reason)).toEqual(Array.from({ length: writing.acknowledged() }, (_, n) => `n${n + 1}`));
    const audited = await open.pool.query("select detail->>'reason' as reason from keyturn.audit where rotation_id = $1 and type = 'rotation.transition' order by id", [lease.rotation.id]);
    expect(audited.rows.map((row) => row['reason'])).toEqual(history.slice(1).map(({ reason }) => reason));
  });

  test('workers of one version that start while another writes change nothing for it', async () => {
    const lease = await leased(open.ledger, (await created(open.ledger, asked(fresh('busy')))).id);
    const writing = keepWriting(open.ledger, lease);
    await until(() => writing.acknowledged() > 5);
    const others = await Promise.all([openOn(open.running), openOn(open.running)]);
    const seen = writing.acknowledged();
    await until(() => writing.acknowledged() > seen + 20);
    writing.stop();
    expect(await writing.refused).toBeNull();
    expect((await others[0].ledger.rotation(lease.rotation.id))?.notes['n']).toBe(writing.acknowledged());
    for (const other of others) await other.close();
  });

  test('processes that open an empty ledger at once agree, and each writes', async () => {
    const running = await runtime.start({ migrated: false });
    const child = fileURLToPath(new URL('opener.ts', import.meta.url));
    const children = Array.from({ length: 3 }, () => spawn(process.execPath, [child, running.dataDir, running.databaseUrl ?? ''], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const installations = await Promise.all(children.map(async (one) => {
      let output = '';
      one.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
      const [code] = (await once(one, 'close')) as [number];
      return [code, output.trim()];
    }));
    const { ledger } = await openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY, databaseUrl: running.databaseUrl ?? '' });
    const installation = await ledger.installation();
    expect(installations).toEqual([[0, installation], [0, installation], [0, installation]]);
    expect(await ledger.auditEvents({}, { limit: 10 })).toHaveLength(3);
    while ((await ledger.seal(10)) > 0);
    expect(await ledger.verifyAudit()).toMatchObject({ ok: true, sealed: 3 });
    await ledger.close();
    await running.stop();
  });
});

interface Writing {
  acknowledged(): number;
  stop(): void;
  /** What ended it; null when it was stopped. */
  readonly refused: Promise<unknown>;
}

/** A worker that commits without pause, each with a transition and an audit event. */
function keepWriting(ledger: Ledger, lease: Parameters<typeof committed>[1]): Writing {
  let n = 0;
  const stopped = new AbortController();
  const write = async (): Promise<null> => {
    while (!stopped.signal.aborted) {
      await committed(ledger, lease, 'requested', { reason: `n${n + 1}`, notes: { n: n + 1 } });
      n += 1;
    }
    return null;
  };
  return { acknowledged: () => n, stop: () => stopped.abort(), refused: write().catch((error: unknown) => error) };
}
