import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { RUNTIMES, openRuntime, type OpenRuntime } from '../support/runtimes.ts';
import { entry, tamper, written } from './audit-chain.ts';
import { ACTOR, asked, created, twoWorkers } from './fixtures.ts';

describe.each(RUNTIMES)('the audit log on $name', (runtime) => {
  let open: OpenRuntime;
  let start: string;
  beforeAll(async () => {
    open = await openRuntime(runtime);
    const { rows } = await open.pool.query("select value::text from keyturn.meta where key = 'audit.head'");
    start = String(rows[0]?.['value']);
  });
  afterAll(() => open.close());
  beforeEach(async () => {
    await tamper(open.pool, 'truncate keyturn.audit', `insert into keyturn.meta values ('audit.head', '${start}') on conflict (key) do update set value = excluded.value`);
  });

  test('events are chained in batches and verify', async () => {
    expect(await open.ledger.verifyAudit()).toEqual({ ok: true, events: 0, sealed: 0, head: null, firstBad: null });
    await written(open.ledger, 1, 9);
    await open.ledger.audit(entry(10));
    const verdict = await open.ledger.verifyAudit();
    expect(verdict).toMatchObject({ ok: true, events: 10, sealed: 9, firstBad: null });
    expect(verdict.head).toMatch(/^[0-9a-f]{64}$/);
  });

  test('people see places in the chain; what is not sealed yet follows its end', async () => {
    await written(open.ledger, 1, 3);
    await open.ledger.audit(entry(4, 'c'));
    await open.ledger.audit(entry(5));
    const events = await open.ledger.auditEvents({}, { limit: 10 });
    expect(events.map((e) => [e.seq, e.detail['n'], e.hash === null])).toEqual([[5, 5, true], [4, 4, true], [3, 3, false], [2, 2, false], [1, 1, false]]);
    expect((await open.ledger.auditEvents({}, { limit: 2, before: '5' })).map((e) => e.seq)).toEqual([4, 3]);
    expect((await open.ledger.auditEvents({}, { limit: 2, before: '3' })).map((e) => e.seq)).toEqual([2, 1]);
    expect((await open.ledger.auditEvents({ credential: 'c' }, { limit: 9 })).map((e) => e.seq)).toEqual([4]);
    await open.ledger.seal(100);
    expect((await open.ledger.auditEvents({ credential: 'c' }, { limit: 9 })).map((e) => e.seq)).toEqual([4]);
  });

  test('nobody changes or removes a row by mistake', async () => {
    await written(open.ledger, 1, 2);
    await open.ledger.audit(entry(3));
    for (const statement of ["update keyturn.audit set type = 'x'", 'delete from keyturn.audit', 'truncate keyturn.audit', 'update keyturn.audit set pos = 9, hash = null where pos is null']) {
      await expect(open.pool.query(statement)).rejects.toThrow('append-only');
    }
  });

  test('many sealers and writers at once make one chain with everything in it', async () => {
    const { ledgers, close } = await twoWorkers(open);
    const writers = Array.from({ length: 40 }, (_, n) => (ledgers[n % 2] ?? open.ledger).audit(entry(n)));
    const sealers = Array.from({ length: 12 }, (_, n) => (ledgers[n % 2] ?? open.ledger).seal(7));
    await Promise.all([...writers, ...sealers]);
    while ((await open.ledger.seal(1000)) > 0);
    await close();
    expect(await open.ledger.verifyAudit()).toMatchObject({ ok: true, events: 40, sealed: 40 });
  });

  // PGlite has one session: nothing commits out of turn there.
  const outOfTurn = runtime.name === 'embedded' ? undefined : test;
  outOfTurn?.('an event that commits after later ones were sealed follows them, and is not lost', async () => {
    const slow = await open.pool.connect();
    await slow.query('begin');
    await slow.query("insert into keyturn.audit (at, type, actor, detail) values (date_trunc('milliseconds', keyturn.now()), 'slow', '{}', '{}')");
    await open.ledger.audit(entry(1));
    expect(await open.ledger.seal(10)).toBe(1);
    await slow.query('commit');
    slow.release();
    expect(await open.ledger.seal(10)).toBe(1);
    expect((await open.ledger.auditEvents({}, { limit: 9 })).map((e) => e.type)).toEqual(['slow', 'test']);
    expect(await open.ledger.verifyAudit()).toMatchObject({ ok: true, sealed: 2 });
  });

  test('a secret that strays into an event is scrubbed', async () => {
    const canary = new Secret('canary-9f8e7d6c5b4a');
    await open.ledger.audit({ ...entry(1), detail: { oops: `x ${canary.reveal()} y` }, actor: { who: 'a', why: canary.reveal() } });
    await created(open.ledger, { ...asked('c'), actor: ACTOR });
    const { rows } = await open.pool.query('select count(*)::int as n from keyturn.audit a where a::text like $1', [`%${canary.reveal()}%`]);
    expect(rows).toEqual([{ n: 0 }]);
  });
});
