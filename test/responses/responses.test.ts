/** What critical findings cause: begun once, within bounds, decided once, and carried out whoever dies in between. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApprovals, type AnswerApproval, type ApprovalRequest } from '../../src/app/approvals.ts';
import type { Context } from '../../src/app/context.ts';
import { leakResponder, type LeakResponder } from '../../src/app/leak-response.ts';
import { respond, type ResponseHandling } from '../../src/app/response-handling.ts';
import { withLink } from '../../src/app/response-links.ts';
import { responseChanges, responseQuestions } from '../../src/app/response-views.ts';
import { configSchema } from '../../src/config/schema.ts';
import { approvalTokens } from '../../src/core/approval.ts';
import type { Finding } from '../../src/core/finding.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { OnCritical } from '../../src/core/response.ts';
import { fingerprinter, Secret } from '../../src/core/secret.ts';
import type { KeyRecord } from '../../src/core/vocabulary.ts';
import type { Alert } from '../../src/core/alert.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Engine } from '../../src/rotation/engine.ts';
import { firing } from '../alerts/alert-fixtures.ts';
import { ACTOR, keyOf, plannedTexts, planOf, twoWorkers } from '../ledger/fixtures.ts';
import { advanceClock, openRuntime, ROOT_KEY, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';

const logged: string[] = [];
const say = (...given: readonly unknown[]): void => void logged.push(JSON.stringify(given));
const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
const signal = new AbortController().signal;
/** All that tests here write but the audit log, which can only grow. */
const FORGET = 'truncate keyturn.credentials, keyturn.keys, keyturn.rotations, keyturn.transitions, keyturn.debts, keyturn.deliveries, keyturn.responses, keyturn.alerts, keyturn.silences, keyturn.location_locks, keyturn.slot_reservations';
const HOUR = 3_600_000;
const CHANNELS = { info: ['ops'], warning: ['ops'], critical: ['ops'] };
const REVOKE: OnCritical = { respond: 'revoke', findings: ['outside_networks', 'unusual_traffic'] };
const APPROVE: OnCritical = { ...REVOKE, respond: 'approve' };
const tokens = approvalTokens(ROOT_KEY);
/** A worker that dies: at that call, before or after it was carried out. */
const dies = (): never => { throw new KeyturnError('LEASE_LOST', 'This worker is dead.'); };

interface Declared {
  readonly name?: string;
  readonly issuer?: string;
  readonly onCritical?: OnCritical | null;
  readonly isProtected?: true;
}

describe.each(RUNTIMES)('responses on $name', (runtime) => {
  let open: OpenRuntime;
  let revoked: string[];
  let woken: string[];
  let limits: { maxPerHour: number; maxPerIssuerPerHour: number };
  let eventsBefore: number;
  let declared: Declared[];
  beforeAll(async () => { open = await openRuntime(runtime); });
  afterAll(() => open.close());
  beforeEach(async () => {
    await open.pool.query(FORGET);
    eventsBefore = (await open.ledger.auditEvents({}, { limit: 1 }))[0]?.seq ?? 0;
    [revoked, woken, limits, declared, logged.length] = [[], [], { maxPerHour: 10, maxPerIssuerPerHour: 10 }, [], 0];
  });

  const config = () => configSchema.parse({
    version: 1, channels: { ops: { type: 'slack', token: '${env:T}', channel: '#ops' } }, response: { ...limits, approval: { url: 'https://keyturn.example.com/' } },
    policies: { p: { onCritical: { respond: 'revoke' } } },
  }) as unknown as ReturnType<Context['config']>;
  const engineOf = (worker: string, ledger = open.ledger): Engine => {
    const plugins = { issuer: { name: 'hm', capabilities: { callTimeoutMs: 1_000 }, revoke: async (id: string) => { revoked.push(id); return 'revoked' as const; } }, places: [], keyChecks: [], applicationChecks: [], hooks: [] };
    return {
      ledger, queue: { wake: async () => true, wakeAll: async () => true }, plugins: async () => plugins as unknown as Awaited<ReturnType<Engine['plugins']>>,
      fingerprint: fingerprinter(ROOT_KEY), log, clock: { timeout: (ms) => AbortSignal.timeout(ms) }, worker,
    };
  };
  const contextOf = (worker = 'w1'): Context => ({
    engine: engineOf(worker), ledger: open.ledger, alerts: open.alerts, responses: open.responses, config, queue: { wake: async (job: string) => { woken.push(job); return true; } },
  }) as unknown as Context;
  const handling = (more: Partial<ResponseHandling> = {}): ResponseHandling => { const context = contextOf(); return { ...context, responder: leakResponder(context.engine), ...more }; };
  const run = (more: Partial<ResponseHandling> = {}): Promise<void> => respond(handling(more), signal);

  const declare = async (...more: readonly Declared[]): Promise<void> => {
    declared = [...declared.filter(({ name }) => !more.some((one) => one.name === name)), ...more];
    await open.ledger.declare(plannedTexts(declared.map(({ name = 'app', issuer = 'hm', onCritical = REVOKE, isProtected }) => {
      const plan = planOf(name, issuer);
      return { plan: { ...plan, channels: CHANNELS, policy: { ...plan.policy, ...(onCritical === null ? {} : { onCritical }) }, ...(isProtected === undefined ? {} : { protected: isProtected }) }, revision: JSON.stringify([onCritical, isProtected]) };
    })));
  };
  const key = async (state: KeyRecord['state'] = 'current', more: Partial<Parameters<typeof keyOf>[1]> & { readonly credential?: string } = {}): Promise<KeyRecord> => {
    const { credential = 'app', ...rest } = more;
    return await open.ledger.adopt(keyOf(credential, { state, ...rest }), ACTOR, {});
  };
  let count = 0;
  /** An alert that fires and was told of, in the ledger. */
  const finds = async (keys: readonly KeyRecord[], finding: Partial<Finding> = {}, parts: Partial<Alert> = {}): Promise<Alert> => {
    const id = `01ALERT${String((count += 1)).padStart(19, '0')}`;
    const credential = keys[0]?.credential ?? 'app';
    const alert = firing(id, { rule: 'outside_networks', severity: 'critical', credential, subject: `credential:${credential} ${id}`, title: `${credential}: used from outside its networks`, happened: 'It is used from `203.0.113.9`.', keys: keys.map((one) => one.id), ...finding }, { version: 0, threads: { ops: id }, ...parts });
    expect(await open.alerts.apply({ alerts: [alert], dropped: [], channels: [], deliveries: [] })).toBe('applied');
    return alert;
  };
  const all = () => open.responses.list({}, { limit: 100 });
  const states = async () => (await all()).map(({ state }) => state);
  const told = async () => (await open.ledger.deliveries({}, { limit: 50 })).map(({ notice }) => notice.title);
  const events = async () => (await open.ledger.auditEvents({}, { limit: 100 })).filter(({ seq, type }) => seq > eventsBefore && type.startsWith('response.')).map(({ type }) => type).toReversed();
  const emergencies = async (credential = 'app') => (await open.ledger.rotations({ credential }, { limit: 50 })).filter(({ kind }) => kind === 'emergency');

  const many = async (size: number, issuer?: (n: number) => string): Promise<void> => {
    const names = Array.from({ length: size }, (_, n) => `app-${n}`);
    await declare(...names.map((name, n) => ({ name, ...(issuer === undefined ? {} : { issuer: issuer(n) }) })));
    for (const [n, credential] of names.entries()) await finds([await key('current', { credential, issuer: issuer?.(n) ?? 'hm' })]);
  };
  const counted = async (): Promise<Record<string, number>> => Object.fromEntries([...Map.groupBy(await all(), ({ state }) => state)].map(([state, some]) => [state, some.length]));
  const asked = async () => {
    const current = await key();
    await finds([current], { happened: 'It is used from <script>alert(1)</script> & "203.0.113.9".' });
    await run();
    const [response] = await all();
    if (response?.expiresAt == null) throw new Error('nobody was asked');
    const [delivery] = (await open.ledger.deliveries({}, { limit: 50 })).filter(({ notice }) => notice.ask !== undefined);
    const token = /\/approve\/(.+)$/.exec(withLink(delivery?.notice as never, tokens, config().response.approval.url).ask?.url ?? '')?.[1] ?? '';
    return { response, token, current, notice: delivery?.notice };
  };

  describe('revoke', () => {
    test('the key that a finding names is revoked and replaced, once, and people are told why in the alert’s thread', async () => {
      await declare({});
      const current = await key();
      const alert = await finds([current]);
      for (let n = 0; n < 3; n += 1) await run();
      const [response, ...more] = await all();
      expect(more).toEqual([]);
      const [emergency, ...others] = await emergencies();
      expect(others).toEqual([]);
      expect(response).toMatchObject({ state: 'done', alert: alert.id, keyId: current.id, rotationId: emergency?.id, intent: 'emergency' });
      expect(emergency).toMatchObject({ oldKeyId: current.id, actor: { who: `finding:outside_networks:${response?.id ?? ''}`, why: 'app: used from outside its networks; policy p revokes on that' } });
      expect(await events()).toEqual(['response.accepted', 'response.done']);
      const [delivery, ...rest] = (await open.ledger.deliveries({}, { limit: 50 })).filter(({ notice }) => notice.kind === 'response');
      expect(rest).toEqual([]);
      expect(delivery).toMatchObject({ channel: 'ops', incident: { id: alert.id, status: 'firing' }, notice: { severity: 'critical', title: 'app: its key is revoked because of a finding' } });
    });

    test('an old key that is misused: an emergency of that key alone', async () => {
      await declare({});
      await key();
      const old = await key('draining');
      await finds([old]);
      await run();
      const [emergency, ...more] = await emergencies();
      expect([await states(), more, emergency?.notes]).toMatchObject([['done'], [], { revocation: { keys: [old.id] } }]);
      expect(await all()).toMatchObject([{ intent: 'older_key', rotationId: emergency?.id }]);
    });

    test('what calls for nothing', async () => {
      await declare({}, { name: 'other', onCritical: null });
      const current = await key();
      const dead = await key('draining');
      await open.ledger.markKey(dead.id, 'revoked', ACTOR, 'x');
      const foreign = await key('current', { credential: 'other' });
      await finds([current], { severity: 'warning' });
      await finds([current], { rule: 'new_network' });
      await finds([current], { rule: 'revoked_key_tried' });
      await finds([current], {}, { told: null });
      await finds([current], {}, { state: 'pending', told: null });
      await finds([current], {}, { state: 'resolved' });
      await finds([current], {}, { acknowledged: { actor: ACTOR, at: 0 } });
      await finds([current], { credential: 'nobody' });
      await finds([foreign]);
      await finds([foreign], { credential: 'app' });
      await finds([], { credential: 'app' });
      await finds([dead], { credential: 'app' });
      await run();
      expect([await all(), await told(), revoked]).toEqual([[], [], []]);
    });

    test('what is silenced calls for nothing until the silence is over', async () => {
      await declare({});
      await finds([await key()]);
      const silence = await open.alerts.addSilence([{ field: 'credential', pattern: 'app' }], HOUR, ACTOR);
      await run();
      expect(await states()).toEqual([]);
      await open.alerts.endSilence(silence.id, ACTOR);
      await run();
      expect(await states()).toEqual(['done']);
    });

    test('two findings of one key at once cause one revocation; whoever goes on with the next key is answered again', async () => {
      await declare({});
      const current = await key();
      const first = await finds([current]);
      await finds([current], { rule: 'unusual_traffic' });
      await run();
      expect([(await all()).length, (await emergencies()).length]).toEqual([1, 1]);
      const { rows } = await open.pool.query('select 1 from keyturn.rotations');
      expect(rows).toHaveLength(1);
      await open.pool.query(`update keyturn.keys set state = 'revoked' where id = '${current.id}'`);
      await open.pool.query(`update keyturn.rotations set state = 'done', finished_at = now()`);
      await open.pool.query('update keyturn.credentials set current_key_id = null');
      const next = await key('current', { issuerKeyId: 'next' });
      await open.alerts.apply({ alerts: [{ ...first, version: 1, finding: { ...first.finding, keys: [current.id, next.id] } }], dropped: [], channels: [], deliveries: [] });
      await run();
      expect((await all()).map(({ keyId, incident }) => [keyId, incident])).toEqual([[next.id, first.incident], [current.id, first.incident]]);
    });

    test.each(['before it asked', 'after it asked', 'before it said so'] as const)('a worker that dies %s: the next one goes on, and there is one emergency', async (when) => {
      await declare({});
      await finds([await key()]);
      const responder = leakResponder(handling().engine);
      const dying: LeakResponder = { ...responder, async emergency(...given) { if (when !== 'before it asked') await responder.emergency(...given); return when === 'before it said so' ? null : dies(); } };
      await run({ responder: dying, ...(when === 'before it said so' ? { responses: { ...open.responses, settle: async () => dies() } } : {}) });
      expect(await states()).toEqual(['accepted']);
      await run();
      expect(await states()).toEqual(['accepted']);
      await advanceClock(open.pool, 11_000);
      await run();
      const [response] = await all();
      expect([response?.state, response?.attempts, (await emergencies()).map(({ id }) => id)]).toEqual(['done', 2, [response?.rotationId]]);
    });

    test('a worker that dies right after it was begun, and one that fails: it is tried again', async () => {
      await declare({});
      await finds([await key()]);
      await run({ responses: { ...open.responses, claim: async () => [] } });
      expect(await states()).toEqual(['accepted']);
      const responder = leakResponder(handling().engine);
      await run({ responder: { ...responder, emergency: async () => { throw new KeyturnError('LEDGER_UNREACHABLE', 'The ledger is away.'); } } });
      expect(await all()).toMatchObject([{ state: 'accepted', lastError: 'The ledger is away.' }]);
      await advanceClock(open.pool, 2_000);
      await run();
      expect(await states()).toEqual(['done']);
    });

    test('ten workers at once: each response begins and ends once', async () => {
      await declare({}, { name: 'b' }, { name: 'c' });
      for (const credential of ['app', 'b', 'c']) await finds([await key('current', { credential })]);
      await Promise.all(Array.from({ length: 10 }, (_, n) => respond({ ...handling(), engine: engineOf(`w${n}`) }, signal)));
      expect(await states()).toEqual(['done', 'done', 'done']);
      expect((await Promise.all(['app', 'b', 'c'].map(emergencies))).map(({ length }) => length)).toEqual([1, 1, 1]);
    });

    test('a protected credential, and a key whose binding nobody proved, are left to people, who are told', async () => {
      await declare({ isProtected: true }, { name: 'adopted' }, { name: 'asks', onCritical: APPROVE, isProtected: true });
      await finds([await key()]);
      await finds([await key('current', { credential: 'adopted', proven: false })]);
      await finds([await key('current', { credential: 'asks' })]);
      await run();
      await run();
      expect([await states(), revoked, await emergencies(), await emergencies('adopted'), await emergencies('asks')]).toEqual([['withheld', 'withheld', 'withheld'], [], [], [], []]);
      expect((await told()).toSorted()).toEqual(['adopted', 'app', 'asks'].map((name) => `${name}: Keyturn does not revoke its key by itself`));
      expect((await open.responses.figures()).hour).toBe(0);
    });

    test('of what a digest tells, nobody is told one by one that it was left to people', async () => {
      await declare({ isProtected: true });
      await finds([await key()], {}, { threads: { ops: 'digest' } });
      await run();
      expect([await states(), await told()]).toEqual([['withheld'], []]);
    });

    test('one that became protected before it was carried out is not', async () => {
      await declare({});
      await finds([await key()]);
      await run({ responses: { ...open.responses, claim: async () => [] } });
      await declare({ isProtected: true });
      await run();
      expect([await states(), await emergencies()]).toEqual([['withheld'], []]);
    });
  });

  describe('the breaker', () => {
    test('holds back what is more than allowed of one issuer; people get one message, with the commands; it is not made up for later', async () => {
      limits = { maxPerHour: 10, maxPerIssuerPerHour: 2 };
      await many(5, (n) => (n === 4 ? 'another' : 'hm'));
      await run();
      expect(await counted()).toEqual({ done: 3, tripped: 2 });
      const tripped = await open.responses.list({ state: 'tripped' }, { limit: 9 });
      expect(tripped[0]?.message).toBe('2 responses on issuer hm began within the last hour, and response.maxPerIssuerPerHour (2) allows no more.');
      const notices = (await open.ledger.deliveries({}, { limit: 50 })).filter(({ notice }) => notice.title.includes('not revoked'));
      expect(notices).toMatchObject([{ notice: { severity: 'critical', title: '2 keys were not revoked, since too many were of late' } }]);
      for (const { keyId } of tripped) expect(notices[0]?.notice.todo.join(' ')).toContain(`keyturn revoke ${(await open.ledger.key(keyId))?.issuerKeyId ?? '?'} --reason`);
      expect(await events()).toEqual(expect.arrayContaining(['response.tripped', 'response.tripped']));
      await advanceClock(open.pool, HOUR + 1_000);
      await run();
      expect(await counted()).toEqual({ done: 3, tripped: 2 });
      expect((await responseQuestions(contextOf()).responses({})).breaker).toEqual({ hour: 0, byIssuer: {}, waiting: 0, tripped: 2, maxPerHour: 10, maxPerIssuerPerHour: 2 });
    });

    test('holds back what is more than allowed in all, and closes after an hour', async () => {
      limits = { maxPerHour: 3, maxPerIssuerPerHour: 3 };
      await many(4, (n) => `issuer-${n}`);
      await run();
      expect(await counted()).toEqual({ done: 3, tripped: 1 });
      await declare({ name: 'later', issuer: 'issuer-9' });
      await advanceClock(open.pool, HOUR + 1_000);
      await finds([await key('current', { credential: 'later', issuer: 'issuer-9' })]);
      await run();
      expect(await counted()).toEqual({ done: 4, tripped: 1 });
    });

    test('no number of workers gets past it', async () => {
      limits = { maxPerHour: 3, maxPerIssuerPerHour: 3 };
      await many(12);
      const two = await twoWorkers(open);
      await Promise.all(Array.from({ length: 8 }, (_, n) => respond({ ...handling(), engine: engineOf(`w${n}`, two.ledgers[n % 2]) }, signal)));
      await two.close();
      expect(await counted()).toEqual({ done: 3, tripped: 9 });
    });

    test('requests to people count too', async () => {
      limits = { maxPerHour: 10, maxPerIssuerPerHour: 1 };
      await declare({ name: 'a', onCritical: APPROVE }, { name: 'b', onCritical: APPROVE });
      for (const credential of ['a', 'b']) await finds([await key('current', { credential })]);
      await run();
      expect(await counted()).toEqual({ waiting: 1, tripped: 1 });
    });
  });

  describe('approve', () => {
    let answer: AnswerApproval;
    let clock: number;
    const asks = (token: string, wants: ApprovalRequest['wants'] = 'look', name = 'Alice') => answer({ token, wants, name });
    beforeEach(async () => {
      clock = 0;
      answer = createApprovals(contextOf(), tokens, () => clock);
      await declare({ onCritical: APPROVE });
    });

    test('people are asked, and looking changes nothing, however often', async () => {
      const { response, token, notice } = await asked();
      expect(response.state).toBe('waiting');
      expect(notice).toMatchObject({ severity: 'critical', ask: { response: response.id } });
      // The link is made when the message goes out: the ledger does not hold it.
      expect(JSON.stringify((await open.pool.query('select notice from keyturn.deliveries')).rows)).not.toContain(token);
      expect(withLink(notice as never, tokens, 'https://keyturn.example.com/base/').ask?.url).toBe(`https://keyturn.example.com/base/approve/${token}`);
      for (let n = 0; n < 20; n += 1) {
        const { status, html } = await asks(token);
        expect(status).toBe(200);
        expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;203.0.113.9&quot;');
        expect(html).not.toContain('<script');
        expect(html).toContain('<form method="post" action=""');
      }
      await run();
      expect([await states(), await emergencies(), await events()]).toEqual([['waiting'], [], ['response.waiting']]);
      expect(logged.join()).not.toContain(token);
    });

    test('approved by link: that key dies, the person is on record, and the same again is answered alike', async () => {
      const { response, token, current } = await asked();
      expect((await asks(token, 'approve', ' Alice\n\u202E of ops ')).status).toBe(200);
      expect(woken).toEqual(expect.arrayContaining(['respond', 'deliver']));
      // The answer was lost, and the browser sends it again.
      expect((await asks(token, 'approve', 'Alice of ops')).status).toBe(200);
      expect([(await asks(token, 'approve', 'Bob')).status, (await asks(token, 'decline', 'Alice of ops')).status, (await asks(token)).status]).toEqual([409, 409, 409]);
      await run();
      expect((await asks(token, 'approve', 'Alice of ops')).status).toBe(200);
      await run();
      const [emergency, ...more] = await emergencies();
      expect([more, await states(), await events()]).toEqual([[], ['done'], ['response.waiting', 'response.approved', 'response.done']]);
      expect(emergency).toMatchObject({ oldKeyId: current.id, actor: { who: `finding:outside_networks:${response.id}`, why: 'app: used from outside its networks; approved by link:Alice of ops: by the link of a message' } });
      expect((await told()).filter((title) => title === 'app: its key is revoked, as approved')).toHaveLength(1);
      expect(logged.join()).not.toContain(token);
    });

    test('declined: nothing is revoked, and of this incident nobody is asked again', async () => {
      const { token } = await asked();
      expect((await asks(token, 'decline')).status).toBe(200);
      await run();
      expect([await states(), await emergencies(), await events()]).toEqual([['declined'], [], ['response.waiting', 'response.declined']]);
      expect([(await asks(token, 'approve')).status, (await asks(token, 'decline')).status]).toEqual([409, 200]);
    });

    test('without a name nothing is decided', async () => {
      const { token } = await asked();
      const { status, html } = await asks(token, 'approve', ' \u200B\t ');
      expect([status, await states()]).toEqual([400, ['waiting']]);
      expect(html).toContain('Say who you are');
    });

    test('a link that is none of ours, cut off, changed, or of another installation, reaches no ledger', async () => {
      const { token, response } = await asked();
      const [id = '', ends = '', mac = ''] = token.split('.');
      const other = approvalTokens(new Secret('another-root-key-0123456789abcdefgh'));
      const later = (Number.parseInt(ends, 36) + 3_600).toString(36);
      const forged = ['', 'x', id, `${id}.${ends}`, token.slice(0, -1), `${token}A`, `${id}.${later}.${mac}`, `01ZZZZZZZZZZZZZZZZZZZZZZZZ.${ends}.${mac}`, other.token(id, response.expiresAt ?? new Date()), `${id}.${ends}.${'A'.repeat(43)}`];
      const blind = createApprovals({ ...contextOf(), responses: new Proxy({}, { get: () => { throw new Error('the ledger was asked'); } }) as never }, tokens);
      for (const one of forged) for (const wants of ['look', 'approve'] as const) expect([one, (await blind({ token: one, wants, name: 'Eve' })).status]).toEqual([one, 404]);
      // Well signed, and of a response that this ledger does not hold: a backup was put back.
      expect((await asks(tokens.token('01ZZZZZZZZZZZZZZZZZZZZZZZZ', new Date(Date.now() + HOUR)), 'approve')).status).toBe(404);
      expect(await states()).toEqual(['waiting']);
    });

    test('nobody decides: it expires, people are told how to do it by hand, and the link is dead', async () => {
      const { token, current } = await asked();
      await advanceClock(open.pool, HOUR + 1_000);
      expect([(await asks(token, 'approve')).status, (await asks(token)).status, await states()]).toEqual([410, 410, ['waiting']]);
      await expect(responseChanges(contextOf()).approveResponse((await all())[0]?.id ?? '', ACTOR)).rejects.toMatchObject({ code: 'RESPONSE_OVER', message: expect.stringContaining('has expired'), todo: expect.stringContaining(`keyturn revoke ${current.issuerKeyId}`) });
      await Promise.all([run(), run()]);
      await run();
      expect([await states(), await events()]).toEqual([['expired'], ['response.waiting', 'response.expired']]);
      const [notice] = (await open.ledger.deliveries({}, { limit: 50 })).filter(({ notice: { title } }) => title === 'app: nobody decided, and its key was not revoked');
      expect(notice).toMatchObject({ incident: { status: 'firing' }, notice: { severity: 'critical', todo: [expect.stringContaining(`keyturn revoke ${current.issuerKeyId} --reason`), expect.any(String)] } });
      expect([(await asks(token, 'approve')).status, (await asks(token)).status, await emergencies()]).toEqual([410, 410, []]);
    });

    test('what died meanwhile cannot be approved', async () => {
      const { token, current } = await asked();
      await open.ledger.markKey(current.id, 'lost', ACTOR, 'x');
      expect([(await asks(token)).status, await states()]).toEqual([412, ['waiting']]);
      expect([(await asks(token, 'approve')).status, await states(), await events()]).toEqual([412, ['moot'], ['response.waiting', 'response.moot']]);
      expect((await asks(token, 'approve')).status).toBe(412);
    });

    test('nor what became protected, or left the configuration', async () => {
      const { token } = await asked();
      await declare({ onCritical: APPROVE, isProtected: true });
      const { status, html } = await asks(token, 'approve');
      expect([status, await states(), await emergencies()]).toEqual([412, ['moot'], []]);
      expect(html).toContain('is protected now');
    });

    test('two people at once, one yes and one no: one of them counts', async () => {
      for (let n = 0; n < 5; n += 1) {
        await open.pool.query(FORGET);
        await declare({ onCritical: APPROVE });
        const { token } = await asked();
        const [yes, no] = await Promise.all([asks(token, 'approve', 'Alice'), asks(token, 'decline', 'Bob')]);
        expect(new Set([yes.status, no.status])).toEqual(new Set([200, 409]));
        expect(await states()).toEqual([yes.status === 200 ? 'accepted' : 'declined']);
      }
    });

    test('at a terminal, by the beginning of its id; and once', async () => {
      const { response } = await asked();
      const changes = responseChanges(contextOf());
      expect(await changes.approveResponse(response.id.slice(0, 25).toLowerCase(), { who: 'cli:alice@host', why: 'none of ours' })).toMatchObject({ state: 'accepted', decidedBy: { who: 'cli:alice@host' } });
      await expect(changes.declineResponse(response.id, ACTOR)).rejects.toMatchObject({ code: 'RESPONSE_OVER', message: expect.stringContaining('was approved already by cli:alice@host') });
      await expect(changes.declineResponse('01ZZZZ', ACTOR)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
      await run();
      expect((await emergencies())[0]?.actor.why).toBe('app: used from outside its networks; approved by cli:alice@host: none of ours');
    });

    test('a link that is asked for too often is refused for a minute; forged ones take no room from it', async () => {
      const { token } = await asked();
      for (let n = 0; n < 700; n += 1) await asks('forged');
      expect((await asks('forged')).status).toBe(429);
      for (let n = 0; n < 60; n += 1) expect((await asks(token)).status).toBe(200);
      expect((await asks(token, 'approve')).status).toBe(429);
      clock += 60_000;
      expect((await asks(token, 'approve')).status).toBe(200);
    });

    test('while the ledger is away the page says so, and sending it again decides once', async () => {
      const { token } = await asked();
      const after = createApprovals({ ...contextOf(), responses: { ...open.responses, decide: async (...given) => { await open.responses.decide(...given); throw new KeyturnError('LEDGER_UNREACHABLE', 'The ledger is away.'); } } }, tokens);
      expect((await after({ token, wants: 'approve', name: 'Alice' })).status).toBe(503);
      expect((await asks(token, 'approve', 'Alice')).status).toBe(200);
      expect(await events()).toEqual(['response.waiting', 'response.approved']);
    });
  });

  test('what is over is let go after its time, what waits is not', async () => {
    await declare({}, { name: 'b', onCritical: APPROVE });
    await finds([await key()]);
    await finds([await key('current', { credential: 'b' })]);
    await run();
    await advanceClock(open.pool, 91 * 24 * HOUR);
    expect([await open.responses.prune(90 * 24 * HOUR), await states()]).toEqual([1, ['waiting']]);
  });
});
