import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { RUNTIMES, openRuntime, type OpenRuntime } from '../support/runtimes.ts';
import { ACTOR, asked, created, twoWorkers } from './fixtures.ts';

const entry = (n: number, credential: string | null = null) => ({ type: 'test', actor: ACTOR, credential, rotationId: null, keyId: null, detail: { n, z: { b: 1, a: [2, null] } } });

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
    await tamper('truncate keyturn.audit', `insert into keyturn.meta values ('audit.head', '${start}') on conflict (key) do update set value = excluded.value`);
  });

  async function written(count: number): Promise<void> {
    for (let n = 1; n <= count; n += 1) await open.ledger.audit(entry(n));
    while ((await open.ledger.seal(4)) > 0);
  }

  /** What somebody with the database's password, but not the root key, could do. */
  async function tamper(...statements: readonly string[]): Promise<void> {
    await open.pool.query('alter table keyturn.audit disable trigger user');
    for (const statement of statements) await open.pool.query(statement);
    await open.pool.query('alter table keyturn.audit enable trigger user');
  }

  test('events are chained in batches and verify', async () => {
    expect(await open.ledger.verifyAudit()).toEqual({ ok: true, events: 0, sealed: 0, head: null, firstBad: null });
    await written(9);
    await open.ledger.audit(entry(10));
    const verdict = await open.ledger.verifyAudit();
    expect(verdict).toMatchObject({ ok: true, events: 10, sealed: 9, firstBad: null });
    expect(verdict.head).toMatch(/^[0-9a-f]{64}$/);
  });

  test('people see places in the chain; what is not sealed yet follows its end', async () => {
    await written(3);
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
    await written(2);
    await open.ledger.audit(entry(3));
    for (const statement of ["update keyturn.audit set type = 'x'", 'delete from keyturn.audit', 'truncate keyturn.audit', 'update keyturn.audit set pos = 9, hash = null where pos is null']) {
      await expect(open.pool.query(statement)).rejects.toThrow('append-only');
    }
  });

  test.each([
    ['a changed word', ["update keyturn.audit set detail = '{}' where pos = 3"], 3, 'changed'],
    ['a changed time', ["update keyturn.audit set at = at + interval '1 ms' where pos = 2"], 2, 'changed'],
    ['a removed event', ['delete from keyturn.audit where pos = 4'], 4, 'removed'],
    ['the first removed', ['delete from keyturn.audit where pos = 1'], 1, 'removed'],
    ['two swapped', ['update keyturn.audit set pos = -1 where pos = 2', 'update keyturn.audit set pos = 2 where pos = 3', 'update keyturn.audit set pos = 3 where pos = -1'], 2, 'moved'],
    ['a removed tail', ['delete from keyturn.audit where pos > 5'], 6, 'last 3 events were removed'],
    ['everything removed', ['delete from keyturn.audit'], 1, 'last 8 events'],
    ['a tail removed with its record', ['delete from keyturn.audit where pos > 5', "update keyturn.meta set value = jsonb_set(value, '{pos}', '5') where key = 'audit.head'"], 6, 'record'],
    ['the record removed', ["delete from keyturn.meta where key = 'audit.head'"], 9, 'record'],
    ['one spliced in', ['update keyturn.audit set pos = pos + 100 where pos > 4', "insert into keyturn.audit (at, type, actor, detail, pos, hash) select at, 'forged', actor, detail, 5, hash from keyturn.audit where pos = 4", 'update keyturn.audit set pos = pos - 99 where pos > 100'], 5, 'inserted'],
    ['one appended', ["insert into keyturn.audit (at, type, actor, detail, pos, hash) select at, 'forged', actor, detail, 9, hash from keyturn.audit where pos = 8"], 9, ''],
    ['a hash taken away', ['update keyturn.audit set hash = null where pos = 7'], 7, 'no hash'],
  ])('%s is seen, and the first bad event named', async (_what, statements, seq, why) => {
    await written(8);
    await tamper(...statements);
    const verdict = await open.ledger.verifyAudit();
    expect(verdict.ok).toBe(false);
    expect(verdict.firstBad?.seq).toBe(seq);
    expect(verdict.firstBad?.why).toContain(why);
  });

  test('a sealer refuses to go on from a record that was changed', async () => {
    await written(2);
    await open.pool.query("update keyturn.meta set value = jsonb_set(value, '{pos}', '0') where key = 'audit.head'");
    await open.ledger.audit(entry(3));
    await expect(open.ledger.seal(10)).rejects.toMatchObject({ code: 'AUDIT_BROKEN' });
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
    await slow.query("insert into keyturn.audit (at, type, actor, detail) values (keyturn.now(), 'slow', '{}', '{}')");
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
