import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DueCredential, DueOutcome, DueRequest, Ledger, Rotation } from '../../src/ports/ledger.ts';
import { ACTOR, MINUTE, asked, committed, created, declared, due, fresh, keyOf, leased, plannedTexts, planOf } from './fixtures.ts';
import { LEDGERS, poolBelow, type OpenLedger } from './ledgers.ts';
import { until } from '../support/processes.ts';

const OCCURRENCE = new Date('2026-03-29T02:30:00Z');
const many = (count: number): string[] => Array.from({ length: count }, () => fresh('many'));
const requests = (dues: readonly DueCredential[]): DueRequest[] => dues.map((one) => ({ due: one, actor: ACTOR, occurrence: OCCURRENCE }));
const words = (outcomes: readonly DueOutcome[]): string[] => outcomes.map(({ outcome }) => outcome);

async function rotationsOf(ledger: Ledger, names: readonly string[]): Promise<readonly (readonly Rotation[])[]> {
  return await Promise.all(names.map((credential) => ledger.rotations({ credential }, { limit: 10 })));
}

async function ended(ledger: Ledger, id: string, to: 'done' | 'aborted'): Promise<void> {
  await committed(ledger, await leased(ledger, id), 'requested', { to, reason: 'x', nextDueAt: new Date('2099-01-01T00:00:00Z') });
}

describe.each(LEDGERS)('what falls due, on $name', (kind) => {
  let open: OpenLedger;
  let ledger: Ledger;
  beforeAll(async () => {
    open = await kind.open();
    ({ ledger } = open);
  });
  afterEach(() => ledger.declare([]));
  afterAll(() => open.close());

  test('is seen with its key, its newest rotation and the time', async () => {
    const name = fresh('seen');
    await declared(ledger, name);
    expect((await due(ledger, name))[0]).toMatchObject({ name, currentKey: null, last: null, asOf: expect.any(Date), plan: planOf(name) });
    const key = await ledger.adopt(keyOf(name, { state: 'current' }), ACTOR, {});
    const first = await created(ledger, asked(name));
    await ended(ledger, first.id, 'aborted');
    const last = await created(ledger, asked(name));
    await ended(ledger, last.id, 'aborted');
    const finished = await ledger.rotation(last.id);
    expect((await due(ledger, name))[0]).toMatchObject({
      currentKeyId: key.id, currentKey: { createdAt: key.createdAt }, last: { id: last.id, state: 'aborted', createdAt: last.createdAt, finishedAt: finished?.finishedAt, renewed: false },
    });
  });

  test('many rotations are requested at once, each as one that a person asks for is', async () => {
    const [names, byHand] = [many(3), fresh('hand')];
    await declared(ledger, ...names, byHand);
    const key = await ledger.adopt(keyOf(names[0] ?? '', { state: 'current' }), ACTOR, {});
    const outcomes = await ledger.requestDue(requests(await due(ledger, ...names)));
    const rows = await rotationsOf(ledger, names);
    expect(outcomes).toEqual(rows.map(([row]) => ({ outcome: 'created', rotationId: row?.id })));
    const single = await created(ledger, asked(byHand));
    for (const [n, [row]] of rows.entries()) {
      const credential = names[n] ?? '';
      const own = { id: row?.id, credential, plan: planOf(credential), kind: 'scheduled', occurrence: OCCURRENCE, oldKeyId: n === 0 ? key.id : null };
      const instants = { createdAt: row?.createdAt, stateSince: row?.createdAt, wakeAt: row?.createdAt };
      expect(row).toEqual({ ...single, ...own, ...instants });
      expect(shape(await ledger.history(row?.id ?? ''))).toEqual(shape(await ledger.history(single.id)));
      const [event, ...more] = (await ledger.auditEvents({ credential }, { limit: 9 })).filter(({ rotationId }) => rotationId !== null);
      const [one] = await ledger.auditEvents({ credential: byHand }, { limit: 9 });
      expect(more).toEqual([]);
      expect(event).toEqual({ ...one, seq: event?.seq, at: event?.at, credential, rotationId: row?.id, detail: { ...one?.detail, kind: 'scheduled' } });
    }
    expect(await ledger.wakeable(1000)).toEqual(expect.arrayContaining(rows.map(([row]) => row?.id)));
    expect(words(await ledger.requestDue([]))).toEqual([]);
  });

  /** Each: what happens to a credential between the sight of it and the request. */
  const meanwhile: readonly (readonly [string, DueOutcome['outcome'], (name: string) => Promise<unknown>])[] = [
    ['nothing', 'created', async () => undefined],
    ['another is open', 'open', (name) => created(ledger, asked(name))],
    ['an emergency was asked for', 'open', (name) => created(ledger, asked(name, { kind: 'emergency', path: 'emergency' }))],
    ['one was open and is done', 'changed', async (name) => ended(ledger, (await created(ledger, asked(name))).id, 'done')],
    ['one was open and was given up', 'changed', async (name) => ended(ledger, (await created(ledger, asked(name))).id, 'aborted')],
    ['it was paused', 'changed', (name) => ledger.setPause({ scope: 'credential', name, actor: ACTOR })],
    ['it falls due later', 'changed', async (name) => ledger.setDue(name, new Date((await ledger.now()).getTime() + MINUTE))],
    ['it never falls due', 'changed', (name) => ledger.setDue(name, null)],
    ['a key was adopted', 'changed', (name) => ledger.adopt(keyOf(name, { state: 'current' }), ACTOR, {})],
  ];

  test('a refusal of one leaves the others be, wherever it stands; what has changed since it was seen is refused', async () => {
    const names = meanwhile.map(() => fresh('meanwhile'));
    const [planned, gone, last] = [fresh('planned'), fresh('gone'), fresh('last')];
    await declared(ledger, ...names, planned, gone, last);
    const seen = await due(ledger, ...names, planned, gone, last);
    for (const [n, [, , happens]] of meanwhile.entries()) await happens(names[n] ?? '');
    await ledger.declare(plannedTexts([...names, last, planned].map((name) => ({ plan: planOf(name), revision: name === planned ? 'r2' : 'r1' }))));
    const before = await rotationsOf(ledger, names);
    const outcomes = words(await ledger.requestDue(requests(seen)));
    expect(names.map((_name, n) => [meanwhile[n]?.[0], outcomes[n]])).toEqual(meanwhile.map(([what, outcome]) => [what, outcome]));
    expect(outcomes.slice(names.length)).toEqual(['changed', 'changed', 'created']);
    expect((await rotationsOf(ledger, [...names, planned, gone, last])).map((rows) => rows.length)).toEqual([...before.map((rows, n) => rows.length + (meanwhile[n]?.[1] === 'created' ? 1 : 0)), 0, 0, 1]);
    await ledger.clearPause('credential', names[5] ?? '', ACTOR);
  });

  test('a pause of all or of the issuer refuses them all', async () => {
    const names = many(2);
    await declared(ledger, ...names);
    const seen = await due(ledger, ...names);
    for (const [scope, subject] of [['all', null], ['issuer', 'hm']] as const) {
      await ledger.setPause({ scope, name: subject, actor: ACTOR });
      expect(words(await ledger.requestDue(requests(seen)))).toEqual(['changed', 'changed']);
      await ledger.clearPause(scope, subject, ACTOR);
    }
    expect(words(await ledger.requestDue(requests(seen)))).toEqual(['created', 'created']);
  });

  test('asked again, as after an answer that was lost, nothing is written twice; nor by a sweep that slept until they had ended', async () => {
    const names = many(3);
    await declared(ledger, ...names);
    const seen = await due(ledger, ...names);
    await ledger.requestDue(requests(seen));
    const rows = await rotationsOf(ledger, names);
    expect(words(await ledger.requestDue(requests(seen)))).toEqual(['open', 'open', 'open']);
    expect(await rotationsOf(ledger, names)).toEqual(rows);
    await ended(ledger, rows[0]?.[0]?.id ?? '', 'done');
    await ended(ledger, rows[1]?.[0]?.id ?? '', 'aborted');
    expect(words(await ledger.requestDue(requests(seen)))).toEqual(['changed', 'changed', 'open']);
    const [again] = await due(ledger, names[1] ?? '');
    expect(words(await ledger.requestDue(again === undefined ? [] : requests([again])))).toEqual(['answered']);
    expect((await rotationsOf(ledger, names)).map((list) => list.length)).toEqual([1, 1, 1]);
  });

  test('sweeps of two workers that ask for the same at once, in whatever order, get one rotation each and quarrel about nothing', async () => {
    const { ledgers, close } = await open.twoWorkers();
    for (let round = 0; round < 5; round += 1) {
      const names = many(40);
      await declared(ledger, ...names);
      const seen = await due(ledger, ...names);
      const sweeps = await Promise.all([seen, seen.toReversed(), seen.slice(10), seen.slice(0, 30).toReversed()].map((some, n) => (ledgers[n % 2] ?? ledger).requestDue(requests(some))));
      expect(sweeps.flat().filter(({ outcome }) => outcome === 'created')).toHaveLength(40);
      expect(sweeps.flat().filter(({ outcome }) => outcome === 'open')).toHaveLength(40 + 30 + 30);
      expect((await rotationsOf(ledger, names)).map((rows) => rows.length)).toEqual(names.map(() => 1));
    }
    await close();
  });

  test('an emergency that is asked for while a sweep asks wins, and both are answered', async () => {
    const { ledgers, close } = await open.twoWorkers();
    const names = many(20);
    await declared(ledger, ...names);
    const seen = await due(ledger, ...names);
    const [swept, ...emergencies] = await Promise.all([
      ledgers[0].requestDue(requests(seen)),
      ...names.map((name) => ledgers[1].request(asked(name, { kind: 'emergency', path: 'emergency' }))),
    ]);
    await close();
    expect(emergencies.map(({ outcome }) => outcome)).toEqual(names.map(() => 'created'));
    for (const [n, rows] of (await rotationsOf(ledger, names)).entries()) {
      expect(rows.filter(({ finishedAt }) => finishedAt === null).map((row) => row.kind)).toEqual(['emergency']);
      expect(swept?.[n]?.outcome).toBe(rows.length === 2 ? 'created' : 'open');
    }
  });

  test('is dated by who saw it as it is, and not by who slept meanwhile', async () => {
    const [plain, never, changed, moved] = [fresh('date'), fresh('date'), fresh('date'), fresh('date')];
    await declared(ledger, plain, never, changed, moved);
    const seen = await due(ledger, plain, never, changed, moved);
    const [next, soon] = [new Date('2099-01-01T00:00:00Z'), new Date((await ledger.now()).getTime() - MINUTE)];
    await ledger.declare(plannedTexts([plain, never, changed, moved].map((name) => ({ plan: planOf(name), revision: name === changed ? 'r2' : 'r1' }))));
    await ledger.setDue(moved, soon);
    await ledger.redate(seen.map((one) => ({ due: one, dueAt: one.name === never ? null : next })));
    await ledger.redate([]);
    expect((await ledger.credential(plain))?.dueAt).toEqual(next);
    expect((await ledger.credential(moved))?.dueAt).toEqual(soon);
    expect((await ledger.dueCredentials(9)).map(({ name }) => name)).toEqual([changed, moved]);
  });
});

function shape(history: Awaited<ReturnType<Ledger['history']>>): unknown {
  return history.map(({ seq: _seq, rotationId: _id, at: _at, ...line }) => line);
}

describe.each(LEDGERS.filter(({ name }) => name === 'postgres'))('what falls due, under locks of others, on $name', (kind) => {
  let open: OpenLedger;
  beforeAll(async () => {
    open = await kind.open();
  });
  afterAll(() => open.close());

  test('a worker that dies between asking and its commit leaves nothing, and the next one asks for all', async () => {
    const { ledger } = open;
    const pool = poolBelow(open);
    const names = many(5);
    await declared(ledger, ...names);
    const seen = await due(ledger, ...names);
    const holder = await pool.connect();
    await holder.query('begin');
    // What somebody is inserting for the last one is waited for once the others are inserted.
    await holder.query(`insert into keyturn.rotations (id, credential, issuer, kind, path, state, plan, actor, asked, notes, reason, message, created_at, state_since)
      values ('HELD', $1, 'hm', 'manual', 'displace', 'requested', '{}', '{}', '{}', '{}', '', '', now(), now())`, [names.at(-1)]);
    const dying = ledger.requestDue(requests(seen)).catch((error: unknown) => error);
    const waiting = async () => (await pool.query("select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")).rows[0]?.['pid'];
    await until(async () => (await waiting()) !== undefined);
    await pool.query('select pg_terminate_backend($1)', [await waiting()]);
    expect(await dying).toMatchObject({ code: 'LEDGER_UNREACHABLE' });
    await holder.query('rollback');
    holder.release();
    expect((await rotationsOf(ledger, names)).flat()).toEqual([]);
    expect(words(await ledger.requestDue(requests(seen)))).toEqual(names.map(() => 'created'));
  });

  test('a declaration under way holds neither a request nor a date up', async () => {
    const { ledger } = open;
    const pool = poolBelow(open);
    const [asking, dating] = [fresh('held'), fresh('held')];
    await declared(ledger, asking, dating);
    const [one, other] = await due(ledger, asking, dating);
    if (one === undefined || other === undefined) throw new Error('both are due');
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query("update keyturn.credentials set owner = 'somebody'");
    expect(words(await ledger.requestDue(requests([one])))).toEqual(['created']);
    await ledger.redate([{ due: other, dueAt: null }]);
    await holder.query('rollback');
    holder.release();
    expect((await due(ledger, dating)).map(({ name }) => name)).toEqual([dating]);
  });
});
