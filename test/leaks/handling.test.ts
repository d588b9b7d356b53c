/** What reported leaks cause, outcome by outcome, and what is left when a worker dies in between. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LeakHandling } from '../../src/app/leak-handling.ts';
import { handleLeaks } from '../../src/app/leak-handling.ts';
import { takeLeaks, type LeakIntake } from '../../src/app/leak-intake.ts';
import { fetchLeaks } from '../../src/app/leak-lookup.ts';
import { createLeakMatcher, leakHash } from '../../src/app/leak-matching.ts';
import { leakResponder } from '../../src/app/leak-response.ts';
import { leakWork } from '../../src/app/leak-work.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { LeakResponse } from '../../src/core/leak.ts';
import { Secret, fingerprinter, textFingerprinter } from '../../src/core/secret.ts';
import type { KeyRecord } from '../../src/core/vocabulary.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { LeakSource, ReportedLeak } from '../../src/ports/leak-source.ts';
import type { Log } from '../../src/ports/log.ts';
import { advance } from '../../src/rotation/advance.ts';
import type { Engine } from '../../src/rotation/engine.ts';
import { ACTOR, keyOf, plannedTexts, planOf } from '../ledger/fixtures.ts';
import { advanceClock, openRuntime, ROOT_KEY, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const signal = new AbortController().signal;
/** All that tests here write but the audit log, which can only grow. */
const FORGET = 'truncate keyturn.credentials, keyturn.keys, keyturn.rotations, keyturn.transitions, keyturn.debts, keyturn.deliveries, keyturn.leaks, keyturn.leak_deliveries, keyturn.location_locks, keyturn.slot_reservations';
const HM = /^hm_live_[\w]{16,}$/;
const valueOf = (name: string): string => `hm_live_${name.padEnd(40, '0')}`;

const value = (name: string, more: Partial<ReportedLeak> = {}): Partial<ReportedLeak> => ({ secret: { kind: 'value', value: valueOf(name) }, url: `https://example.com/${name}`, ...more });
const reference = (n: number): Partial<ReportedLeak> => ({ secret: { kind: 'reference', reference: `{"n":${n}}` }, url: `https://github.com/o/r/${n}` });
/** A worker that dies: at that call, before or after it was carried out. */
const dies = (): never => { throw new KeyturnError('LEASE_LOST', 'This worker is dead.'); };

describe.each(RUNTIMES)('leaks on $name', (runtime) => {
  let open: OpenRuntime;
  let engine: Engine;
  let respond: LeakResponse;
  let revoked: string[];
  let stored: string[];
  let unreadable: boolean;
  let fetched: () => Promise<ReportedLeak>;
  const print = textFingerprinter(ROOT_KEY);
  const issuer = { looksLikeKey: (text: string) => HM.test(text), name: 'hm' } as Partial<Issuer> as Issuer;
  const source = { name: 'scanner', type: 'signed', read: ({ body }) => JSON.parse(body.toString()) as ReturnType<LeakSource['read']>, fetch: () => fetched(), probe: async () => 'takes' } satisfies LeakSource;

  let eventsBefore: number;
  beforeAll(async () => { open = await openRuntime(runtime); });
  afterAll(() => open.close());
  beforeEach(async () => {
    await open.pool.query(FORGET);
    eventsBefore = (await open.ledger.auditEvents({}, { limit: 1 }))[0]?.seq ?? 0;
    [respond, revoked, stored, unreadable] = ['revoke', [], [], false];
    const store = {
      describe: 'place p', callTimeoutMs: 1_000,
      read: async () => {
        if (unreadable) throw new KeyturnError('STORE_UNAVAILABLE', 'The store is down.');
        return { slots: stored.map((value, n) => ({ value: new Secret(value), role: n === 0 ? 'current' : 'backup' })) };
      },
    };
    const plugins = { issuer: { name: 'hm', capabilities: { callTimeoutMs: 1_000 }, revoke: async (id: string) => { revoked.push(id); return 'revoked' as const; } }, places: [{ id: 'p', ofRecord: true, store }], keyChecks: [], applicationChecks: [], hooks: [] };
    engine = {
      ledger: open.ledger, queue: { wake: async () => true, wakeAll: async () => true }, plugins: async () => plugins as unknown as Awaited<ReturnType<Engine['plugins']>>,
      fingerprint: fingerprinter(ROOT_KEY), log: quiet, clock: { timeout: (ms) => AbortSignal.timeout(ms) }, worker: 'w1',
    };
    await open.ledger.declare(plannedTexts([{ plan: { ...planOf('app'), channels: { info: ['ops'], warning: ['ops'], critical: ['ops'] } }, revision: 'r' }]));
  });

  const shared = () => ({
    engine, ledger: open.ledger, leaks: open.leaks, queue: null, config: () => ({ channels: { ops: {} }, routes: undefined }) as never,
    leakSources: { names: () => ['scanner'], of: () => ({ source, respond, maxBody: 8_000_000 }) }, fingerprint: print, issuers: () => [issuer], log: quiet,
  });
  const handling = (more: Partial<LeakHandling> = {}): LeakHandling => ({ ...shared(), responder: leakResponder(engine), ...more });
  const report = async (...leaks: readonly Partial<ReportedLeak>[]): Promise<void> => {
    const body = Buffer.from(JSON.stringify({ leaks: leaks.map((leak) => ({ url: null, foundAt: null, detail: null, ...leak })), malformed: 0 }));
    await takeLeaks({ ...(shared() as LeakIntake) }, { source: 'scanner', headers: {}, body, trusted: true });
  };
  const key = async (name: string, state: KeyRecord['state'], more = {}): Promise<KeyRecord> => await open.ledger.adopt(keyOf('app', { fingerprint: print(valueOf(name)), issuerKeyId: name, state, ...more }), ACTOR, {});
  const outcomes = async () => (await open.leaks.leaks({}, 100)).map(({ outcome }) => outcome);
  const told = async () => (await open.ledger.deliveries({}, { limit: 50 })).map(({ notice }) => [notice.kind, notice.severity, notice.title]);
  const events = async () => (await open.ledger.auditEvents({}, { limit: 50 })).filter(({ seq }) => seq > eventsBefore).map(({ type }) => type).filter((type) => type.startsWith('leak.') && type !== 'leak.reported');
  /** Keys that the emergencies name. */
  const named = async () => (await emergencies()).map(({ notes }) => (notes as { revocation: { keys: unknown } }).revocation.keys);
  /** The open emergency until its keys are dead; what replaces them is another test's. */
  const revoking = async (): Promise<void> => {
    for (let steps = 0; steps < 4 && ['requested', 'revoking'].includes((await open.ledger.openRotation('app'))?.state ?? ''); steps += 1) await advance(engine, (await open.ledger.openRotation('app'))?.id ?? '', signal);
  };
  const emergencies = async () => (await open.ledger.rotations({ credential: 'app' }, { limit: 50 })).filter(({ kind }) => kind === 'emergency');

  test('a current key: its credential is in an emergency, once, however often it was found', async () => {
    const current = await key('cur', 'current');
    await report(value('cur'), value('cur', { url: 'https://example.com/elsewhere' }));
    await handleLeaks(handling(), signal);
    const [emergency, ...more] = await emergencies();
    expect(more).toEqual([]);
    expect(emergency).toMatchObject({ oldKeyId: current.id, actor: { who: expect.stringMatching(/^leak:scanner:/), why: 'leaked, as scanner reports: https://example.com/cur' } });
    expect(await open.leaks.leaks({}, 10)).toMatchObject([{ outcome: 'emergency', rotationId: emergency?.id, keyId: current.id }, { outcome: 'emergency', rotationId: emergency?.id }]);
    expect(await events()).toEqual(['leak.emergency', 'leak.emergency']);
    expect(await told()).toEqual([['leak', 'critical', 'app: its current key leaked'], ['leak', 'critical', 'app: its current key leaked']]);
  });

  test('an older key that lives: an emergency of that key only, which goes on with the current one', async () => {
    await key('cur', 'current');
    const old = await key('old', 'draining');
    await report(value('old'));
    await handleLeaks(handling(), signal);
    expect([await outcomes(), await named(), await events()]).toEqual([['older_key'], [[old.id]], ['leak.older_key']]);
    await revoking();
    expect([revoked, (await open.ledger.key(old.id))?.state]).toEqual([['old'], 'revoked']);
  });

  test('a key that waits for evidence before it dies does not wait any longer', async () => {
    await key('cur', 'current');
    await key('old', 'draining');
    await open.ledger.addDebt({ credential: 'app', issuer: 'hm', issuerKeyId: 'old', fingerprint: print(valueOf('old')), cause: 'superseded', rotationId: null, notBeforeMs: 3_600_000 }, ACTOR);
    await report(value('old'));
    await handleLeaks(handling(), signal);
    await revoking();
    expect([await outcomes(), revoked]).toEqual([['older_key'], ['old']]);
  });

  test('nor does it while an emergency of another key is past its revocations', async () => {
    const [, old] = [await key('cur', 'current'), await key('old', 'draining')];
    await report(value('cur'));
    await handleLeaks(handling(), signal);
    const [first] = await emergencies();
    await open.pool.query("update keyturn.rotations set state = 'promoting'");
    await open.ledger.addDebt({ credential: 'app', issuer: 'hm', issuerKeyId: 'old', fingerprint: print(valueOf('old')), cause: 'superseded', rotationId: null, notBeforeMs: 3_600_000 }, ACTOR);
    await report(value('old'));
    await handleLeaks(handling(), signal);
    expect((await emergencies()).map(({ id, notes }) => [id === first?.id, (notes as { revocation: object }).revocation])).toEqual([[false, { keys: [old.id], replace: true }], [true, expect.anything()]]);
    await revoking();
    expect(revoked).toContain('old');
  });

  test('a dead key: whether it died before the leak was seen', async () => {
    const dead = await key('dead', 'draining');
    await open.ledger.markKey(dead.id, 'revoked', ACTOR, 'x');
    const { revokedAt } = (await open.ledger.key(dead.id)) ?? {};
    const at = (ms: number): Date => new Date((revokedAt?.getTime() ?? 0) + ms);
    await report(value('dead', { url: 'https://example.com/after', foundAt: at(60_000) }));
    await handleLeaks(handling(), signal);
    await report(value('dead', { url: 'https://example.com/before', foundAt: at(-60_000) }));
    await handleLeaks(handling(), signal);
    expect([await outcomes(), revoked, await emergencies()]).toEqual([['already_revoked', 'already_revoked'], [], []]);
    expect((await open.leaks.leaks({}, 10)).map(({ message }) => message)).toEqual([expect.stringContaining('after the leak was seen'), expect.stringContaining('before the leak was seen')]);
    expect((await told()).map(([, severity]) => severity)).toEqual(['warning', 'info']);
    // The same place tomorrow: nobody needs to hear it again.
    await report(value('dead', { url: 'https://example.com/before', foundAt: at(-60_000), detail: 'next scan' }));
    await handleLeaks(handling(), signal);
    expect([(await outcomes()).length, (await told()).length]).toEqual([3, 2]);
  });

  test('10,000 in one report, three of them ours: three outcomes', async () => {
    await key('cur', 'current');
    await key('old', 'draining');
    const dead = await key('dead', 'draining');
    await open.ledger.markKey(dead.id, 'revoked', ACTOR, 'x');
    const strangers = Array.from({ length: 9_997 }, (_, n): Partial<ReportedLeak> => ({ secret: { kind: 'value', value: `ghp_stranger_${n}` }, url: `https://example.com/${n}` }));
    await report(...strangers.slice(0, 5_000), value('cur'), value('old'), ...strangers.slice(5_000), value('dead'));
    await handleLeaks(handling(), signal);
    expect([new Set(await outcomes()), (await open.leaks.leaks({}, 100)).length]).toEqual([new Set(['emergency', 'older_key', 'already_revoked']), 3]);
    await revoking();
    expect(revoked.toSorted()).toEqual(['cur', 'old']);
  });

  test('two workers at once on twenty reports of one key: one emergency', async () => {
    await key('cur', 'current');
    for (let n = 0; n < 20; n += 1) await report(value('cur', { url: `https://example.com/${n}` }));
    await Promise.all([handleLeaks(handling(), signal), handleLeaks(handling({ engine: { ...engine, worker: 'w2' } }), signal)]);
    expect([new Set(await outcomes()), (await emergencies()).length]).toEqual([new Set(['emergency']), 1]);
    expect((await open.leaks.leaks({}, 100)).every(({ rotationId }) => rotationId !== null)).toBe(true);
  });

  test('a source that only tells revokes nothing', async () => {
    respond = 'tell';
    await key('cur', 'current');
    await report(value('cur'));
    await handleLeaks(handling(), signal);
    expect([await outcomes(), revoked, await emergencies(), await told()]).toEqual([['told'], [], [], [['leak', 'critical', 'app: a key of it leaked, and nothing was revoked']]]);
  });

  test('a key whose binding was never proved is not revoked automatically', async () => {
    await key('cur', 'current', { proven: false });
    await report(value('cur'));
    await handleLeaks(handling(), signal);
    expect([await outcomes(), revoked, await emergencies()]).toEqual([['told'], [], []]);
  });

  test('one that looks like a key of ours and is none: told once for a report; strangers are counted', async () => {
    await report(value('nobody1'), value('nobody2'), { secret: { kind: 'value', value: 'ghp_somebody_elses_token_0123456789' } });
    await handleLeaks(handling(), signal);
    expect([await outcomes(), await told()]).toEqual([['unmanaged', 'unmanaged'], [['leak', 'critical', 'A leaked key of hm, which Keyturn does not manage']]]);
    expect(await open.leaks.leakFigures()).toMatchObject([{ leaks: 3, foreign: 1 }]);
  });

  test('a key of a credential that is declared no more is revoked, and not replaced', async () => {
    await key('cur', 'current');
    await open.ledger.declare([]);
    await report(value('cur'));
    await handleLeaks(handling(), signal);
    expect([await outcomes(), (await emergencies()).map(({ notes }) => (notes as { revocation: object }).revocation)]).toEqual([['older_key'], [expect.objectContaining({ replace: false })]]);
    await revoking();
    expect(revoked).toEqual(['cur']);
  });

  test.each(['before the request', 'after the request'])('a worker that dies %s of an emergency: one emergency, and the outcome is the right one', async (when) => {
    await key('cur', 'current');
    await report(value('cur'));
    const responder = leakResponder(engine);
    await handleLeaks(handling({ responder: { ...responder, async emergency(...given) { if (when === 'after the request') await responder.emergency(...given); return dies(); } } }), signal);
    expect(await outcomes()).toEqual([null]);
    const [first] = await emergencies();
    if (first !== undefined) {
      // Meanwhile the emergency goes on, and the key is condemned.
      const lease = await open.ledger.lease(first.id, 'w9', 60_000);
      if (lease !== null) await open.ledger.commit(lease, 'requested', { to: 'revoking', debts: [{ credential: 'app', issuer: 'hm', issuerKeyId: 'cur', fingerprint: null, cause: 'emergency', rotationId: first.id, notBeforeMs: 0 }] });
    }
    await advanceClock(open.pool, 60_000);
    await handleLeaks(handling(), signal);
    const all = await emergencies();
    expect(all).toHaveLength(1);
    expect(await open.leaks.leaks({}, 10)).toMatchObject([{ outcome: 'emergency', rotationId: all[0]?.id }]);
    expect(await events()).toEqual(['leak.emergency']);
  });

  test('a worker that dies between the emergency of an older key and the outcome: it is asked for once', async () => {
    await key('cur', 'current');
    const old = await key('old', 'draining');
    await report(value('old'));
    await handleLeaks(handling({ leaks: { ...open.leaks, settle: async () => dies() } }), signal);
    expect([await outcomes(), await named()]).toEqual([[null], [[old.id]]]);
    await advanceClock(open.pool, 60_000);
    await handleLeaks(handling(), signal);
    expect([await outcomes(), await named()]).toEqual([['older_key'], [[old.id]]]);
  });

  test('what fails is tried again, and keeps no other back', async () => {
    await key('cur', 'current');
    await key('old', 'draining');
    await report(value('cur'), value('old'));
    const responder = leakResponder(engine);
    const hiccups = handling({ responder: { emergency: async (one, actor) => { if (one.state === 'current') throw new Error('the ledger hiccups'); return await responder.emergency(one, actor); } } });
    await handleLeaks(hiccups, signal);
    expect(new Set(await outcomes())).toEqual(new Set([null, 'older_key']));
    await advanceClock(open.pool, 5_000);
    await handleLeaks(handling(), signal);
    expect(new Set(await outcomes())).toEqual(new Set(['emergency', 'older_key']));
    await revoking();
    expect(revoked.toSorted()).toEqual(['cur', 'old']);
  });

  test('a reference: read when it can be, paged while it can’t, given up after a day of refusals', async () => {
    await key('cur', 'current');
    fetched = async () => { throw new KeyturnError('SOURCE_UNAVAILABLE', 'GitHub answers 503.', { retryAfterMs: 30_000 }); };
    await report(reference(1), reference(2));
    await fetchLeaks(shared(), signal);
    expect(await open.leaks.leaks({ open: true }, 10)).toMatchObject([{ lastError: 'GitHub answers 503.', outcome: null }, { outcome: null }]);
    expect(await told()).toEqual([['leak', 'critical', 'A leak that scanner reports can\'t be read']]);
    expect(await open.leaks.waiting()).toMatchObject({ reference: false });
    await advanceClock(open.pool, 31_000);
    fetched = async () => ({ secret: { kind: 'value', value: valueOf('cur') }, url: null, foundAt: null, detail: 'hypermemory_key' });
    await fetchLeaks(shared(), signal);
    await handleLeaks(handling(), signal);
    expect([await outcomes(), (await emergencies()).length]).toEqual([['emergency', 'emergency'], 1]);
    fetched = async () => { throw new KeyturnError('SOURCE_REFUSED', 'GitHub answers 404.'); };
    await report(reference(3));
    await fetchLeaks(shared(), signal);
    await advanceClock(open.pool, 25 * 3_600_000);
    await fetchLeaks(shared(), signal);
    expect((await open.leaks.leaks({}, 1))[0]).toMatchObject({ outcome: 'unreadable', message: expect.stringContaining('GitHub answers 404.') });
  });

  test('a hash: found while a store serves the value; not found is said honestly, and a store that can’t be read is waited for', async () => {
    await key('cur', 'current');
    await key('bak', 'draining');
    stored = [valueOf('cur'), valueOf('bak')];
    const hash = async (kind: 'hmsl' | 'sha256', name: string): Promise<Partial<ReportedLeak>> => ({ secret: { kind: 'hash', hash: kind, hex: await leakHash(kind, new Secret(valueOf(name))) } });
    const match = createLeakMatcher(shared());
    await report(await hash('sha256', 'bak'), await hash('hmsl', 'gone'));
    unreadable = true;
    await match(signal);
    expect(await open.leaks.leaks({ open: true }, 10)).toMatchObject([{ lastError: expect.stringContaining('place p') }, { lastError: expect.stringContaining('place p') }]);
    unreadable = false;
    await advanceClock(open.pool, 120_000);
    await match(signal);
    await handleLeaks(handling(), signal);
    expect((await open.leaks.leaks({}, 10)).map(({ outcome, message, sought }) => [outcome, message, sought])).toEqual([
      ['unknown', 'No store of a declared credential serves a value of that hash now. A key whose value no store holds can’t be told by a hash.', null],
      ['older_key', expect.stringContaining('only that key is revoked'), null],
    ]);
    await report(await hash('hmsl', 'cur'));
    await match(signal);
    await handleLeaks(handling(), signal);
    expect((await outcomes())[0]).toBe('emergency');
  });

  test('the sweep runs whatever becomes of leaks that wait, and wakes them', async () => {
    await key('cur', 'current');
    await report(value('cur'));
    const woken: string[] = [];
    const queue = { wake: async (job: string) => { woken.push(job); return true; } };
    const swept: string[] = [];
    const work = (leaks: Partial<typeof open.leaks>) => leakWork({ ...shared(), leaks: { ...open.leaks, ...leaks }, queue: queue as never }, { sweep: async () => void swept.push('swept') });
    await work({ waiting: () => Promise.reject(new Error('relation keyturn.leaks is locked')) }).sweep(signal);
    expect([swept, woken]).toEqual([['swept'], []]);
    await work({}).sweep(signal);
    expect([swept, woken]).toEqual([['swept', 'swept'], ['handle-leaks']]);
  });

  test('nothing of a value is in any table, nor in what is told', async () => {
    await key('cur', 'current');
    const written = valueOf('cur');
    await report({ secret: { kind: 'value', value: written }, url: `https://example.com/${written}?k=${written}`, detail: `found ${written}` }, { secret: { kind: 'value', value: 'ghp_somebody_elses_token_0123456789' }, url: 'x ghp_somebody_elses_token_0123456789', detail: null });
    await handleLeaks(handling(), signal);
    const { rows: tables } = await open.pool.query("select table_name as name from information_schema.tables where table_schema = 'keyturn'");
    for (const { name } of tables) {
      const { rows } = await open.pool.query(`select json_agg(t)::text as all from keyturn.${String(name)} t`);
      expect([name, /hm_live_cur000|ghp_somebody/.test(String(rows[0]?.['all']))]).toEqual([name, false]);
    }
  });
});
