import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advanceClock, openOn, openRuntime, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';
import { ACTOR, asked, begun, committed, created, debtOf, declared, fresh, keyOf, leased, MINUTE } from './fixtures.ts';

const ALICE = { who: 'cli:alice@host', why: 'wrong scopes' };

describe.each(RUNTIMES)('what people ask of a rotation, on $name', (runtime) => {
  let open: OpenRuntime;
  beforeAll(async () => {
    open = await openRuntime(runtime);
  });
  afterAll(() => open.close());

  const historyOf = async (id: string): Promise<string[]> => (await open.ledger.history(id)).map((line) => `${line.to} ${line.reason} ${line.worker}`);

  test('an abort is written while a worker holds the rotation, wakes it, and is part of history and audit', async () => {
    const lease = await begun(open.ledger);
    const { id, credential } = lease.rotation;
    expect(await open.ledger.askAbort(id, ALICE)).toMatchObject({ outcome: 'asked', rotation: { state: 'requested', abortAsked: ALICE } });
    expect((await open.ledger.rotation(id))?.abortAsked).toEqual(ALICE);
    expect(await historyOf(id)).toEqual(['requested requested test', 'requested asked_abort cli:alice@host']);
    expect((await open.ledger.auditEvents({ credential }, { limit: 9 })).map((event) => [event.type, event.actor])).toContainEqual(['rotation.asked_abort', ALICE]);
  });

  test('asked twice it is one request, of whoever asked first', async () => {
    const lease = await begun(open.ledger);
    await open.ledger.askAbort(lease.rotation.id, ALICE);
    expect(await open.ledger.askAbort(lease.rotation.id, ACTOR)).toMatchObject({ outcome: 'already', rotation: { abortAsked: ALICE } });
    expect((await historyOf(lease.rotation.id)).filter((line) => line.includes('asked_abort'))).toHaveLength(1);
  });

  test('a change of state that was decided without knowing of it is not made; waits and effects are written, and it is woken at once', async () => {
    const lease = await begun(open.ledger);
    await open.ledger.askAbort(lease.rotation.id, ALICE);
    expect(await open.ledger.commit(lease, 'requested', { to: 'preflight', reason: 'admitted' })).toMatchObject({ outcome: 'asked', rotation: { state: 'requested', abortAsked: ALICE } });
    const waiting = await committed(open.ledger, lease, 'requested', { reason: 'window_closed', wakeInMs: 60 * MINUTE });
    expect((waiting.wakeAt?.getTime() ?? 0) - (await open.ledger.now()).getTime()).toBeLessThan(MINUTE);
    const knowing = { ...lease, rotation: waiting };
    const aborted = await committed(open.ledger, knowing, 'requested', { to: 'aborted', reason: 'abort', abortAnswered: true });
    expect(aborted).toMatchObject({ state: 'aborted', abortAsked: null });
  });

  test('is refused once the rotation has ended, has no way back, or does not exist', async () => {
    const lease = await begun(open.ledger);
    await committed(open.ledger, lease, 'requested', { to: 'aborted', reason: 'x' });
    expect(await open.ledger.askAbort(lease.rotation.id, ALICE)).toMatchObject({ outcome: 'ended' });
    expect(await open.ledger.askResume(lease.rotation.id, ALICE)).toMatchObject({ outcome: 'ended' });
    const emergency = await begun(open.ledger, { kind: 'emergency', path: 'emergency' });
    expect(await open.ledger.askAbort(emergency.rotation.id, ALICE)).toMatchObject({ outcome: 'refused', why: expect.stringContaining('An emergency revokes first') });
    const bootstrap = await begun(open.ledger);
    await committed(open.ledger, bootstrap, 'requested', { to: 'promoting', reason: 'x' });
    expect(await open.ledger.askAbort(bootstrap.rotation.id, ALICE)).toMatchObject({ outcome: 'refused', why: expect.stringContaining('no old key') });
    expect(await open.ledger.askAbort('01ZZZZZZZZZZZZZZZZZZZZZZZZ', ALICE)).toBeNull();
    expect(await open.ledger.askResume('01ZZZZZZZZZZZZZZZZZZZZZZZZ', ALICE)).toBeNull();
  });

  test('a rotation that revoked its old key first is not given up', async () => {
    const credential = fresh('replace');
    await declared(open.ledger, credential);
    const old = await open.ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {});
    const rotation = await created(open.ledger, asked(credential, { path: 'replace', oldKeyId: old.id }));
    const lease = await leased(open.ledger, rotation.id);
    await committed(open.ledger, lease, 'requested', { to: 'creating', reason: 'x', keyStates: [{ keyId: old.id, state: 'condemned' }] });
    expect(await open.ledger.askAbort(rotation.id, ALICE)).toMatchObject({ outcome: 'refused', why: expect.stringContaining('was revoked first') });
  });

  test('an emergency takes the place of a rotation that somebody wants aborted, and the request goes with it', async () => {
    const lease = await begun(open.ledger);
    const { id, credential } = lease.rotation;
    await open.ledger.askAbort(id, ALICE);
    expect(await open.ledger.request(asked(credential, { kind: 'emergency', path: 'emergency' }))).toMatchObject({ outcome: 'created' });
    expect(await open.ledger.rotation(id)).toMatchObject({ state: 'aborted', reason: 'preempted', abortAsked: null });
    expect(await open.ledger.askAbort(id, ALICE)).toMatchObject({ outcome: 'ended' });
  });

  test('to resume wakes it and makes its debts payable that wait after a failure, not those whose hazard is not over', async () => {
    const lease = await begun(open.ledger);
    const { id, credential } = lease.rotation;
    const failed = await open.ledger.addDebt(debtOf(credential, { rotationId: id }), ACTOR);
    const hazardous = await open.ledger.addDebt(debtOf(credential, { rotationId: id, notBeforeMs: MINUTE }), ACTOR);
    const tried = await open.ledger.leaseDebt(failed?.id ?? '', 'w1', MINUTE);
    if (tried === null) throw new Error('it is payable');
    await open.ledger.postponeDebt(tried, 'w1', 'issuer is down', 60 * MINUTE, []);
    await committed(open.ledger, lease, 'requested', { wakeInMs: 60 * MINUTE });
    expect(await open.ledger.askResume(id, ALICE)).toMatchObject({ outcome: 'asked', rotation: { resumeAsked: ALICE } });
    const payable = await open.ledger.payableDebts(1000);
    expect([payable.includes(failed?.id ?? ''), payable.includes(hazardous?.id ?? '')]).toEqual([true, false]);
    await open.ledger.release(lease);
    expect(await open.ledger.wakeable(1000)).toContain(id);
    const next = await leased(open.ledger, id, 'w2');
    expect(await committed(open.ledger, next, 'requested', { notes: {}, resumeAnswered: true })).toMatchObject({ resumeAsked: null });
    expect(await historyOf(id)).toContain('requested asked_resume cli:alice@host');
  });

  test('a lease that ran out is taken over, and the history says who held it, since when, and under which epochs', async () => {
    const lease = await begun(open.ledger);
    const { id, credential } = lease.rotation;
    await advanceClock(open.pool, 2 * MINUTE);
    expect(await leased(open.ledger, id, 'w2')).toMatchObject({ epoch: 2, takenOver: true });
    const line = (await open.ledger.history(id)).at(-1);
    expect(line).toMatchObject({ from: 'requested', to: 'requested', reason: 'taken_over', epoch: 2, worker: 'w2' });
    expect(line?.message).toMatch(/^Worker w1 held it from 20\S+Z and gave no sign; its lease ran out at 20\S+Z\. Worker w2 took over at 20\S+Z, epoch 1 → 2: what w1 had sent is looked for/);
    expect((await open.ledger.auditEvents({ credential }, { limit: 9 })).map((event) => event.type)).toContain('rotation.taken_over');
    expect((await open.ledger.rotation(id))?.reason).toBe('requested');
  });

  test('a lease that was given back is no take-over', async () => {
    const lease = await begun(open.ledger);
    await open.ledger.release(lease);
    expect(await leased(open.ledger, lease.rotation.id, 'w2')).toMatchObject({ epoch: 2, takenOver: false });
    expect(await historyOf(lease.rotation.id)).toEqual(['requested requested test']);
  });

  test('of two that take over at once one does, and it is recorded once', async () => {
    const lease = await begun(open.ledger);
    await advanceClock(open.pool, 2 * MINUTE);
    const both = await Promise.all([open.ledger.lease(lease.rotation.id, 'w2', MINUTE), open.ledger.lease(lease.rotation.id, 'w3', MINUTE)]);
    expect(both.filter((one) => one !== null)).toHaveLength(1);
    expect((await historyOf(lease.rotation.id)).filter((line) => line.includes('taken_over'))).toHaveLength(1);
  });
});

describe('a restart of an embedded worker', () => {
  const embedded = RUNTIMES.find((runtime) => runtime.name === 'embedded');
  test('is recorded too: the one that was killed is named, and nothing of it is waited out', async () => {
    const running = await embedded?.start();
    if (running === undefined) throw new Error('the embedded runtime is always there');
    const before = await openOn(running);
    const lease = await begun(before.ledger);
    await before.close();
    const after = await openOn(running);
    expect(await after.ledger.lease(lease.rotation.id, 'next', MINUTE)).toMatchObject({ takenOver: true, epoch: 2 });
    const line = (await after.ledger.history(lease.rotation.id)).at(-1);
    expect(line).toMatchObject({ reason: 'taken_over', worker: 'next' });
    expect(line?.message).toMatch(/Worker w1 held it from 20\S+Z and was dead when the ledger was opened again\. Worker next took over/);
    await after.close();
    await running.stop();
  });
});
