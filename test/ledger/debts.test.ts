import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openOn, RUNTIMES } from '../support/runtimes.ts';
import { ACTOR, asked, created, debtOf, fresh, leased, MINUTE } from './fixtures.ts';
import { LEDGERS, openModel, type OpenLedger } from './ledgers.ts';

describe.each(LEDGERS)('revocation debts on $name', (kind) => {
  let open: OpenLedger;
  beforeAll(async () => {
    open = await kind.open();
  });
  afterAll(() => open.close());

  test('an emergency makes an open debt its own, payable at once', async () => {
    const credential = fresh('hasten');
    const patient = debtOf(credential, { issuerKeyId: `key-${credential}`, cause: 'superseded', notBeforeMs: MINUTE });
    const debt = await open.ledger.addDebt(patient, ACTOR);
    expect(await open.ledger.leaseDebt(debt?.id ?? '', 'w1', MINUTE)).toBeNull();
    const rotation = await created(open.ledger, asked(credential, { kind: 'emergency', path: 'emergency' }));
    const hastened = await open.ledger.addDebt({ ...patient, cause: 'emergency', rotationId: rotation.id, notBeforeMs: 0 }, ACTOR);
    expect(hastened).toMatchObject({ id: debt?.id, cause: 'emergency', rotationId: rotation.id });
    expect(await open.ledger.leaseDebt(debt?.id ?? '', 'w1', MINUTE)).not.toBeNull();
  });

  test('any other cause leaves the open debt as it is', async () => {
    const credential = fresh('keep');
    const first = debtOf(credential, { issuerKeyId: `key-${credential}`, cause: 'emergency' });
    await open.ledger.addDebt(first, ACTOR);
    expect(await open.ledger.addDebt({ ...first, cause: 'superseded' }, ACTOR)).toBeNull();
    expect((await open.ledger.openDebts({ credential }))[0]?.cause).toBe('emergency');
  });
});

describe('leases of a dead process', () => {
  const embedded = RUNTIMES.find((runtime) => runtime.name === 'embedded');
  test('are free at once on the embedded runtime: whoever holds the data directory is alone', async () => {
    const running = await embedded?.start();
    if (running === undefined) throw new Error('the embedded runtime is always there');
    const before = await openOn(running);
    const rotation = await created(before.ledger, asked(fresh('dead')));
    await leased(before.ledger, rotation.id, 'dead-worker', 60 * MINUTE);
    await before.close();
    const after = await openOn(running);
    expect(await after.ledger.lease(rotation.id, 'next-worker', MINUTE)).toMatchObject({ worker: 'next-worker', takenOver: true });
    await after.close();
    await running.stop();
  });

  test('are free at once in the model when it is told so', async () => {
    const { ledger, below } = openModel();
    const rotation = await created(ledger, asked(fresh('dead')));
    await leased(ledger, rotation.id, 'dead-worker', 60 * MINUTE);
    if (below.kind === 'model') below.model.freeLeases();
    expect(await ledger.lease(rotation.id, 'next-worker', MINUTE)).toMatchObject({ worker: 'next-worker', takenOver: true });
  });
});
