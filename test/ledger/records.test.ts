import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ACTOR, MINUTE, asked, begun, committed, created, debtOf, declared, fresh, keyOf, leased, noticeOf, plannedTexts, planOf } from './fixtures.ts';
import { LEDGERS, type OpenLedger } from './ledgers.ts';

const names = (list: readonly { readonly name: string }[]) => list.map((credential) => credential.name);
const plannedOf = (name: string, issuer: string, owner: string | null) => ({ plan: { ...planOf(name, issuer), owner }, revision: 'r' });

describe.each(LEDGERS)('what the ledger keeps on $name', (kind) => {
  let open: OpenLedger;
  beforeAll(async () => {
    open = await kind.open();
  });
  afterAll(() => open.close());

  describe('credentials', () => {
    test('what is declared is due until somebody says when, and again when its plan changes', async () => {
      const { ledger } = open;
      const [a, b, c] = [fresh('due'), fresh('due'), fresh('due')];
      await declared(ledger, a, b, c);
      expect(await ledger.credential(a)).toMatchObject({ name: a, issuer: 'hm', owner: 'team', declared: true, dueAt: null, currentKeyId: null, plan: planOf(a) });
      expect(names(await ledger.dueCredentials(10))).toEqual([a, b, c]);
      const now = await ledger.now();
      await ledger.setDue(a, new Date(now.getTime() + MINUTE));
      await ledger.setDue(b, null);
      await ledger.setDue(c, new Date(now.getTime() - MINUTE));
      expect(names(await ledger.dueCredentials(10))).toEqual([c]);
      expect((await ledger.credential(b))?.dueAt).toBeNull();
      expect((await ledger.credential(c))?.dueAt).toEqual(new Date(now.getTime() - MINUTE));
      await open.advanceClock(2 * MINUTE);
      expect(names(await ledger.dueCredentials(10))).toEqual([c, a]);
      expect(names(await ledger.dueCredentials(1))).toEqual([c]);
      await ledger.declare(plannedTexts([a, b].map((name) => ({ plan: planOf(name), revision: name === b ? 'r2' : 'r1' }))));
      expect(names(await ledger.dueCredentials(10))).toEqual([b, a]);
      expect((await ledger.credential(c))?.declared).toBe(false);
      expect(names(await ledger.credentials())).toEqual(expect.arrayContaining([a, b, c]));
      await ledger.declare([]);
      expect(await ledger.dueCredentials(10)).toEqual([]);
      expect(await ledger.credential('nobody')).toBeNull();
    });

    test('a pause of all, an issuer or a credential holds it back; so does an open rotation', async () => {
      const { ledger } = open;
      const name = fresh('paused');
      await declared(ledger, name);
      for (const [scope, subject] of [['all', null], ['issuer', 'hm'], ['credential', name]] as const) {
        await ledger.setPause({ scope, name: subject, actor: ACTOR });
        await ledger.setPause({ scope, name: subject, actor: ACTOR });
        expect(await ledger.pauses()).toMatchObject([{ scope, name: subject, actor: ACTOR }]);
        expect(await ledger.dueCredentials(10)).toEqual([]);
        expect(await ledger.clearPause(scope, subject, ACTOR)).toBe(true);
        expect(await ledger.clearPause(scope, subject, ACTOR)).toBe(false);
        expect(await ledger.dueCredentials(10)).toHaveLength(1);
      }
      await ledger.setPause({ scope: 'issuer', name: 'another', actor: ACTOR });
      expect(await ledger.dueCredentials(10)).toHaveLength(1);
      await created(ledger, asked(name));
      expect(await ledger.dueCredentials(10)).toEqual([]);
      const types = (await ledger.auditEvents({ credential: name }, { limit: 9 })).map((e) => e.type);
      expect(types).toEqual(expect.arrayContaining(['pause.set', 'pause.cleared']));
    });

    test('many are declared at once, and workers that declare together do not quarrel', async () => {
      const { ledgers, close } = await open.twoWorkers();
      const many = Array.from({ length: 1200 }, (_, i) => ({ plan: planOf(`many-${i}`), revision: 'r' }));
      await Promise.all([ledgers[0].declare(plannedTexts(many)), ledgers[1].declare(plannedTexts(many.toReversed()))]);
      await close();
      expect((await open.ledger.credentials()).filter((c) => c.declared)).toHaveLength(1200);
      expect(await open.ledger.dueCredentials(50)).toHaveLength(50);
      await open.ledger.declare([]);
    });

    test('what is declared is read page by page, of one issuer or owner if that is asked', async () => {
      const { ledger } = open;
      await ledger.declare(plannedTexts([plannedOf('p-gone', 'left', 'a')]));
      await ledger.declare(plannedTexts([plannedOf('p-3', 'hm', 'a'), plannedOf('P-2', 'aws', 'b'), plannedOf('p-1', 'hm', null)], 2));
      const page = async (...given: Parameters<typeof ledger.declaredCredentials>) => names(await ledger.declaredCredentials(...given));
      expect(await page({}, { limit: 2 })).toEqual(['P-2', 'p-1']);
      expect(await page({}, { limit: 2, after: 'p-1' })).toEqual(['p-3']);
      expect(await page({ issuer: 'hm' }, { limit: 9 })).toEqual(['p-1', 'p-3']);
      expect(await page({ owner: 'a' }, { limit: 9 })).toEqual(['p-3']);
      expect(await page({ issuer: 'left' }, { limit: 9 })).toEqual([]);
      expect(await ledger.issuers()).toEqual(expect.arrayContaining(['aws', 'hm', 'left']));
      await ledger.declare([]);
    });

    test('a declaration that ends half-way declares nothing and gives nothing up', async () => {
      const { ledger } = open;
      const [before, added] = [fresh('whole'), fresh('whole')];
      await declared(ledger, before);
      function* broken() {
        yield* plannedTexts([{ plan: planOf(added), revision: 'r' }]);
        throw new Error('no more plans');
      }
      await expect(ledger.declare(broken())).rejects.toThrow();
      expect(await ledger.credential(added)).toBeNull();
      expect(names(await ledger.declaredCredentials({}, { limit: 9 }))).toEqual([before]);
      await ledger.declare([]);
    });
  });

  describe('keys', () => {
    test('an adopted key becomes current once; another cannot take its place', async () => {
      const { ledger } = open;
      const name = fresh('adopt');
      await expect(ledger.adopt(keyOf(name, { state: 'current' }), ACTOR, {})).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
      await declared(ledger, name);
      const key = keyOf(name, { state: 'current', proven: false, fingerprint: null, createdAt: new Date('2026-01-01T00:00:00Z') });
      const record = await ledger.adopt(key, ACTOR, { by: 'key-id' });
      expect(record).toMatchObject({ ...key, rotationId: null, revokedAt: null });
      expect(await ledger.adopt({ ...key, proven: true }, ACTOR, {})).toMatchObject({ id: record.id, proven: true });
      await expect(ledger.adopt(keyOf(name, { state: 'current' }), ACTOR, {})).rejects.toMatchObject({ code: 'BLOCKED' });
      expect(await ledger.keysOf(name)).toHaveLength(1);
      expect((await ledger.credential(name))?.currentKeyId).toBe(record.id);
      expect(await ledger.key('none')).toBeNull();
    });

    test('a key found dead frees its credential for another; living ones are listed first', async () => {
      const { ledger } = open;
      const [name, issuer] = [fresh('dead'), fresh('issuer')];
      await declared(ledger, name);
      const dead = await ledger.adopt(keyOf(name, { issuer, state: 'current' }), ACTOR, {});
      await ledger.markKey(dead.id, 'lost', ACTOR, 'not listed any more');
      const next = await ledger.adopt(keyOf(name, { issuer, state: 'current' }), ACTOR, {});
      const later = await ledger.adopt(keyOf(name, { issuer, state: 'staged' }), ACTOR, {});
      await ledger.markKey(later.id, 'revoked', ACTOR, 'by hand');
      expect((await ledger.keysOfIssuer(issuer)).map((k) => [k.id, k.state])).toEqual([[next.id, 'current'], [later.id, 'revoked'], [dead.id, 'lost']]);
      await expect(ledger.markKey('none', 'lost', ACTOR, '')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
    });
  });

  describe('revocation debts', () => {
    test('a key is owed once; settled, its key is dead, its rotation awake and people told', async () => {
      const { ledger } = open;
      const name = fresh('owed');
      await declared(ledger, name);
      const key = await ledger.adopt(keyOf(name, { state: 'current' }), ACTOR, {});
      const lease = await leased(ledger, (await created(ledger, asked(name))).id);
      await committed(ledger, lease, 'requested', { to: 'revoking', reason: 'go', wakeInMs: null });
      await ledger.release(lease);
      const asks = debtOf(name, { issuerKeyId: key.issuerKeyId, rotationId: lease.rotation.id });
      const debt = await ledger.addDebt(asks, ACTOR);
      expect(debt).toMatchObject({ credential: name, attempts: 0, settledAt: null, cause: 'superseded' });
      expect(await ledger.addDebt(asks, ACTOR)).toBeNull();
      expect((await ledger.key(key.id))?.state).toBe('condemned');
      const held = await ledger.leaseDebt(debt?.id ?? '', 'w', MINUTE);
      if (held === null) throw new Error('not payable');
      expect(await ledger.leaseDebt(held.id, 'other', MINUTE)).toBeNull();
      expect(await ledger.wakeable(1000)).not.toContain(lease.rotation.id);
      const notices = [{ notice: noticeOf(name), channels: ['ops'] }];
      await ledger.settleDebt(held, 'w', 'revoked', notices);
      await ledger.settleDebt(held, 'frozen', 'gone', notices);
      expect(await ledger.debt(held.id)).toMatchObject({ settledAt: expect.any(Date), attempts: 1 });
      expect(await ledger.key(key.id)).toMatchObject({ state: 'revoked', revokedAt: expect.any(Date) });
      expect((await ledger.credential(name))?.currentKeyId).toBeNull();
      expect(await ledger.wakeable(1000)).toContain(lease.rotation.id);
      expect(await ledger.openDebts({ credential: name })).toEqual([]);
      const revoked = (await ledger.auditEvents({ credential: name }, { limit: 50 })).filter((e) => e.type === 'key.revoked');
      expect(revoked).toMatchObject([{ keyId: key.id, detail: { outcome: 'revoked' }, actor: { who: 'worker:w' } }]);
      expect((await ledger.deliveries({}, { limit: 500 })).filter((d) => d.notice.dedupeKey === name)).toHaveLength(1);
      expect(await ledger.addDebt(asks, ACTOR)).not.toBeNull();
    });

    test('it is not payable before its time, and a postponed one waits again', async () => {
      const { ledger } = open;
      const debt = await ledger.addDebt(debtOf(fresh('later'), { notBeforeMs: MINUTE }), ACTOR);
      const id = debt?.id ?? '';
      expect(await ledger.payableDebts(1000)).not.toContain(id);
      expect(await ledger.leaseDebt(id, 'w', MINUTE)).toBeNull();
      await open.advanceClock(MINUTE);
      expect(await ledger.payableDebts(1000)).toContain(id);
      const held = await ledger.leaseDebt(id, 'w', MINUTE);
      if (held === null) throw new Error('not payable');
      expect(await ledger.payableDebts(1000)).not.toContain(id);
      await ledger.postponeDebt(held, 'w', 'issuer says 503', 5 * MINUTE, []);
      expect(await ledger.debt(id)).toMatchObject({ attempts: 1, lastError: 'issuer says 503', alertedAt: null });
      expect(await ledger.leaseDebt(id, 'w', MINUTE)).toBeNull();
      await expect(ledger.postponeDebt(held, 'w', 'again', 1, [])).rejects.toMatchObject({ code: 'LEASE_LOST' });
      await open.advanceClock(5 * MINUTE);
      const again = await ledger.leaseDebt(id, 'w', MINUTE);
      if (again === null) throw new Error('not payable');
      await ledger.postponeDebt(again, 'w', 'still', 1, [{ notice: noticeOf(id), channels: ['ops'] }]);
      expect((await ledger.debt(id))?.alertedAt).toBeInstanceOf(Date);
    });

    test('of many workers one gets a debt; when it dies another does', async () => {
      const { ledgers, close } = await open.twoWorkers();
      const debt = await open.ledger.addDebt(debtOf(fresh('race')), ACTOR);
      const got = await Promise.all(Array.from({ length: 8 }, (_, i) => (ledgers[i % 2] ?? open.ledger).leaseDebt(debt?.id ?? '', `w${i}`, MINUTE)));
      await close();
      expect(got.filter((d) => d !== null)).toHaveLength(1);
      await open.advanceClock(2 * MINUTE);
      expect(await open.ledger.leaseDebt(debt?.id ?? '', 'heir', MINUTE)).toMatchObject({ attempts: 2 });
    });
  });

  test('a name watched finds late keys once each, and is forgotten in time', async () => {
    const { ledger } = open;
    const lease = await begun(ledger, { issuer: fresh('issuer') });
    const { credential, issuer, id } = lease.rotation;
    await committed(ledger, lease, 'requested', { watches: [{ issuer, credential, name: 'late-1', rotationId: id, forMs: MINUTE }] });
    const [watch] = await ledger.watches(issuer);
    if (watch === undefined) throw new Error('no watch');
    expect(await ledger.watches('another')).toEqual([]);
    const found = [debtOf(credential, { issuer, cause: 'orphan' }), debtOf(credential, { issuer, cause: 'orphan' })];
    await ledger.watchFound(watch, found);
    await ledger.watchFound(watch, found);
    const debts = await ledger.openDebts({ issuer });
    expect(debts.map((d) => d.cause)).toEqual(['orphan', 'orphan']);
    const held = await ledger.leaseDebt(debts[0]?.id ?? '', 'w', MINUTE);
    if (held === null) throw new Error('not payable');
    await ledger.settleDebt(held, 'w', 'gone', []);
    await ledger.watchFound(watch, found);
    expect(await ledger.openDebts({ issuer })).toHaveLength(1);
    await open.advanceClock(2 * MINUTE);
    expect(await ledger.watches(issuer)).toEqual([]);
    expect(await ledger.dropExpiredWatches()).toBeGreaterThanOrEqual(1);
    expect(await ledger.dropExpiredWatches()).toBe(0);
  });

  test('under a watched name, a key that an open rotation works on or that is in use is no orphan; a staged key of none is', async () => {
    const { ledger } = open;
    const lease = await begun(ledger, { issuer: fresh('issuer') });
    const { credential, issuer, id } = lease.rotation;
    const [mine, left] = [keyOf(credential, { issuer, state: 'staged', rotationId: id }), keyOf(credential, { issuer, state: 'staged', rotationId: id })];
    await committed(ledger, lease, 'requested', { newKey: left });
    await committed(ledger, lease, 'requested', { newKey: mine, watches: [{ issuer, credential, name: 'adopted-1', rotationId: id, forMs: MINUTE }] });
    const [watch] = await ledger.watches(issuer);
    if (watch === undefined) throw new Error('no watch');
    const found = [mine, left].map(({ issuerKeyId }) => debtOf(credential, { issuer, issuerKeyId, cause: 'orphan' }));
    expect(await ledger.watchFound(watch, found)).toEqual([left.issuerKeyId]);
    expect(await ledger.addOrphan(debtOf(credential, { issuer, issuerKeyId: mine.issuerKeyId, cause: 'orphan' }), ACTOR)).toBeNull();
    expect((await ledger.keysOf(credential)).map(({ issuerKeyId, state }) => [issuerKeyId, state])).toEqual(expect.arrayContaining([[mine.issuerKeyId, 'staged'], [left.issuerKeyId, 'condemned']]));
  });

  describe('the outbox', () => {
    beforeEach(() => open.emptyOutbox());

    test('the same words reach a channel once within the quiet time, also when many say them at once', async () => {
      const { ledgers, close } = await open.twoWorkers();
      const notice = noticeOf(fresh('quiet'));
      await Promise.all(Array.from({ length: 6 }, (_, i) => (ledgers[i % 2] ?? open.ledger).notify(notice, ['ops', 'mail'], MINUTE)));
      await close();
      expect(await open.ledger.deliveries({}, { limit: 10 })).toHaveLength(2);
      await open.advanceClock(2 * MINUTE);
      await open.ledger.notify(notice, ['ops'], MINUTE);
      expect(await open.ledger.deliveries({}, { limit: 10 })).toHaveLength(3);
    });

    test('a delivery is leased by one, tried again later, and delivered or stuck in the end', async () => {
      const { ledger } = open;
      await ledger.notify(noticeOf('one'), ['ops'], 0);
      const [id = ''] = await ledger.deliverable(10);
      const leases = await Promise.all(Array.from({ length: 5 }, (_, i) => ledger.leaseDelivery(id, `w${i}`, MINUTE)));
      const [first] = leases.filter((d) => d !== null);
      expect(leases.filter((d) => d !== null)).toHaveLength(1);
      if (first === undefined) return;
      expect(first).toMatchObject({ channel: 'ops', state: 'waiting', attempts: 1, notice: noticeOf('one') });
      expect(await ledger.deliverable(10)).toEqual([]);
      await ledger.undelivered(first, '503', MINUTE);
      expect(await ledger.deliverable(10)).toEqual([]);
      await open.advanceClock(MINUTE);
      const second = await ledger.leaseDelivery(id, 'w', MINUTE);
      if (second === null) throw new Error('not deliverable');
      await expect(ledger.delivered(first, 'late')).rejects.toMatchObject({ code: 'LEASE_LOST' });
      await ledger.undelivered(second, 'channel_not_found', null);
      expect(await ledger.deliveries({ state: 'stuck' }, { limit: 9 })).toMatchObject([{ id, lastError: 'channel_not_found', attempts: 2 }]);
      expect(await ledger.retryStuck('mail')).toBe(0);
      expect(await ledger.retryStuck()).toBe(1);
      const third = await ledger.leaseDelivery(id, 'w', MINUTE);
      if (third === null) throw new Error('not deliverable');
      await ledger.delivered(third, 'ts-1');
      expect(await ledger.deliveries({ state: 'delivered' }, { limit: 9 })).toMatchObject([{ id, receipt: 'ts-1', lastError: null, deliveredAt: expect.any(Date) }]);
      expect(await ledger.leaseDelivery(id, 'w', MINUTE)).toBeNull();
    });

    test('deliveries are pages, newest first', async () => {
      for (const key of ['a', 'b', 'c']) await open.ledger.notify(noticeOf(key), ['ops'], 0);
      const [c, b] = await open.ledger.deliveries({}, { limit: 2 });
      expect([c, b].map((d) => d?.notice.dedupeKey)).toEqual(['c', 'b']);
      expect((await open.ledger.deliveries({}, { limit: 2, before: b?.id ?? '' })).map((d) => d.notice.dedupeKey)).toEqual(['a']);
    });
  });

  test('figures count what is open, due and old', async () => {
    const { ledger } = open;
    await begun(ledger);
    await ledger.addDebt(debtOf(fresh('old')), ACTOR);
    await ledger.notify(noticeOf(fresh('old')), ['ops'], 0);
    await open.advanceClock(10 * MINUTE);
    const figures = await ledger.figures();
    expect(figures.rotationsByState['requested']).toBeGreaterThan(0);
    expect(figures.keysByState['revoked']).toBeGreaterThan(0);
    expect(figures.openDebts).toBeGreaterThan(0);
    expect(figures.oldestDebtAgeMs).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(figures.deliveriesWaiting).toBeGreaterThan(0);
    expect(figures.oldestDeliveryAgeMs).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(figures.unsealedAudit).toBeGreaterThan(0);
  });

  test('the clock is the database’s, and tests may set it', async () => {
    await open.setClock(new Date('2030-03-31T01:30:00Z'));
    const drift = (await open.ledger.now()).getTime() - Date.parse('2030-03-31T01:30:00Z');
    expect(drift).toBeGreaterThanOrEqual(0);
    expect(drift).toBeLessThan(30_000);
    expect((await created(open.ledger, asked(fresh('then')))).createdAt.getUTCFullYear()).toBe(2030);
  });
});
