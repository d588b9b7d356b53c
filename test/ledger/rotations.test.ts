import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DebtCause, KeyRecord } from '../../src/core/vocabulary.ts';
import type { Change } from '../../src/ports/ledger.ts';
import { ACTOR, MINUTE, asked, begun, committed, created, declared, due, fresh, keyOf, leased, planOf, plannedTexts } from './fixtures.ts';
import { LEDGERS, type OpenLedger } from './ledgers.ts';

const debtOf = ({ credential, issuer, issuerKeyId, fingerprint }: KeyRecord, cause: DebtCause, rotationId: string) => ({ credential, issuer, issuerKeyId, fingerprint, cause, rotationId, notBeforeMs: 0 });

describe.each(LEDGERS)('rotations in the ledger on $name', (kind) => {
  let open: OpenLedger;
  beforeAll(async () => {
    open = await kind.open();
  });
  afterAll(() => open.close());

  test('a credential has one open rotation, and asking again answers with it', async () => {
    const credential = fresh('one');
    const first = await created(open.ledger, asked(credential, { notes: { a: [1, { b: null }] } }));
    expect(first).toMatchObject({ state: 'requested', epoch: 0, issuer: 'hm', notes: { a: [1, { b: null }] }, plan: planOf(credential), finishedAt: null });
    expect(first.wakeAt).toBeInstanceOf(Date);
    expect(await open.ledger.request(asked(credential))).toEqual({ outcome: 'open', rotation: first });
    expect(await open.ledger.openRotation(credential)).toEqual(first);
    expect(await open.ledger.wakeable(1000)).toContain(first.id);
  });

  test('of many that ask at once one is created, whichever pool they ask through', async () => {
    const { ledgers, close } = await open.twoWorkers();
    const credential = fresh('race');
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, i) => (ledgers[i % 2] ?? open.ledger).request(asked(credential))));
    await close();
    expect(outcomes.filter((o) => o.outcome === 'created')).toHaveLength(1);
    expect(outcomes.filter((o) => o.outcome === 'open')).toHaveLength(11);
  });

  test('an occurrence of a schedule is answered once, even after its rotation has ended', async () => {
    const credential = fresh('occ');
    const occurrence = new Date('2026-03-29T02:30:00Z');
    const ask = async (at: Date) => (await open.ledger.requestDue((await due(open.ledger, credential)).map((one) => ({ due: one, actor: ACTOR, occurrence: at }))))[0];
    await declared(open.ledger, credential);
    expect(await ask(occurrence)).toMatchObject({ outcome: 'created' });
    const rotation = await open.ledger.openRotation(credential);
    expect(rotation?.occurrence).toEqual(occurrence);
    await committed(open.ledger, await leased(open.ledger, rotation?.id ?? ''), 'requested', { to: 'aborted', reason: 'x' });
    expect(await ask(occurrence)).toEqual({ outcome: 'answered' });
    expect(await ask(new Date('2026-03-30T02:30:00Z'))).toMatchObject({ outcome: 'created' });
    await declared(open.ledger);
  });

  test('a rotation is found by its id or a prefix that fits it alone', async () => {
    const rotation = await created(open.ledger, asked(fresh('prefix')));
    await created(open.ledger, asked(fresh('prefix')));
    expect((await open.ledger.rotation(rotation.id))?.id).toBe(rotation.id);
    expect((await open.ledger.rotation(rotation.id.toLowerCase()))?.id).toBe(rotation.id);
    await expect(open.ledger.rotation(rotation.id.slice(0, 1))).rejects.toMatchObject({ code: 'USAGE' });
    expect(await open.ledger.rotation('ZZZZ')).toBeNull();
    expect(await open.ledger.rotation("%' or true")).toBeNull();
  });

  test('listings are pages, newest first, filtered by credential and by being open', async () => {
    const credential = fresh('pages');
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const rotation = await created(open.ledger, asked(credential));
      ids.unshift(rotation.id);
      if (i < 2) await committed(open.ledger, await leased(open.ledger, rotation.id), 'requested', { to: 'aborted', reason: 'x' });
    }
    const page = await open.ledger.rotations({ credential }, { limit: 2 });
    expect(page.map((r) => r.id)).toEqual(ids.slice(0, 2));
    expect((await open.ledger.rotations({ credential }, { limit: 2, before: page[1]?.id ?? '' })).map((r) => r.id)).toEqual(ids.slice(2));
    expect((await open.ledger.rotations({ credential, open: true }, { limit: 9 })).map((r) => r.id)).toEqual(ids.slice(0, 1));
    expect(await open.ledger.rotations({ credential, open: false }, { limit: 9 })).toHaveLength(2);
  });

  test('one of two pools gets the lease; given back, the next takes it with a higher epoch and no suspicion', async () => {
    const { ledgers, close } = await open.twoWorkers();
    const rotation = await created(open.ledger, asked(fresh('lease')));
    const both = await Promise.all([ledgers[0].lease(rotation.id, 'a', MINUTE), ledgers[1].lease(rotation.id, 'b', MINUTE)]);
    const won = both.filter((lease) => lease !== null);
    expect(won).toHaveLength(1);
    const [lease] = won;
    if (lease === undefined) return;
    expect(lease).toMatchObject({ epoch: 1, takenOver: false });
    expect(await open.ledger.wakeable(1000)).not.toContain(rotation.id);
    await ledgers[0].release(lease);
    expect(await open.ledger.wakeable(1000)).toContain(rotation.id);
    expect(await ledgers[1].lease(rotation.id, 'c', MINUTE)).toMatchObject({ epoch: 2, takenOver: false, worker: 'c' });
    await close();
  });

  test('a lease that ran out is taken over, and its first holder can neither renew nor write', async () => {
    const lease = await begun(open.ledger);
    await open.advanceClock(2 * MINUTE);
    await expect(open.ledger.renew(lease, MINUTE)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await expect(open.ledger.commit(lease, 'requested', { to: 'preflight' })).rejects.toMatchObject({ code: 'LEASE_LOST' });
    const next = await leased(open.ledger, lease.rotation.id, 'w2');
    expect(next).toMatchObject({ takenOver: true, epoch: 2 });
    await expect(open.ledger.commit(lease, 'requested', { to: 'preflight' })).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await open.ledger.release(lease);
    expect(await open.ledger.lease(lease.rotation.id, 'w3', MINUTE)).toBeNull();
    expect((await open.ledger.rotation(lease.rotation.id))?.state).toBe('requested');
    await committed(open.ledger, next, 'requested', { to: 'preflight', reason: 'ok' });
  });

  test('renewing keeps a lease alive past its first end', async () => {
    const lease = await begun(open.ledger);
    const renewed = await open.ledger.renew(lease, 10 * MINUTE);
    expect(renewed.expiresAt.getTime()).toBeGreaterThan(lease.expiresAt.getTime());
    await open.advanceClock(2 * MINUTE);
    await committed(open.ledger, renewed, 'requested', { to: 'preflight', reason: 'ok' });
  });

  test('an emergency ends the open rotation, fences its worker, frees what it held and watches the name it was creating', async () => {
    const lease = await begun(open.ledger);
    const { credential } = lease.rotation;
    const location = fresh('loc');
    await committed(open.ledger, lease, 'requested', {
      to: 'creating',
      reason: 'go',
      notes: { attempt: { name: 'prod-abc-1' } },
      lockLocations: [location],
      reserveSlot: { issuer: credential, liveKeys: 0, limit: 1 },
    });
    const emergency = await created(open.ledger, asked(credential, { kind: 'emergency', path: 'emergency' }));
    expect(emergency.kind).toBe('emergency');
    const old = await open.ledger.rotation(lease.rotation.id);
    expect(old).toMatchObject({ state: 'aborted', reason: 'preempted', wakeAt: null, epoch: lease.epoch + 1 });
    await expect(open.ledger.commit(lease, 'creating', { to: 'staged' })).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect((await open.ledger.history(lease.rotation.id)).map((t) => [t.from, t.to, t.reason])).toEqual([
      [null, 'requested', 'requested'],
      ['requested', 'creating', 'go'],
      ['creating', 'aborted', 'preempted'],
    ]);
    const watch = (await open.ledger.watches('hm')).find((w) => w.name === 'prod-abc-1');
    expect(watch).toMatchObject({ credential, rotationId: lease.rotation.id });
    const other = await begun(open.ledger);
    await committed(open.ledger, other, 'requested', { lockLocations: [location], reserveSlot: { issuer: credential, liveKeys: 0, limit: 1 } });
    expect(await open.ledger.wakeable(1)).toEqual([emergency.id]);
  });

  test('the same emergency asked twice runs once; another, or one after its key was minted, pre-empts again', async () => {
    const credential = fresh('emergency');
    const emergency = asked(credential, { kind: 'emergency', path: 'emergency', notes: { revocation: { keys: ['k1'], replace: true } } });
    const first = await created(open.ledger, emergency);
    expect(await open.ledger.request(emergency)).toMatchObject({ outcome: 'open', rotation: { id: first.id } });
    const wider = await created(open.ledger, { ...emergency, notes: {} });
    expect(wider.notes).toEqual({ revocation: { keys: 'every', replace: true } });
    expect(await open.ledger.request(emergency)).toMatchObject({ outcome: 'open', rotation: { id: wider.id } });
    expect((await open.ledger.rotation(first.id))?.state).toBe('aborted');
    await committed(open.ledger, await leased(open.ledger, wider.id), 'requested', { to: 'staged', reason: 'minted' });
    await created(open.ledger, { ...emergency, notes: {} });
    expect(await open.ledger.request(asked(credential))).toMatchObject({ outcome: 'open' });
  });

  test('one that only wants keys that are dying stays open; what stores may serve of a rotation is handed on', async () => {
    const credential = fresh('dying');
    await declared(open.ledger, credential);
    const key = await open.ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {});
    const one = asked(credential, { kind: 'emergency', path: 'emergency', notes: { revocation: { keys: [key.id], replace: true } } });
    const first = await created(open.ledger, one);
    const next = keyOf(credential, { state: 'staged', rotationId: first.id });
    const ok = await open.ledger.commit(await leased(open.ledger, first.id), 'requested', { to: 'promoting', reason: 'x', notes: { ...first.notes }, newKey: next, debts: [debtOf(key, 'emergency', first.id)] });
    expect(ok.outcome).toBe('ok');
    expect(await open.ledger.request(one)).toMatchObject({ outcome: 'open', rotation: { id: first.id } });
    const staged = (await open.ledger.keysOf(credential)).find(({ state }) => state === 'staged');
    const second = await created(open.ledger, { ...one, notes: { revocation: { keys: [staged?.id ?? ''], replace: true } } });
    expect(second.notes).toEqual({ revocation: { keys: [staged?.id], replace: true }, mayServe: staged?.id, mayWrite: true });
  });

  test('one that wants a key which is condemned on evidence only does not stay with the open one', async () => {
    const credential = fresh('condemned');
    await declared(open.ledger, credential);
    const [key, left] = [await open.ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {}), await open.ledger.adopt(keyOf(credential, { state: 'draining' }), ACTOR, {})];
    const of = (id: string) => asked(credential, { kind: 'emergency', path: 'emergency', notes: { revocation: { keys: [id], replace: true } } });
    const first = await created(open.ledger, of(key.id));
    await open.ledger.commit(await leased(open.ledger, first.id), 'requested', { to: 'promoting', reason: 'x', notes: { ...first.notes }, debts: [debtOf(key, 'emergency', first.id), debtOf(left, 'superseded', first.id)] });
    expect(await open.ledger.request(of(key.id))).toMatchObject({ outcome: 'open', rotation: { id: first.id } });
    expect(await open.ledger.request(of(left.id))).toMatchObject({ outcome: 'created' });
  });

  test('a credential is retired once an emergency that creates nothing has left it without a key, until a rotation or a key comes', async () => {
    const credential = fresh('retired');
    await declared(open.ledger, credential);
    const key = await open.ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {});
    const giveUp = asked(credential, { kind: 'emergency', path: 'emergency', actor: { who: 'alice', why: 'gone' }, notes: { revocation: { keys: 'every', replace: false } } });
    const end = async (id: string, keyStates: NonNullable<Change['keyStates']> = []): Promise<void> =>
      void (await committed(open.ledger, await leased(open.ledger, id), 'requested', { to: 'done', reason: 'reported', keyStates, keepsAge: true }));
    const first = await created(open.ledger, giveUp);
    expect(await open.ledger.retired([credential])).toEqual([]);
    await end(first.id, [{ keyId: key.id, state: 'revoked' }]);
    expect(await open.ledger.retired([credential])).toEqual([{ credential, rotationId: first.id, actor: { who: 'alice', why: 'gone' }, since: (await open.ledger.rotation(first.id))?.finishedAt }]);
    expect((await open.ledger.retired()).map((one) => one.credential)).toContain(credential);
    const back = await created(open.ledger, asked(credential));
    expect(await open.ledger.retired([credential])).toEqual([]);
    await end(back.id);
    const again = await created(open.ledger, giveUp);
    await end(again.id);
    expect(await open.ledger.retired([credential])).toHaveLength(1);
    await open.ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {});
    expect(await open.ledger.retired([credential])).toEqual([]);
  });

  test('done without a key of its own: the credential is as old as the key that it kept, and is looked at anew', async () => {
    const credential = fresh('kept');
    await declared(open.ledger, credential);
    const first = await created(open.ledger, asked(credential));
    await committed(open.ledger, await leased(open.ledger, first.id), 'requested', { to: 'aborted', reason: 'preempted', newKey: keyOf(credential, { state: 'current', rotationId: first.id }) });
    const [key] = await open.ledger.keysOf(credential);
    const emergency = await created(open.ledger, asked(credential, { kind: 'emergency', path: 'emergency' }));
    await committed(open.ledger, await leased(open.ledger, emergency.id), 'requested', { to: 'done', reason: 'reported', newKeyId: key?.id ?? null, keepsAge: true });
    const record = await open.ledger.credential(credential);
    expect([record?.lastRotatedAt, record?.dueAt]).toEqual([(await open.ledger.rotation(first.id))?.finishedAt, null]);
    expect((await due(open.ledger, credential))[0]?.last).toMatchObject({ id: emergency.id, renewed: false });
  });

  test('keys are found by the id of their issuer and by their own, also where two issuers gave the same id', async () => {
    const [one, other] = [fresh('here'), fresh('there')];
    await open.ledger.declare(plannedTexts([{ plan: planOf(one, 'hm'), revision: 'r1' }, { plan: planOf(other, 'aws'), revision: 'r1' }]));
    const issuerKeyId = fresh('same-id');
    const here = await open.ledger.adopt(keyOf(one, { issuer: 'hm', issuerKeyId }), ACTOR, {});
    const there = await open.ledger.adopt(keyOf(other, { issuer: 'aws', issuerKeyId }), ACTOR, {});
    expect((await open.ledger.keysNamed(issuerKeyId)).map(({ id }) => id)).toEqual([there.id, here.id]);
    expect((await open.ledger.keysNamed(here.id)).map(({ id }) => id)).toEqual([here.id]);
    expect(await open.ledger.keysNamed('no-such-key')).toEqual([]);
  });

  test('a commit under way and an emergency never both win', async () => {
    const { ledgers, close } = await open.twoWorkers();
    for (let i = 0; i < 10; i += 1) {
      const lease = await begun(open.ledger);
      const { id, credential } = lease.rotation;
      const [write, emergency] = await Promise.allSettled([
        ledgers[0].commit(lease, 'requested', { to: 'preflight', reason: 'go' }),
        ledgers[1].request(asked(credential, { kind: 'emergency', path: 'emergency' })),
      ]);
      expect(emergency).toMatchObject({ status: 'fulfilled', value: { outcome: 'created' } });
      const states = (await open.ledger.history(id)).map((t) => t.to);
      expect(states).toEqual(write.status === 'fulfilled' ? ['requested', 'preflight', 'aborted'] : ['requested', 'aborted']);
    }
    await close();
  });

  test('a credential that is undeclared keeps its open rotation', async () => {
    const credential = fresh('gone');
    await declared(open.ledger, credential);
    const rotation = await created(open.ledger, asked(credential));
    await declared(open.ledger);
    expect((await open.ledger.credential(credential))?.declared).toBe(false);
    expect((await open.ledger.openRotation(credential))?.id).toBe(rotation.id);
  });
});
