/** A key leaks, a stranger uses it, it is revoked: people get one report that names the stranger, and one more when much more becomes known. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IncidentReport } from '../../src/app/incident-operations.ts';
import { gatherIncident } from '../../src/app/incident-facts.ts';
import type { Leak } from '../../src/ports/leak-ledger.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, openRig, readEnv, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const MINUTE = 60_000;
const PUSH_VARIABLE = 'KEYTURN_TEST_PUSH_TOKEN';
const NAMES = ['leaked', 'silent', 'broken', 'crashed', 'twice', 'retired'];

describe.skipIf(!motoAvailable()).each(RUNTIMES)('the report of an emergency on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  const signal = AbortSignal.timeout(600_000);
  beforeAll(async () => {
    process.env[PUSH_VARIABLE] = 'push-token-of-the-tests-0123';
    around = await startSurroundings();
    rig = await openRig(runtime, around, {
      jobs: false,
      credentials: Object.fromEntries(NAMES.map((name) => [name, { checks: ['health'] }])),
      sections: { usage: { sources: { audit: { type: 'issuer', issuer: 'hm' }, gateway: { type: 'push', token: `\${env:${PUSH_VARIABLE}}`, key: { by: 'id' }, maxAge: '7d' } } } },
    });
    await rig.app.work.sweep(signal);
    for (const rotation of await rig.app.operations.rotations({})) await rig.app.work.advance(rotation.id, signal);
  }, 240_000);
  afterAll(async () => {
    await rig?.close();
    await around?.stop();
  });

  const valueOf = (credential: string): string => readEnv(rig.envFile(credential))['HYPERMEMORY_API_KEY'] ?? '';
  const call = (value: string, agent: string): Promise<Response> => fetch(`${around.sandbox.url}/api/v1/memory/overview`, { headers: { authorization: `Bearer ${value}`, 'user-agent': agent } });
  const push = (...records: readonly Readonly<Record<string, unknown>>[]) => rig.app.pushUsage({ source: 'gateway', token: null, trusted: true, gzip: false, batchId: null, body: Buffer.from(records.map((record) => JSON.stringify(record)).join('\n')) });
  const notices = async (id: string): Promise<readonly { readonly title: string; readonly happened: string; readonly facts: Readonly<Record<string, string>>; readonly severity: string }[]> => {
    const deliveries = await rig.app.context.ledger.deliveries({}, { limit: 1_000 });
    return deliveries.filter(({ channel, notice }) => channel === 'slack' && notice.dedupeKey.startsWith(`incident_report:${id}:`)).map(({ notice }) => notice).toReversed();
  };
  const look = async (): Promise<void> => {
    await rig.app.work.readUsage(signal);
    await rig.app.work.reportIncidents(signal);
  };
  const revoke = async (credential: string): Promise<string> => {
    const { rotation } = await rig.app.operations.revoke(credential, { who: 'cli:alice@laptop', why: 'pasted into a public issue' });
    await rig.app.work.advance(rotation.id, signal);
    return rotation.id;
  };

  test('names the stranger, says how long all took, and is told once; late events give one follow-up', async () => {
    const value = valueOf('leaked');
    for (let n = 0; n < 3; n += 1) await call(value, 'billing/2.1');
    for (let n = 0; n < 2; n += 1) await call(value, 'stealer/0.1');
    const before = new Date();
    const id = await revoke('leaked');
    expect((await rig.app.operations.rotation(id)).state).toBe('done');
    await call(value, 'stealer/0.1');
    await call(valueOf('leaked'), 'billing/2.1');
    await push({ at: before.toISOString(), key: 'of-nobody' });

    await rig.pass(3 * MINUTE);
    await look();
    await look();
    const report: IncidentReport = await rig.app.operations.incident(id.slice(0, 20));
    expect(report).toMatchObject({ status: 'recovered', credential: 'leaked', asked: { by: 'cli:alice@laptop', why: 'pasted into a public issue' }, window: { basis: 'creation', open: false } });
    expect(report.keys).toEqual([expect.objectContaining({ outcome: 'revoked', attempts: 1, valueKnown: true, revokedAfterMs: expect.any(Number) })]);
    expect(report.usage.seen).toContainEqual(expect.objectContaining({ source: 'audit', requests: 5, refusedAfter: 1, usedAfter: 0 }));
    expect(report.usage.callers.map(({ program, requests, usesReplacement }) => [program, requests, usesReplacement])).toEqual([['billing/2.1', 3, true], ['stealer/0.1', 3, false]]);
    expect(report.questions.find(({ text }) => text.includes('belong to you'))?.text).toContain('`stealer/0.1`');
    expect(report.usage.scopes.used).toContainEqual(expect.objectContaining({ source: 'audit', scope: 'memory:read', requests: expect.any(Number) }));
    expect(report.recovery).toMatchObject({ recoveredAt: expect.any(String), stores: [{ place: expect.stringContaining('leaked.env'), afterMs: expect.any(Number) }], applications: [{ check: 'health', afterMs: expect.any(Number) }] });
    const [store, application] = [report.recovery?.stores[0]?.afterMs ?? -1, report.recovery?.applications[0]?.afterMs ?? -1];
    expect(store).toBeGreaterThanOrEqual(report.keys[0]?.revokedAfterMs ?? Number.NaN);
    expect(application).toBeGreaterThanOrEqual(store);
    expect(report.audit.map(({ type }) => type)).toEqual(expect.arrayContaining(['rotation.requested', 'debt.added', 'key.revoked', 'rotation.transition']));
    for (const form of ['markdown', 'html'] as const) {
      const text = await rig.app.operations.incidentText(id, form);
      expect([text.includes('stealer/0.1'), text.includes(value)]).toEqual([true, false]);
    }

    const [first, ...none] = await notices(id);
    expect([first?.severity, none, first?.facts['Callers']]).toEqual(['warning', [], expect.stringContaining('requests')]);
    expect(JSON.stringify(first)).toContain('stealer/0.1');
    expect(await rig.app.operations.incidents({ credential: 'leaked' })).toMatchObject([{ id, reports: 1, reportedAt: expect.any(String) }]);

    const late = { at: before.toISOString(), key: report.keys[0]?.issuerKeyId, address: '198.51.100.77', agent: 'exfil/9', requests: 40 };
    await rig.pass(11 * MINUTE);
    await push(late);
    await look();
    await rig.pass(6 * MINUTE);
    await look();
    const [, second, ...more] = await notices(id);
    expect([second?.happened.startsWith('Another caller is known now: `198.51.100.77` with `exfil/9`. As `gateway` tells now, it was 40 requests in place of 0.'), more]).toEqual([true, []]);
    await rig.pass(11 * MINUTE);
    await push({ ...late, requests: 3 });
    await look();
    expect(await notices(id)).toHaveLength(2);
    await rig.pass(25 * 60 * MINUTE);
    await push({ ...late, agent: 'another/1', requests: 400 });
    await look();
    expect(await notices(id), 'nobody is told of it after a day').toHaveLength(2);
    expect((await rig.app.operations.incident(id)).usage.callers.map(({ program }) => program), 'who asks sees it').toContain('another/1');
  }, 240_000);

  test('waits for its sources no longer than three minutes, and says what they lack', async () => {
    const id = await revoke('silent');
    await rig.app.work.reportIncidents(signal);
    expect(await notices(id)).toEqual([]);
    await rig.pass(3 * MINUTE);
    await rig.app.work.reportIncidents(signal);
    expect(await notices(id)).toHaveLength(1);
    expect((await rig.app.operations.incident(id)).questions.map(({ text }) => text).join('\n')).toContain('has told nothing of it yet');
  }, 120_000);

  test('is told while applications are red after some minutes, at once when all is well, and once each', async () => {
    around.health.healthy = false;
    const id = await revoke('broken');
    await look();
    expect(await notices(id)).toEqual([]);
    await rig.pass(6 * MINUTE);
    await look();
    const [held] = await notices(id);
    expect([held?.severity, held?.title, JSON.stringify(held)]).toEqual(['critical', expect.stringContaining('not recovered yet'), expect.stringContaining('not healthy yet')]);
    around.health.healthy = true;
    await rig.app.operations.resumeRotation(id, ACTOR);
    await rig.app.work.advance(id, signal);
    await rig.pass(6 * MINUTE);
    await look();
    expect((await notices(id)).map(({ happened }) => happened)).toEqual([expect.any(String), expect.stringMatching(/^Stores and applications are healthy now\. /)]);
  }, 120_000);

  test('of two workers that look at once one tells; one that died before it had written anything is made up for', async () => {
    const id = await revoke('crashed');
    await rig.pass(3 * MINUTE);
    await rig.app.work.readUsage(signal);
    const { incidents } = rig.app.context;
    const untouched = { ...incidents };
    Object.assign(incidents, { record: async () => { throw new Error('killed here'); } });
    await rig.app.work.reportIncidents(signal);
    expect([await notices(id), rig.lines.some((line) => line.includes('could not be reported'))]).toEqual([[], true]);
    Object.assign(incidents, untouched);
    await Promise.all([rig.app.work.reportIncidents(signal), rig.app.work.reportIncidents(signal)]);
    expect(await notices(id)).toHaveLength(1);
  }, 120_000);

  test('of one whose place another took before it revoked anything nobody is told', async () => {
    const [key] = await rig.app.context.ledger.keysOf('twice');
    const { rotation: first } = await rig.app.operations.revoke(key?.issuerKeyId ?? '', ACTOR);
    const { rotation: second } = await rig.app.operations.revoke('twice', ACTOR);
    expect(second.id).not.toBe(first.id);
    await rig.app.work.advance(second.id, signal);
    await rig.pass(7 * MINUTE);
    await look();
    expect([await notices(first.id), (await notices(second.id)).length]).toEqual([[], 1]);
  }, 120_000);

  test('of keys that are not replaced is told as soon as they are dead, and says that nothing takes their place', async () => {
    const { rotation } = await rig.app.operations.revoke('retired', ACTOR, { replace: false });
    await rig.app.work.advance(rotation.id, signal);
    await rig.pass(4 * MINUTE);
    await look();
    const [notice, ...none] = await notices(rotation.id);
    expect([notice?.severity, notice?.happened, none]).toEqual(['warning', expect.stringContaining('No replacement was published.'), []]);
    expect(await rig.app.operations.incident(rotation.id)).toMatchObject({ status: 'not_replaced', recovery: { newKey: null, recoveredAt: null, stores: [], applications: [], gapMs: null } });
    expect(JSON.stringify(notice)).not.toContain('not healthy yet');
  }, 120_000);

  test('tells where it leaked, by the leaks that caused it and no others', async () => {
    const rotation = (await rig.app.context.ledger.rotations({ credential: 'silent' }, { limit: 9 })).find(({ kind }) => kind === 'emergency');
    if (rotation === undefined) throw new Error('a test before has revoked it');
    const [early, late] = [new Date('2026-03-04T10:00:00Z'), new Date('2026-03-04T11:00:00Z')];
    const leak = (more: Partial<Leak>): Leak => ({ rotationId: rotation.id, source: 'github', foundAt: null, reportedAt: late, url: null, ...more }) as Leak;
    const told = [leak({ url: 'https://example.com/2' }), leak({ source: 'paste', foundAt: early }), leak({ rotationId: 'another', url: 'https://example.com/3' })];
    const { context } = rig.app;
    const { leak: known } = await gatherIncident({ ...context, leaks: { ...context.leaks, leaks: async () => told } }, rotation);
    expect(known).toEqual({ foundAt: early, earliestAt: null, where: 'https://example.com/2', by: 'paste' });
    expect((await gatherIncident(context, rotation)).leak).toEqual({ foundAt: rotation.createdAt, earliestAt: null, where: null, by: 'cli:alice@laptop' });
  });

  test.each([['01ZZZZ', 'There is no incident 01ZZZZ.'], ['no such id', 'There is no incident']])('an id that is none (%s) says so', async (id, says) => {
    await expect(rig.app.operations.incident(id)).rejects.toMatchObject({ code: 'UNKNOWN_NAME', message: expect.stringContaining(says) });
  });

  test('the id of another rotation leads to where that is shown; a credential that never was is no filter', async () => {
    const other = (await rig.app.operations.rotations({ limit: 100 })).find(({ kind }) => kind !== 'emergency');
    await expect(rig.app.operations.incidentText(other?.id ?? '', 'html')).rejects.toMatchObject({ code: 'UNKNOWN_NAME', todo: expect.stringContaining(`keyturn rotations show ${other?.id}`) });
    await expect(rig.app.operations.incidents({ credential: 'nobody' })).rejects.toMatchObject({ code: 'UNKNOWN_CREDENTIAL' });
  });
});
