/** Drills in the ledger: one at a time, one an occurrence, and a drill that is over asks for nothing any more. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drillCredential, drillPlan } from '../../src/core/drill.ts';
import { ulid } from 'ulid';
import type { Drill, NewDrill } from '../../src/ports/drill-ledger.ts';
import type { NewRotation } from '../../src/ports/ledger.ts';
import { openOn, openRuntime, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';
import { ACTOR, asked, created, fresh, noticeOf, planOf, plannedTexts } from './fixtures.ts';

const VERDICT = { state: 'failed', why: 'Red.' } as const;
const DUE = new Date('2026-03-01T09:00:00Z');
const newDrill = (credential: string, issuer: string, occurrence: Date | null = null): NewDrill => ({ id: ulid(), credential, issuer, actor: ACTOR, occurrence });
const planFor = (credential: string, issuer: string) => drillPlan(planOf(credential, issuer), `/tmp/${credential}/key.env`);
const notice = (key: string) => [{ notice: noticeOf(key), channels: ['ops'] }];
const rotationFor = ({ credential, issuer }: Drill, more: Partial<NewRotation> = {}): NewRotation => ({ ...asked(drillCredential(credential), { issuer }), plan: planFor(credential, issuer), ...more });

describe.each(RUNTIMES)('drills in the ledger on $name', (runtime) => {
  let open: OpenRuntime;
  beforeAll(async () => void (open = await openRuntime(runtime)));
  afterAll(() => open.close());

  const begin = (drill: NewDrill) => open.drills.begin(drill, planFor(drill.credential, drill.issuer));
  const begun = async (credential = fresh('cred'), issuer = fresh('hm')): Promise<Drill> => {
    const outcome = await begin(newDrill(credential, issuer));
    if (outcome.outcome !== 'begun') throw new Error(outcome.outcome);
    return outcome.drill;
  };
  const outbox = async (key: string): Promise<number> => (await open.ledger.deliveries({}, { limit: 1_000 })).filter(({ notice: { dedupeKey } }) => dedupeKey === key).length;

  test('one is open at an issuer, also when several workers begin one at once', async () => {
    const issuer = fresh('hm');
    const outcomes = await Promise.all([1, 2, 3].map(() => begin(newDrill(fresh('cred'), issuer))));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['begun', 'open', 'open']);
    const id = outcomes.flatMap((one) => (one.outcome === 'answered' ? [] : [one.drill.id]));
    expect(new Set(id).size).toBe(1);
    expect((await begin(newDrill(fresh('cred'), fresh('hm')))).outcome).toBe('begun');
  });

  test('its own credential is not declared, never due, and undeclares nobody', async () => {
    const drill = await begun();
    const name = drillCredential(drill.credential);
    expect(await open.ledger.credential(name)).toMatchObject({ declared: false, issuer: drill.issuer, owner: null, currentKeyId: null, plan: { credential: name } });
    expect((await open.ledger.declaredCredentials({ issuer: drill.issuer }, { limit: 9 }))).toEqual([]);
    await open.ledger.declare(plannedTexts([{ plan: planOf(drill.credential, drill.issuer), revision: 'r1' }]));
    expect((await open.ledger.dueCredentials(1_000)).map((due) => due.name)).not.toContain(name);
    expect((await open.ledger.credential(name))?.declared).toBe(false);
    await open.ledger.declare([]);
  });

  test('asks for each rotation once, whoever asks, and for none once it is over', async () => {
    const drill = await begun();
    const all = await Promise.all([1, 2, 3].map(() => open.drills.request(drill.id, 'mint', null, rotationFor(drill))));
    const [made, ...none] = all.filter((one) => one !== null);
    expect([made?.credential, none]).toEqual([drillCredential(drill.credential), []]);
    expect((await open.drills.drill(drill.id))?.rotations).toEqual({ mint: made?.id, leak: null, end: null });
    const end = await open.drills.request(drill.id, 'end', null, rotationFor(drill, { kind: 'emergency', path: 'emergency', notes: { revocation: { keys: 'every', replace: false } } }));
    expect((await open.ledger.rotation(made?.id ?? ''))?.state).toBe('aborted');
    expect(await open.drills.request(drill.id, 'end', null, rotationFor(drill))).toBeNull();
    expect(await open.drills.finish(drill.id, { revokeMs: 84.5, recoverMs: null }, notice(`${drill.id}:over`))).toBe('recorded');
    expect(await open.drills.finish(drill.id, { revokeMs: 1, recoverMs: 1 }, notice(`${drill.id}:over`))).toBe('already');
    expect(await open.drills.request(drill.id, 'end', end?.id ?? null, rotationFor(drill))).toBeNull();
    expect(await open.drills.request(drill.id, 'leak', null, rotationFor(drill))).toBeNull();
    expect(await open.drills.drill(drill.id.slice(0, 20).toLowerCase())).toMatchObject({ id: drill.id, state: 'passed', revokeMs: 84.5, recoverMs: null, finishedAt: expect.any(Date) });
    expect(await outbox(`${drill.id}:over`)).toBe(1);
    expect((await open.ledger.auditEvents({ credential: drill.credential }, { limit: 9 })).map(({ type }) => type)).toEqual(['drill.finished', 'drill.begun']);
  });

  test('the first verdict stays, and is what it ends with', async () => {
    const drill = await begun();
    expect([await open.drills.judge(drill.id, VERDICT, notice(`${drill.id}:red`)), await open.drills.judge(drill.id, { state: 'given_up', why: 'Other.' }, notice(`${drill.id}:other`))]).toEqual(['recorded', 'already']);
    await open.drills.noteProof(drill.id, 'list');
    await open.drills.finish(drill.id, { revokeMs: null, recoverMs: null }, []);
    expect(await open.drills.drill(drill.id)).toMatchObject({ state: 'failed', verdict: VERDICT, refusedBy: 'list' });
    expect([await outbox(`${drill.id}:red`), await outbox(`${drill.id}:other`)]).toEqual([1, 0]);
    expect(await open.drills.judge(drill.id, VERDICT, [])).toBe('already');
  });

  test('an occurrence has one drill, begun or refused, and its refusals are told once an issuer', async () => {
    const [credential, issuer, key] = [fresh('cred'), fresh('hm'), fresh('refused')];
    const refusals = await Promise.all([1, 2].map(() => open.drills.refuse(newDrill(credential, issuer, DUE), { state: 'given_up', why: 'No room.' }, notice(key))));
    expect(refusals.sort()).toEqual(['already', 'recorded']);
    expect(await open.drills.refuse(newDrill(fresh('cred'), issuer, DUE), { state: 'given_up', why: 'No room.' }, notice(key))).toBe('recorded');
    expect(await outbox(key)).toBe(1);
    expect((await begin(newDrill(credential, issuer, DUE))).outcome).toBe('answered');
    expect((await open.drills.drills({ credential }, { limit: 9 })).map(({ state, occurrence }) => [state, occurrence])).toEqual([['given_up', DUE]]);
  });

  test('those that policies ask for are known with their last, and the last of all that are declared', async () => {
    const [drilled, undrilled, issuer] = [fresh('cred'), fresh('cred'), fresh('hm')];
    const plan = planOf(drilled, issuer);
    await open.ledger.declare(plannedTexts([{ plan: { ...plan, policy: { ...plan.policy, drill: '0 9 1 * *', timezone: 'Europe/Berlin' } }, revision: 'r1' }, { plan: planOf(undrilled, issuer), revision: 'r1' }]));
    expect(await open.drills.schedules()).toEqual([{ credential: drilled, issuer, cron: '0 9 1 * *', timezone: 'Europe/Berlin', firstSeenAt: expect.any(Date), last: null }]);
    const drill = await begun(drilled, issuer);
    expect([(await open.drills.schedules())[0]?.last, await open.drills.latest()]).toEqual([{ startedAt: drill.startedAt, state: 'running' }, []]);
    await open.drills.finish(drill.id, { revokeMs: 1, recoverMs: 2 }, []);
    expect((await open.drills.latest()).map(({ id }) => id)).toEqual([drill.id]);
    await open.ledger.declare([]);
    expect([await open.drills.schedules(), await open.drills.latest()]).toEqual([[], []]);
  });

  test('an emergency at the issuer is seen, and those of drills are not', async () => {
    const drill = await begun();
    await open.drills.request(drill.id, 'leak', null, rotationFor(drill, { kind: 'emergency', path: 'emergency' }));
    expect(await open.drills.emergencyAt(drill.issuer)).toBeNull();
    const real = fresh('cred');
    await created(open.ledger, asked(real, { kind: 'emergency', path: 'emergency', issuer: drill.issuer }));
    expect([await open.drills.emergencyAt(drill.issuer), await open.drills.emergencyAt(fresh('hm'))]).toEqual([real, null]);
  });

  test('open ones are found after a restart', async () => {
    const drill = await begun();
    if (runtime.name === 'embedded') return; // one process holds it: what is read is what is on disk
    const other = await openOn(open.running);
    expect((await other.drills.drills({ open: true }, { limit: 1_000 })).map(({ id }) => id)).toContain(drill.id);
    await other.close();
  });
});
