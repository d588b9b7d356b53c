import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { canonical } from '../../src/ledger/chain.ts';
import { openOn, openRuntime, RUNTIMES, type OpenRuntime, type RunningRuntime } from '../support/runtimes.ts';
import { entry, putAside, putBack, sealAll, tamper, written } from './audit-chain.ts';

const EVENTS = 8;
const row = (pos: number): string => `(select * from keyturn.audit where pos = ${pos})`;
const setDetail = (pos: number, n: number): string => `update keyturn.audit set detail = '{"n": ${n}}' where pos = ${pos}`;
/** What somebody without the root key can compute: a plain hash over the same content. */
const forged = createHash('sha256').update('forged').digest('hex');
const swapped = (a: number, b: number): string[] => [
  `update keyturn.audit set pos = -1 where pos = ${a}`, `update keyturn.audit set pos = ${a} where pos = ${b}`, `update keyturn.audit set pos = ${b} where pos = -1`,
];

interface Attack {
  readonly what: string;
  readonly by: readonly string[];
  readonly firstBad: number;
  readonly why: string;
}

const ATTACKS: readonly Attack[] = [
  { what: 'a changed word', by: ["update keyturn.audit set detail = '{}' where pos = 3"], firstBad: 3, why: 'changed' },
  { what: 'a changed time', by: ["update keyturn.audit set at = at + interval '1 ms' where pos = 2"], firstBad: 2, why: 'changed' },
  { what: 'a time changed by less than the hash knows', by: ["update keyturn.audit set at = at + interval '1 microsecond' where pos = 2"], firstBad: 2, why: 'changed' },
  { what: 'all times shifted by an hour', by: ["update keyturn.audit set at = at + interval '1 hour'"], firstBad: 1, why: 'changed' },
  { what: 'another actor', by: [`update keyturn.audit set actor = '{"who": "somebody else", "why": "because"}' where pos = 6`], firstBad: 6, why: 'changed' },
  { what: 'an event moved to another credential', by: ["update keyturn.audit set credential = 'c9' where pos = 4"], firstBad: 4, why: 'changed' },
  { what: 'an event of no credential any more', by: ['update keyturn.audit set credential = null where pos = 5'], firstBad: 5, why: 'changed' },
  { what: 'an event moved to another rotation and key', by: ["update keyturn.audit set rotation_id = 'r', key_id = 'k' where pos = 7"], firstBad: 7, why: 'changed' },
  { what: 'another type', by: ["update keyturn.audit set type = 'key.revoked' where pos = 1"], firstBad: 1, why: 'changed' },
  { what: 'a removed event', by: ['delete from keyturn.audit where pos = 4'], firstBad: 4, why: 'removed' },
  { what: 'the first removed', by: ['delete from keyturn.audit where pos = 1'], firstBad: 1, why: 'removed' },
  { what: 'a range removed, and the gap closed', by: ['delete from keyturn.audit where pos between 3 and 4', 'update keyturn.audit set pos = pos + 100 where pos > 4', 'update keyturn.audit set pos = pos - 102 where pos > 100'], firstBad: 3, why: 'moved' },
  { what: 'two swapped', by: swapped(2, 3), firstBad: 2, why: 'moved' },
  { what: 'two swapped with their hashes left in place', by: [`update keyturn.audit a set detail = b.detail, credential = b.credential, at = b.at from keyturn.audit b where (a.pos, b.pos) in ((2, 5), (5, 2))`], firstBad: 2, why: 'changed' },
  { what: 'two ranges swapped', by: [...swapped(3, 5), ...swapped(4, 6)], firstBad: 3, why: 'moved' },
  { what: 'the whole order turned around', by: [...swapped(1, 8), ...swapped(2, 7), ...swapped(3, 6), ...swapped(4, 5)], firstBad: 1, why: 'moved' },
  { what: 'a duplicated event in the place of another', by: [`update keyturn.audit a set (at, type, actor, credential, detail, hash) = (select at, type, actor, credential, detail, hash from keyturn.audit where pos = 2) where pos = 5`], firstBad: 5, why: 'changed' },
  { what: 'a duplicated event at the end', by: ["insert into keyturn.audit (at, type, actor, credential, detail, pos, hash) select at, type, actor, credential, detail, 9, hash from keyturn.audit where pos = 8"], firstBad: 9, why: 'inserted' },
  { what: 'a removed tail', by: ['delete from keyturn.audit where pos > 5'], firstBad: 6, why: 'last 3 events were removed' },
  { what: 'a tail that is unsealed again', by: ['update keyturn.audit set pos = null, hash = null where pos > 6'], firstBad: 7, why: 'last 2 events were removed' },
  { what: 'an event that is unsealed again, to be sealed anew with other words', by: [`update keyturn.audit set pos = null, hash = null, detail = '{"n": 99}' where pos = 4`], firstBad: 4, why: 'removed' },
  { what: 'everything removed', by: ['delete from keyturn.audit'], firstBad: 1, why: 'last 8 events' },
  { what: 'a tail removed with its record', by: ['delete from keyturn.audit where pos > 5', "update keyturn.meta set value = jsonb_set(value, '{pos}', '5') where key = 'audit.head'"], firstBad: 6, why: 'record' },
  { what: 'a tail removed, with a record made from what is left', by: ['delete from keyturn.audit where pos > 5', `update keyturn.meta set value = value || (select jsonb_build_object('pos', pos, 'hash', hash) from keyturn.audit where pos = 5) where key = 'audit.head'`], firstBad: 6, why: 'record' },
  { what: 'the record removed', by: ["delete from keyturn.meta where key = 'audit.head'"], firstBad: 9, why: 'record' },
  { what: 'everything removed with the record', by: ['delete from keyturn.audit', "delete from keyturn.meta where key = 'audit.head'"], firstBad: 1, why: 'record' },
  { what: 'one spliced in', by: ['update keyturn.audit set pos = pos + 100 where pos > 4', "insert into keyturn.audit (at, type, actor, detail, pos, hash) select at, 'forged', actor, detail, 5, hash from keyturn.audit where pos = 4", 'update keyturn.audit set pos = pos - 99 where pos > 100'], firstBad: 5, why: 'inserted' },
  { what: 'one appended', by: ["insert into keyturn.audit (at, type, actor, detail, pos, hash) select at, 'forged', actor, detail, 9, hash from keyturn.audit where pos = 8"], firstBad: 9, why: '' },
  { what: 'a hash taken away', by: ['update keyturn.audit set hash = null where pos = 7'], firstBad: 7, why: 'no hash' },
  { what: 'a tail sealed anew by somebody without the root key', by: [setDetail(6, 66), `update keyturn.audit set hash = encode(sha256((pos || '${forged}')::bytea), 'hex') where pos >= 6`, `update keyturn.meta set value = value || (select jsonb_build_object('hash', hash) from keyturn.audit where pos = 8) where key = 'audit.head'`], firstBad: 6, why: 'changed' },
];

describe.each(RUNTIMES)('the audit chain under attack on $name', (runtime) => {
  let running: RunningRuntime;
  let open: OpenRuntime;
  beforeAll(async () => {
    running = await runtime.start();
    open = await openOn(running);
    await putAside(open.pool, 'empty');
    await written(open.ledger, 1, EVENTS);
    await putAside(open.pool, 'whole');
  });
  afterAll(async () => {
    await open.close();
    await running.stop();
  });
  beforeEach(() => putBack(open.pool, 'whole'));

  const verdict = () => open.ledger.verifyAudit();

  test('putting rows aside and back changes nothing: what follows is seen for what was done', async () => {
    expect(await verdict()).toMatchObject({ ok: true, events: EVENTS, sealed: EVENTS, firstBad: null });
    expect((await open.pool.query(row(3))).rows).toHaveLength(1);
  });

  test.each(ATTACKS)('$what is seen, and the first bad event named', async ({ by, firstBad, why }) => {
    await tamper(open.pool, ...by);
    const found = await verdict();
    expect(found).toMatchObject({ ok: false, firstBad: { seq: firstBad, why: expect.stringContaining(why) } });
  });

  test.each(ATTACKS.filter(({ by }) => by.some((statement) => statement.includes('audit.head'))))('a sealer does not go on after: $what', async ({ by }) => {
    await tamper(open.pool, ...by);
    await open.ledger.audit(entry(9));
    await expect(open.ledger.seal(10)).rejects.toMatchObject({ code: 'AUDIT_BROKEN' });
    await expect(open.ledger.auditHead()).rejects.toMatchObject({ code: 'AUDIT_BROKEN' });
  });

  test('a range spliced in from another place, or from another ledger under another root key, is seen where it begins', async () => {
    await tamper(open.pool, ...[4, 5].map((pos) => `update keyturn.audit a set (at, type, actor, credential, detail, hash) = (select at, type, actor, credential, detail, hash from keyturn.audit where pos = ${pos - 3}) where pos = ${pos}`));
    expect((await verdict()).firstBad).toMatchObject({ seq: 4, why: expect.stringContaining('changed') });
    await putBack(open.pool, 'whole');
    const other = await openRuntime(runtime);
    await written(other.ledger, 1, EVENTS);
    const { rows } = await other.pool.query("select to_jsonb(a)::text as row from keyturn.audit a where pos between 3 and 5 order by pos");
    await other.close();
    await tamper(open.pool, 'delete from keyturn.audit where pos between 3 and 5', ...rows.map(({ row: text }) => `insert into keyturn.audit overriding system value select (jsonb_populate_record(null::keyturn.audit, '${String(text)}'::jsonb)).*`));
    expect((await verdict()).firstBad).toMatchObject({ seq: 3, why: expect.stringContaining('changed') });
  });

  test('a truncated chain does not become whole by being sealed on', async () => {
    await tamper(open.pool, 'delete from keyturn.audit where pos > 5');
    await written(open.ledger, 9, 12);
    expect((await verdict()).firstBad).toMatchObject({ seq: 6, why: expect.stringContaining('removed') });
  });

  test('the record of the end, once removed, is not made anew by opening the ledger again', async () => {
    await tamper(open.pool, 'delete from keyturn.audit', "delete from keyturn.meta where key = 'audit.head'");
    await open.close();
    open = await openOn(running);
    expect((await verdict()).firstBad).toMatchObject({ seq: 1, why: expect.stringContaining('record') });
  });

  test('what is not sealed yet is not protected yet: a change or removal there is not seen, and nothing sealed is touched', async () => {
    await open.ledger.audit(entry(9));
    await open.ledger.audit(entry(10));
    await tamper(open.pool, `update keyturn.audit set detail = '{"n": "changed"}' where pos is null and detail->>'n' = '9'`, "delete from keyturn.audit where pos is null and detail->>'n' = '10'");
    expect(await verdict()).toMatchObject({ ok: true, events: EVENTS + 1, sealed: EVENTS });
    await sealAll(open.ledger);
    expect(await verdict()).toMatchObject({ ok: true, events: EVENTS + 1, sealed: EVENTS + 1 });
  });

  test('an older copy of table and record is not seen by the chain itself, and is seen with the anchor: by what was cut off, and once it was sealed on, by what was replaced', async () => {
    await written(open.ledger, EVENTS + 1, EVENTS + 4);
    const kept = await open.ledger.auditHead();
    if (kept === null) throw new Error('nothing is sealed');
    const early = { seq: EVENTS, hash: String((await open.pool.query(`select hash from keyturn.audit where pos = ${EVENTS}`)).rows[0]?.['hash']) };
    expect(kept.seq).toBe(EVENTS + 4);
    expect(await open.ledger.verifyAudit([kept, early])).toMatchObject({ ok: true });

    await putBack(open.pool, 'whole');
    expect(await verdict()).toMatchObject({ ok: true, sealed: EVENTS });
    expect(await open.ledger.verifyAudit([early])).toMatchObject({ ok: true });
    const cut = await open.ledger.verifyAudit([early, kept]);
    expect(cut).toMatchObject({ ok: false, firstBad: { seq: EVENTS + 1, why: expect.stringMatching(/before the anchored event 12: at least 4 event\(s\) were cut off/) } });

    await written(open.ledger, 101, 106);
    expect(await verdict()).toMatchObject({ ok: true, sealed: EVENTS + 6 });
    const replaced = await open.ledger.verifyAudit([kept, early]);
    expect(replaced).toMatchObject({ ok: false, firstBad: { seq: EVENTS + 1, why: expect.stringMatching(/event 12 is not the one that was anchored: events after event 8, which still is as anchored, were replaced/) } });
    expect(await open.ledger.verifyAudit([{ ...early, hash: forged }])).toMatchObject({ ok: false, firstBad: { seq: 1, why: expect.stringContaining('after the beginning') } });

    await putBack(open.pool, 'empty');
    expect(await verdict()).toMatchObject({ ok: true, events: 0 });
    expect(await open.ledger.verifyAudit([kept])).toMatchObject({ ok: false, firstBad: { seq: 1 } });
  });

  test('where chain and anchor are both broken, the chain says which event came first', async () => {
    await tamper(open.pool, setDetail(2, 22));
    expect(await open.ledger.verifyAudit([{ seq: 5, hash: forged }])).toMatchObject({ firstBad: { seq: 2, why: expect.stringContaining('changed') } });
  });

  test('any change of any column of any rows is found, and the first bad event is the first that was changed', async () => {
    const rows = (await open.pool.query('select *, pos::int as place from keyturn.audit order by pos')).rows;
    await open.pool.query('alter table keyturn.audit disable trigger user');
    await fc.assert(
      fc.asyncProperty(changes, async (done) => {
        const real = done.filter(({ pos, column, value }) => isChange(rows[pos - 1]?.[column], column, value));
        const before = new Map(rows.map((one) => [one['place'], one]));
        fc.pre(real.length > 0 && before.size === EVENTS);
        for (const { id, column, value } of real.map((change) => ({ ...change, id: before.get(change.pos)?.['id'] }))) {
          const given = column === 'pos' && value !== null ? Number(value) * 1_000 + Number(id) : value;
          await open.pool.query(`update keyturn.audit set ${column} = ${column === 'at' ? 'at + $2::interval' : '$2'} where id = $1`, [id, given]);
        }
        const found = await verdict();
        await putBack(open.pool, 'whole');
        await open.pool.query('alter table keyturn.audit disable trigger user');
        expect([found.ok, found.firstBad?.seq]).toEqual([false, Math.min(...real.map(({ pos }) => pos))]);
      }),
      { numRuns: 150 },
    );
  });
});

/** Text that PostgreSQL can hold: no NUL, no halves of characters. */
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((one) => !one.includes('\u0000'));
const json = fc.jsonValue({ maxDepth: 2, stringUnit: 'grapheme' }).map((value) => JSON.stringify(value)).filter((one) => !one.includes('\\u0000'));
/** Every column that an event consists of. `id` is none: it orders what is not sealed yet, and nobody is shown it. */
const VALUES = {
  at: fc.constantFrom('1 microsecond', '-999 microseconds', '1 ms', '-1 ms', '1 second', '-3 hours', '1 day', '20 years'),
  type: text,
  actor: json,
  credential: fc.option(text),
  rotation_id: fc.option(text),
  key_id: fc.option(text),
  detail: json,
  pos: fc.option(fc.integer({ min: -5, max: 5 }).filter((n) => n !== 0)),
  hash: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/)),
} satisfies Record<string, fc.Arbitrary<string | number | null>>;
const COLUMNS = Object.keys(VALUES) as (keyof typeof VALUES)[];

const change = fc.tuple(fc.integer({ min: 1, max: EVENTS }), fc.constantFrom(...COLUMNS)).chain(([pos, column]) =>
  (VALUES[column] as fc.Arbitrary<string | number | null>).map((value) => ({ pos, column, value })));
/** One row may be changed in several columns, each once. */
const changes = fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: ({ pos, column }) => `${pos}/${column}` });

function isChange(before: unknown, column: string, value: string | number | null): boolean {
  if (column === 'at' || column === 'pos') return true;
  if (column === 'actor' || column === 'detail') return canonical(before) !== canonical(JSON.parse(String(value)));
  return before !== value;
}
