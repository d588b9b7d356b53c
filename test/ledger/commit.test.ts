import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACTOR, MINUTE, asked, begun, committed, created, debtOf, declared, fresh, keyOf, leased, noticeOf } from './fixtures.ts';
import { LEDGERS, type OpenLedger } from './ledgers.ts';

describe.each(LEDGERS)('the guarded write on $name', (kind) => {
  let open: OpenLedger;
  beforeAll(async () => {
    open = await kind.open();
  });
  afterAll(() => open.close());

  test('it names the state that it expects', async () => {
    const lease = await begun(open.ledger);
    await committed(open.ledger, lease, 'requested', { to: 'preflight', reason: 'go' });
    await expect(open.ledger.commit(lease, 'requested', { to: 'creating' })).rejects.toMatchObject({ code: 'LEASE_LOST' });
  });

  test('everything that belongs to a change is written with it', async () => {
    const { ledger } = open;
    const credential = fresh('whole');
    await declared(ledger, credential);
    const old = await ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {});
    const rotation = await created(ledger, asked(credential, { oldKeyId: old.id }));
    const lease = await leased(ledger, rotation.id);
    const staged = await committed(ledger, lease, 'requested', { to: 'staged', reason: 'minted', message: 'A key.', newKey: keyOf(credential), wakeInMs: 5 * MINUTE });
    expect(staged.newKeyId).not.toBeNull();
    expect(staged.wakeAt?.getTime()).toBeGreaterThan(staged.stateSince.getTime() + 4 * MINUTE);
    const newKeyId = staged.newKeyId ?? '';
    const after = await committed(ledger, lease, 'staged', {
      to: 'draining',
      reason: 'promoted',
      message: 'Served.',
      notes: { deep: { list: [1, 'two'] } },
      keyStates: [{ keyId: newKeyId, state: 'current' }, { keyId: old.id, state: 'draining' }],
      debts: [debtOf(credential, { issuerKeyId: old.issuerKeyId, rotationId: rotation.id, notBeforeMs: MINUTE })],
      watches: [{ issuer: 'hm', credential, name: 'late', rotationId: rotation.id, forMs: MINUTE }],
      notices: [{ notice: noticeOf('n'), channels: ['ops', 'mail'] }],
      audit: [{ type: 'policy.max-age-override', actor: ACTOR, keyId: old.id, detail: { days: 9 } }],
    });
    expect(after).toMatchObject({ state: 'draining', reason: 'promoted', message: 'Served.', notes: { deep: { list: [1, 'two'] } } });
    expect((await ledger.credential(credential))?.currentKeyId).toBe(newKeyId);
    expect(await ledger.key(old.id)).toMatchObject({ state: 'condemned' });
    expect(await ledger.openDebts({ credential })).toHaveLength(1);
    expect((await ledger.watches('hm')).map((w) => w.name)).toContain('late');
    const deliveries = (await ledger.deliveries({}, { limit: 100 })).filter((d) => d.notice.dedupeKey === 'n');
    expect(deliveries.map((d) => d.channel).sort()).toEqual(['mail', 'ops']);
    const types = (await ledger.auditEvents({ credential }, { limit: 50 })).map((e) => e.type);
    expect(types).toEqual(expect.arrayContaining(['credential.adopted', 'rotation.requested', 'rotation.transition', 'debt.added', 'policy.max-age-override']));
  });

  test('when one part is refused nothing of it is written', async () => {
    const location = fresh('loc');
    const holder = await begun(open.ledger);
    await committed(open.ledger, holder, 'requested', { lockLocations: [location] });
    const lease = await begun(open.ledger);
    const outcome = await open.ledger.commit(lease, 'requested', {
      to: 'promoting',
      reason: 'go',
      notes: { changed: true },
      lockLocations: [`${location}-a`, location],
      newKey: keyOf(lease.rotation.credential),
      notices: [{ notice: noticeOf(location), channels: ['ops'] }],
      reserveSlot: { issuer: location, liveKeys: 0, limit: 5 },
    });
    expect(outcome).toEqual({ outcome: 'locked', holder: holder.rotation.id, location });
    const after = await open.ledger.rotation(lease.rotation.id);
    expect(after).toMatchObject({ state: 'requested', notes: {}, newKeyId: null });
    expect(await open.ledger.keysOf(lease.rotation.credential)).toEqual([]);
    await committed(open.ledger, await begun(open.ledger), 'requested', { lockLocations: [`${location}-a`] });
    await committed(open.ledger, holder, 'requested', { unlockLocations: true });
    await committed(open.ledger, lease, 'requested', { lockLocations: [location] });
  });

  test('where an emergency waits for a place it comes next, and only there', async () => {
    const [place, other] = [fresh('loc'), fresh('loc')];
    const [holder, routine] = [await begun(open.ledger), await begun(open.ledger)];
    await committed(open.ledger, holder, 'requested', { lockLocations: [place] });
    const urgent = await begun(open.ledger, { kind: 'emergency', path: 'emergency' });
    const waits = { reason: 'location_locked', notes: { waitsFor: [place] } };
    expect(await open.ledger.commit(urgent, 'requested', { lockLocations: [place] })).toMatchObject({ outcome: 'locked', holder: holder.rotation.id });
    await committed(open.ledger, urgent, 'requested', waits);
    await committed(open.ledger, holder, 'requested', { lockLocations: [place] }); // it has it already
    await committed(open.ledger, routine, 'requested', { lockLocations: [other] });
    await committed(open.ledger, holder, 'requested', { unlockLocations: true });
    expect(await open.ledger.commit(routine, 'requested', { lockLocations: [other, place] })).toEqual({ outcome: 'locked', holder: urgent.rotation.id, location: place });
    await committed(open.ledger, urgent, 'requested', { reason: 'go', notes: {}, lockLocations: [place] });
    await committed(open.ledger, urgent, 'requested', { unlockLocations: true });
    await committed(open.ledger, routine, 'requested', { lockLocations: [place] });
  });

  test('two after the same two places, in either order, never wait for each other: one gets both', async () => {
    const { ledgers, close } = await open.twoWorkers();
    for (let i = 0; i < 8; i += 1) {
      const [a, b] = [fresh('loc'), fresh('loc')];
      const leases = [await begun(open.ledger), await begun(open.ledger)] as const;
      const outcomes = await Promise.all([
        ledgers[0].commit(leases[0], 'requested', { lockLocations: [a, b] }),
        ledgers[1].commit(leases[1], 'requested', { lockLocations: [b, a] }),
      ]);
      expect(outcomes.map((o) => o.outcome).sort()).toEqual(['locked', 'ok']);
    }
    await close();
  });

  test('the last key slot goes to one of many, and is free again when its rotation ends', async () => {
    const { ledgers, close } = await open.twoWorkers();
    const issuer = fresh('issuer');
    const reserveSlot = { issuer, liveKeys: 4, limit: 5 };
    const leases = await Promise.all(Array.from({ length: 6 }, () => begun(open.ledger)));
    const outcomes = await Promise.all(leases.map((lease, i) => (ledgers[i % 2] ?? open.ledger).commit(lease, 'requested', { reserveSlot })));
    await close();
    expect(outcomes.filter((o) => o.outcome === 'ok')).toHaveLength(1);
    expect(outcomes.filter((o) => o.outcome === 'no-slot' && o.reserved === 1)).toHaveLength(5);
    const [won, lost] = [leases.find((_, i) => outcomes[i]?.outcome === 'ok'), leases.find((_, i) => outcomes[i]?.outcome !== 'ok')];
    if (won === undefined || lost === undefined) throw new Error('nobody won');
    await committed(open.ledger, won, 'requested', { reserveSlot });
    await committed(open.ledger, won, 'requested', { to: 'staged', reason: 'minted', newKey: keyOf(won.rotation.credential, { issuer }) });
    expect(await open.ledger.commit(lost, 'requested', { reserveSlot: { ...reserveSlot, liveKeys: 5 } })).toEqual({ outcome: 'no-slot', reserved: 0 });
    await committed(open.ledger, lost, 'requested', { reserveSlot: { ...reserveSlot, limit: null } });
    await committed(open.ledger, lost, 'requested', { releaseSlot: true });
    await committed(open.ledger, won, 'staged', { to: 'aborted', reason: 'x' });
    await committed(open.ledger, lost, 'requested', { reserveSlot });
  });

  test('an issuer is paced: so many at once, and so many begun a minute', async () => {
    const { ledgers, close } = await open.twoWorkers();
    const issuer = fresh('issuer');
    const pace = { maxConcurrent: 2, perMinute: 3 };
    const go = { to: 'preflight', reason: 'go', pace } as const;
    const leases = await Promise.all(Array.from({ length: 5 }, () => begun(open.ledger, { issuer })));
    const outcomes = await Promise.all(leases.map((lease, i) => (ledgers[i % 2] ?? open.ledger).commit(lease, 'requested', go)));
    await close();
    expect(outcomes.filter((o) => o.outcome === 'ok')).toHaveLength(2);
    const running = leases.filter((_, i) => outcomes[i]?.outcome === 'ok');
    const waiting = leases.filter((_, i) => outcomes[i]?.outcome === 'paced');
    expect((await open.ledger.rotation(waiting[0]?.rotation.id ?? ''))?.state).toBe('requested');
    const [first, second] = running;
    const [third, fourth] = waiting;
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) throw new Error('too few');
    expect(await open.ledger.commit(first, 'preflight', { pace })).toMatchObject({ outcome: 'ok' });
    await committed(open.ledger, first, 'preflight', { to: 'draining', reason: 'promoted' });
    await committed(open.ledger, third, 'requested', go);
    await committed(open.ledger, second, 'preflight', { to: 'aborted', reason: 'x' });
    expect(await open.ledger.commit(fourth, 'requested', go)).toEqual({ outcome: 'paced' });
    await open.advanceClock(61_000);
    const again = await leased(open.ledger, fourth.rotation.id);
    await committed(open.ledger, again, 'requested', go);
  });

  test('a rotation that was blocked is paced again when it goes on', async () => {
    const issuer = fresh('issuer');
    const pace = { maxConcurrent: 1, perMinute: 9 };
    const first = await begun(open.ledger, { issuer });
    const second = await begun(open.ledger, { issuer });
    await committed(open.ledger, first, 'requested', { to: 'preflight', reason: 'go', pace });
    expect(await open.ledger.commit(second, 'requested', { to: 'preflight', pace })).toEqual({ outcome: 'paced' });
    await committed(open.ledger, first, 'preflight', { to: 'blocked', reason: 'full' });
    await committed(open.ledger, second, 'requested', { to: 'preflight', reason: 'go', pace });
    expect(await open.ledger.commit(first, 'blocked', { to: 'preflight', pace })).toEqual({ outcome: 'paced' });
  });

  test('a worker that comes back with a key that it already wrote brings its record up to date', async () => {
    const lease = await begun(open.ledger);
    const key = keyOf(lease.rotation.credential, { rotationId: lease.rotation.id, proven: false });
    const first = await committed(open.ledger, lease, 'requested', { newKey: key });
    const again = await committed(open.ledger, lease, 'requested', { newKey: { ...key, rotationId: null, proven: true, scopes: ['memory:write'] } });
    expect(again.newKeyId).toBe(first.newKeyId);
    expect(await open.ledger.keysOf(lease.rotation.credential)).toMatchObject([{ id: first.newKeyId, rotationId: lease.rotation.id, proven: true, scopes: ['memory:write'] }]);
  });

  test('watching a name again prolongs its watch and changes nothing else of it', async () => {
    const issuer = fresh('issuer');
    const [one, two] = [await begun(open.ledger), await begun(open.ledger)];
    const watchOf = ({ rotation }: typeof one, forMs: number) => ({ watches: [{ issuer, credential: rotation.credential, name: 'late', rotationId: rotation.id, forMs }] });
    await committed(open.ledger, one, 'requested', watchOf(one, MINUTE));
    const [first] = await open.ledger.watches(issuer);
    await committed(open.ledger, two, 'requested', watchOf(two, 9 * MINUTE));
    const watches = await open.ledger.watches(issuer);
    expect(watches).toMatchObject([{ name: 'late', credential: one.rotation.credential, rotationId: one.rotation.id }]);
    expect(watches[0]?.until.getTime()).toBeGreaterThan((first?.until.getTime() ?? Infinity) + 7 * MINUTE);
  });

  test('a record that was handed out stays as it was, and one that was handed in is not looked at again', async () => {
    const credential = fresh('copies');
    await declared(open.ledger, credential);
    const notes = { list: [1] };
    const rotation = await created(open.ledger, asked(credential, { notes }));
    const lease = await leased(open.ledger, rotation.id);
    const first = await committed(open.ledger, lease, 'requested', { to: 'staged', reason: 'minted', newKey: keyOf(credential), debts: [debtOf(credential)] });
    const record = await open.ledger.credential(credential);
    const handedOut = [rotation, lease, first, record, await open.ledger.keysOf(credential), await open.ledger.openDebts({ credential })];
    const asTheyWere = structuredClone(handedOut);
    notes.list.push(2);
    expect((await open.ledger.rotation(rotation.id))?.notes).toEqual({ list: [1] });
    await committed(open.ledger, lease, 'staged', { keyStates: [{ keyId: first.newKeyId ?? '', state: 'current' }], notes, message: 'later' });
    notes.list.push(3);
    await committed(open.ledger, lease, 'staged', { to: 'done', reason: 'all' });
    expect((await open.ledger.rotation(rotation.id))?.notes).toEqual({ list: [1, 2] });
    expect(handedOut).toEqual(asTheyWere);
  });

  test('history tells state changes and changed reasons, not repeats', async () => {
    const lease = await begun(open.ledger);
    await committed(open.ledger, lease, 'requested', { to: 'draining', reason: 'overlap', message: '10 minutes left' });
    await committed(open.ledger, lease, 'draining', { reason: 'overlap', message: '5 minutes left' });
    await committed(open.ledger, lease, 'draining', { reason: 'quiet', message: 'still used' });
    await committed(open.ledger, lease, 'draining', { wakeInMs: 10 });
    const history = await open.ledger.history(lease.rotation.id);
    expect(history.map((t) => [t.from, t.to, t.reason])).toEqual([
      [null, 'requested', 'requested'],
      ['requested', 'draining', 'overlap'],
      ['draining', 'draining', 'quiet'],
    ]);
    expect(history.at(-1)).toMatchObject({ worker: 'w1', epoch: 1, message: 'still used' });
    expect((await open.ledger.rotation(lease.rotation.id))?.message).toBe('still used');
  });

  test('a rotation that is done lets go of everything and dates its credential', async () => {
    const credential = fresh('done');
    await declared(open.ledger, credential);
    const rotation = await created(open.ledger, asked(credential));
    const lease = await leased(open.ledger, rotation.id);
    const done = await committed(open.ledger, lease, 'requested', { to: 'done', reason: 'all', wakeInMs: 1000 });
    expect(done.finishedAt).toBeInstanceOf(Date);
    expect(done.wakeAt).toBeNull();
    expect((await open.ledger.credential(credential))?.lastRotatedAt).toBeInstanceOf(Date);
    expect(await open.ledger.openRotation(credential)).toBeNull();
    expect(await open.ledger.lease(rotation.id, 'w2', MINUTE)).toBeNull();
    await expect(open.ledger.commit(lease, 'done', { notes: { late: true } })).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await open.ledger.release(lease);
  });

  test('a notice of one rotation reaches a channel once, however often its step runs', async () => {
    const lease = await begun(open.ledger);
    const key = fresh('dedupe');
    const notices = [{ notice: noticeOf(key), channels: ['ops', 'ops'] }];
    await committed(open.ledger, lease, 'requested', { notices });
    await committed(open.ledger, lease, 'requested', { notices });
    await committed(open.ledger, await begun(open.ledger), 'requested', { notices });
    expect((await open.ledger.deliveries({}, { limit: 1000 })).filter((d) => d.notice.dedupeKey === key)).toHaveLength(2);
  });

  test('a key that dies is no longer current, and a key of another credential is refused', async () => {
    const [one, two] = [fresh('cred'), fresh('cred')];
    await declared(open.ledger, one, two);
    const key = await open.ledger.adopt(keyOf(one, { state: 'current' }), ACTOR, {});
    const lease = await leased(open.ledger, (await created(open.ledger, asked(two))).id);
    const stolen = open.ledger.commit(lease, 'requested', { newKey: keyOf(two, { issuerKeyId: key.issuerKeyId }) });
    await expect(stolen).rejects.toMatchObject({ code: 'BLOCKED' });
    await expect(open.ledger.commit(lease, 'requested', { keyStates: [{ keyId: 'none', state: 'current' }] })).rejects.toMatchObject({ code: 'INTERNAL' });
    await committed(open.ledger, lease, 'requested', { keyStates: [{ keyId: key.id, state: 'revoked', proven: false }] });
    expect(await open.ledger.key(key.id)).toMatchObject({ state: 'revoked', proven: false, revokedAt: expect.any(Date) });
    expect((await open.ledger.credential(one))?.currentKeyId).toBeNull();
  });
});
